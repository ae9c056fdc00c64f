"""The judge `length`: texts that are too long."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.usage import TOKEN_LIMIT, estimate_tokens
from llmgateway.domain.verdict import Finding, Stage
from llmgateway.ports.judge import SOURCES, Judged, Piece
from llmgateway.wire.options import OptionError, Options

_BYTES_A_TOKEN: Final = 4  # as domain.usage estimates
_LARGEST: Final = TOKEN_LIMIT


class LengthJudge:
    """Judges each text by its size, and blames what is too much of it: where it is redacted, the text ends there.

    Options, at least one of the first two: `max_characters`, in code points; `max_tokens`, by the gateway's own
    estimate (four bytes of UTF-8 a token, right within a third for English and Japanese); `sources`, whose texts
    (system, user, assistant, tool, other; all of them by default).
    Kinds: `length.characters`, `length.tokens`; where a text is over both, the one that is reached first.
    Limits: each text is judged alone, so a hundred short messages pass; a route's own limits bound a whole request.
    """

    name = "length"
    version = "1"
    kinds: Sequence[str] = ("length.characters", "length.tokens")
    stages: Sequence[Stage] = tuple(Stage)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("max_characters", "max_tokens", "sources"))
        if not (settings.has("max_characters") or settings.has("max_tokens")):
            raise OptionError("max_characters", "max_characters or max_tokens must be set.")
        self._characters = settings.whole("max_characters", _LARGEST, 1, _LARGEST)
        self._tokens = settings.whole("max_tokens", _LARGEST, 1, _LARGEST)
        self._sources = frozenset(settings.choices("sources", SOURCES, SOURCES))

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        found = ((at, self._finding(each.text)) for at, each in enumerate(pieces) if each.source in self._sources)
        return [Judged(at, finding) for at, finding in found if finding is not None]

    def _finding(self, text: str) -> Finding | None:
        start, kind = min((self._characters, "length.characters"), (self._room(text), "length.tokens"))
        return Finding(start, len(text), kind) if start < len(text) else None

    def _room(self, text: str) -> int:
        """Count the first characters that the tokens suffice for."""
        if len(text) <= self._tokens:  # no character has more than four bytes
            return len(text)
        data = text.encode("utf-8", "replace")
        if estimate_tokens(len(data)) <= self._tokens:
            return len(text)
        return len(data[: self._tokens * _BYTES_A_TOKEN].decode("utf-8", "ignore"))
