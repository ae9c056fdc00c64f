"""The pretend model's counting rule, in full.

A token is a run of up to six letters or digits with the blank before it, or any other single character.
A prompt costs 4 tokens a message, its texts, 85 an image, and the JSON of its tools; an answer costs its pieces,
a tool call its name and arguments, and reasoning what the knob says. The pieces of a text add up to the text.
"""

import re
from collections.abc import Iterable
from typing import Final

PER_MESSAGE: Final = 4
PER_IMAGE: Final = 85
_PIECE: Final = re.compile(r"\s?\w{1,6}|\s?[^\w\s]|\s")


def pieces(text: str) -> list[str]:
    """Cut a text into its tokens."""
    return _PIECE.findall(text)


def count(texts: Iterable[str]) -> int:
    """Count the tokens of several texts."""
    return sum(1 for text in texts for _ in _PIECE.finditer(text))
