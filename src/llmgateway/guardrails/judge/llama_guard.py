"""The form of Llama Guard: the conversation goes there as it is, and `safe` or `unsafe` with categories comes back.

Its own prompt is in the template with which it is served, which wants a user's turn first and roles by turns.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from llmgateway.guardrails.judge.chat import Message, Shown
from llmgateway.ports.asking import OpinionError

CATEGORIES: Final = tuple(f"S{number}" for number in range(1, 15))
UNSAFE: Final = "unsafe"  # without a category
OTHER: Final = "other"  # with a category of another list
NAMED: Final = (*CATEGORIES, UNSAFE, OTHER)
_MOST_NAMED: Final = 100
_NOTHING_ASKED: Final = "(no text)"


class LlamaGuard:
    """Asks about the last turn of a conversation. `counted`: the categories that count."""

    max_tokens = 100  # all categories, and some more

    def __init__(self, counted: Sequence[str]) -> None:
        self._counted = counted

    def messages(self, texts: Sequence[Shown], context: Sequence[Shown]) -> list[Message]:
        """Write the conversation; what one side says in a row is one turn."""
        turns = groupby((*context, *texts), key=lambda each: "assistant" if each.source == "assistant" else "user")
        said = [{"role": role, "content": "\n\n".join(each.text for each in run)} for role, run in turns]
        return said if said[0]["role"] == "user" else [{"role": "user", "content": _NOTHING_ASKED}, *said]

    def read(self, text: str) -> list[tuple[str, float]]:
        """Give the categories that are violated; OpinionError for anything but the documented form."""
        verdict, *named = text.replace(",", " ").split()[: _MOST_NAMED + 1] or [""]
        if verdict not in {"safe", UNSAFE} or (verdict == "safe" and named) or not all(map(_is_category, named)):
            raise OpinionError("The answer is neither safe nor unsafe with categories.")
        if verdict == "safe":
            return []
        violated = dict.fromkeys(each if each in CATEGORIES else OTHER for each in named) or {UNSAFE: None}
        return [(each, 1.0) for each in violated if each in self._counted]


def _is_category(word: str) -> bool:
    return 2 <= len(word) <= 3 and word.isascii() and word[0].isupper() and word[1:].isdigit()
