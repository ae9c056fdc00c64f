"""What holds for a guarded session, and what follows from each of its messages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.chain import Chain
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.holding import Held
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.sound import silenced
from llmgateway.guarding.trust import Said
from llmgateway.ports.judge import Piece
from llmgateway.ports.session import SessionShape
from llmgateway.wire.view import View, shown

_NO_SOUND: Final = "The route's guardrails can't judge sound: this session takes and gives texts only."


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a session. `passes_sound`: sound goes through unjudged. `complain` writes an error as an event of
    the session; the second argument is the id of the caller's event that it is about.
    """

    request: Chain
    reply: Chain
    judges: Sequence[JudgeLink]
    shape: SessionShape
    complain: Callable[[GatewayError, str | None], bytes]
    blocked: Callable[[Blocked], GatewayError]
    max_depth: int
    max_tokens: int
    passes_sound: bool = False
    has_slow: bool = False  # somebody who takes his time must be asked about what the caller says
    restores: bool = False  # and what he finds may come back
    bind: Callable[[Sequence[Piece]], Guard] | None = None  # somebody must know what has been said
    holds: bool = False  # somebody must have judged a response before any of it goes on
    tells: bool = False  # somebody wants to know what has been said
    now: Callable[[], float] = lambda: 0.0
    may_pass: Callable[[Said], bool] = lambda _: False  # hears why judges of replies can't be asked about a response

    @property
    def is_strict(self) -> bool:
        """Whether nothing goes to the backend that nobody could judge."""
        return self.has_slow or bool(self.request.enforced) or any(link.must_answer for link in self.judges)

    @property
    def hears(self) -> bool:
        """Whether nothing goes to the caller that nobody could judge."""
        return self.holds or bool(self.reply)

    @property
    def silences(self) -> bool:
        """Whether sound goes no further to the caller."""
        return self.hears and not self.passes_sound

    def heard(self, message: bytes, event: Any) -> bytes:
        """A backend's event without what no guardrail can hear."""
        return silenced(message, event) if self.silences else message

    def error_of(self, verdict: Blocked | GatewayError) -> GatewayError:
        """What callers are told of it."""
        return self.blocked(verdict) if isinstance(verdict, Blocked) else verdict


@dataclass(slots=True)
class Step:
    """What follows from a message. `logged`: the backend's events as they may be recorded. `is_text`: the message had
    a piece of a text. `texts`: of the caller's event, for those who take their time or must know what has been said;
    `about`: the event's own id. `is_standing`: it says by what instructions the session goes on. `ready`: what waits
    until it has been judged, which is now to be asked about.
    """

    to_caller: list[bytes] = field(default_factory=list)
    to_backend: list[bytes] = field(default_factory=list)
    logged: list[bytes] = field(default_factory=list)
    is_text: bool = False
    texts: Sequence[Piece] = ()
    about: str | None = None
    is_standing: bool = False
    ready: Sequence[Held] = ()

    def add(self, other: "Step") -> None:
        """Let this follow, too."""
        self.to_caller += other.to_caller
        self.to_backend += other.to_backend
        self.logged += other.logged
        self.ready = [*self.ready, *other.ready]


class Complaints:
    """What one session's caller is told of what goes no further, either way."""

    __slots__ = ("_has_told_of_sound", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._has_told_of_sound = False

    def of(self, verdict: Blocked | GatewayError, about: str | None = None) -> Step:
        """Tell of an error, or what a guardrail has found; `about`: what the caller calls the event that it is in."""
        if about is not None and self._rules.request.enforced_hits(View(shown(about))):
            about = None
        return Step(to_caller=[self._rules.complain(self._rules.error_of(verdict), about)])

    def of_sound(self, about: str | None = None) -> Step:
        """Sound goes no further; the caller is told of it once, for it comes fifty times a second."""
        if self._has_told_of_sound:
            return Step()
        self._has_told_of_sound = True
        return self.of(GatewayError("guardrail_unsupported", _NO_SOUND), about)
