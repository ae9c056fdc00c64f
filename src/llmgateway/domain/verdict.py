"""What guardrails say: where in a text they found what, and what follows from it."""

from enum import StrEnum
from typing import Final, NamedTuple


class Stage(StrEnum):
    """Which text is judged."""

    REQUEST = "request"
    REPLY = "reply"


class Action(StrEnum):
    """What follows a finding, from the mildest to the strictest."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    BLOCK = "block"


VERDICTS: Final = (Action.FLAG, Action.REDACT, Action.BLOCK)  # what a record can say: what passes is not written down


class Mode(StrEnum):
    """Whether the action is taken (`enforce`), or only written down (`observe`)."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class OnError(StrEnum):
    """What follows when a guardrail that takes its time gives no answer: its action, as if it had found something, or
    nothing."""

    BLOCK = "block"
    PASS = "pass"  # noqa: S105 - no password


class Finding(NamedTuple):
    """One thing that a guardrail found: `text[start:end]`, in code points. `score` is from 0 to 1."""

    start: int
    end: int
    kind: str
    score: float = 1.0
