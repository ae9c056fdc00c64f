"""What guardrails that only look say of a caller's messages in a session, which go on as they are."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.facts import Facts
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.judging import JudgeLink, judge_all
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import pieces_of
from llmgateway.guarding.placeholders import NO_PLACEHOLDERS
from llmgateway.guarding.sound import sounds, taken_out
from llmgateway.ports.judge import Piece
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.jsonscan import parse_bounded

logger = logging.getLogger(__name__)

_FLATTENED: Final = frozenset({"session", "response"})  # events that configure: their members are as a request's


def said(event: Mapping[str, Any]) -> Iterator[Piece]:
    """The texts of a caller's event that judges are asked about."""
    for name, value in event.items():
        yield from pieces_of(value if name in _FLATTENED and isinstance(value, dict) else {name: value})


class Watch:
    """Looks at one session's messages, and counts what it finds. It raises nothing and changes nothing.

    `facts`: hears what is said, for those who must know it when they look at what was answered.
    """

    __slots__ = ("_chain", "_facts", "_judges", "_max_depth", "_max_tokens", "_notes")

    def __init__(
        self,
        chain: Chain,
        judges: Sequence[JudgeLink],
        notes: Notes,
        bounds: tuple[int, int],
        facts: Facts | None = None,
    ) -> None:
        self._facts = facts
        self._chain = chain
        self._judges = judges
        self._notes = notes
        self._max_depth, self._max_tokens = bounds

    def look(self, message: bytes) -> None:
        """Take a message; what makes no sense has nothing in it that could be found."""
        try:
            event = parse_bounded(message, self._max_depth, self._max_tokens)
            self._look(message, event)
        except GatewayError:
            return
        except Exception:
            logger.exception("a guardrail failed")

    def _look(self, message: bytes, event: dict[str, Any]) -> None:
        paths = list(sounds(event))
        if paths:
            taken_out(event, paths)
            message = encode(event)
        texts = list(said(event))
        if self._facts is not None:
            self._facts.note(texts)
        judge_all(self._judges, texts, Stage.REQUEST, self._notes)
        Sieve(self._chain, Stage.REQUEST, self._notes, NO_PLACEHOLDERS).json(message)

    @property
    def context(self) -> Sequence[Piece]:
        """What has been said."""
        return self._facts.pieces() if self._facts is not None else ()

    @property
    def held(self) -> int:
        """Characters that are kept of what has been said."""
        return self._facts.size if self._facts is not None else 0

    def bound(self, guard: Guard) -> Guard:
        """The route's guard by what has been said."""
        return guard.bound_to(self._facts.pieces()) if self._facts is not None else guard


def watchers(guard: Guard) -> Chain:
    """Those who look at requests to tell of what they find, and not for what is stored."""
    return Chain(link for link in guard.request.links if not link.is_silent)
