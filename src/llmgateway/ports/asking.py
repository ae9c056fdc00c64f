"""Port for judges that must ask somebody: a model, a moderation endpoint, a service of the operator's own.

To add one: write `guardrails/<name>.py` with a class that has these members, name it under "judge" in `plugins.py` (or
in the entry-point group `llmgateway.judge` of your own package), and add `tests/fixtures/asking/<name>.json`; the
contract suite then runs over it.

Such a judge does no I/O either. It says what is to be asked and what an answer means; the gateway asks, beside the
event loop's other work, within the definition's `timeout`, and remembers the answers to the questions of late. It gets
texts as they go on: what the route redacts has been redacted.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.domain.verdict import Stage
from llmgateway.ports.judge import Judged, Piece
from llmgateway.wire.jsoncodec import JsonError, decode

MAX_QUESTION: Final = 1024 * 1024  # bytes of a question's body, whatever is asked about
OF_TEXTS: Final = frozenset({400, 413, 422})  # statuses that refuse a question, and tell nothing of whom was asked

_FENCE: Final = "```"
_BROKEN_OFF: Final = ("length", "content_filter")  # compared, not looked up: an answer may hold anything


class Whom(StrEnum):
    """Who is asked: the definition's setting of that name says which."""

    ROUTE = "route"  # a route of this gateway, as a caller would: an exchange of its own, in the log too
    BACKEND = "backend"  # a backend's base_url, directly; requests are signed with its api_key


class Question(NamedTuple):
    """What is sent: `body`, a JSON object of MAX_QUESTION at most, by POST to `path`, which begins with a slash."""

    path: str
    body: bytes


class OpinionError(ValueError):
    """An answer that says nothing: in another form, or about something else. Its sentence holds nothing of it."""


class AskingJudge(Protocol):
    """Asks about whole texts. Like other plug-ins it is made once a definition and keeps nothing between calls."""

    name: str
    version: str  # of its rules: stands beside every verdict, so change it when they change
    kinds: Sequence[str]  # every `Finding.kind` it can give; a prefix with a `.*` where the answer makes them up
    stages: Sequence[Stage]  # which it can judge
    is_windowed: bool  # whether a stream's text may be asked about in parts, so that it need not wait for its end
    whom: Whom
    asked: str  # the route's or backend's name

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the definition's settings, the one called as `whom` is among them; OptionError for what is wrong."""
        ...

    def question(self, pieces: Sequence[Piece], context: Sequence[Piece]) -> Question | None:
        """What to ask about `pieces`, the same bytes for the same texts; None if nothing in them needs it.

        Of a reply, `pieces` are its texts and `context` is what the request said; of a request, `context` is empty.
        """
        ...

    def opinion(self, answer: bytes, pieces: Sequence[Piece]) -> list[Judged]:
        """What a successful answer's body says of the pieces, in their order, at most one finding of a kind for each.

        All of them from one that `locates`; see `judge`. OpinionError where it says nothing.
        """
        ...


def document(answer: bytes) -> dict[str, Any]:
    """Read an answer that must be a JSON object; OpinionError."""
    try:
        found = decode(answer)
    except JsonError:
        raise OpinionError("The answer is no JSON.") from None
    if type(found) is not dict:
        raise OpinionError("The answer is no JSON object.")
    return found


def reply_text(answer: bytes) -> str:
    """Read the text of a chat completion; OpinionError where there is none, or where it broke off."""
    choices = document(answer).get("choices")
    choice = choices[0] if type(choices) is list and choices else None
    message = choice.get("message") if type(choice) is dict else None
    content: Any = message.get("content") if type(message) is dict else None
    if type(choice) is not dict or type(content) is not str:
        raise OpinionError("The answer is no chat completion with a text.")
    if choice.get("finish_reason") in _BROKEN_OFF:
        raise OpinionError("The answer broke off before its end.")
    return content


def unfenced(text: str) -> str:
    """Take off one fence of Markdown, which models like to put around JSON; OpinionError for any other fences."""
    if not text.startswith(_FENCE):
        return text
    opening, _, rest = text.partition("\n")
    if opening not in {_FENCE, f"{_FENCE}json"} or not rest.endswith(_FENCE):
        raise OpinionError("The answer has a fence that does not close, or more than a fence.")
    return rest.removesuffix(_FENCE)
