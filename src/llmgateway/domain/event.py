"""What the gateway did by itself, or noticed: each with its reason, and with the act that takes it back where one does.

An alarm lasts until it clears; everything else happens once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

MAX_TEXT: Final = 2_000  # characters


class EventKind(StrEnum):
    """What an event is about."""

    ROLLOUT = "rollout"  # a rollout moved without anybody asking
    BACKEND = "backend"  # a backend was put out, or taken in again
    DRIFT = "drift"  # a signal or a distribution is not what it was
    FINGERPRINT = "fingerprint"  # a backend answers as another model, though the version is the same
    PROBE = "probe"  # a golden question was answered otherwise than before
    JUDGE = "judge"  # an evaluator stopped judging, or began again
    GATEWAY = "gateway"  # it turns work away: too much of it, or no room for the log


class EventSeverity(StrEnum):
    INFO = "info"  # it was seen to
    WARNING = "warning"  # somebody should look
    ALARM = "alarm"  # somebody has to look


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One event. Times are Unix seconds.

    `id`: made of what happened, so that what is written twice is one event. `action`: one word for what was done or
    seen (`roll_back`, `ejected`, `drifted` …). `text`: what and why, in a sentence. `figures`: what it rests on, as
    JSON. `undo`: the act that takes it back, with what that needs, as JSON; None where nothing does.
    `cleared_at`: when an alarm's cause was gone.
    """

    id: str
    at: float
    kind: EventKind
    action: str
    severity: EventSeverity
    text: str
    route: str | None = None
    version: str | None = None
    backend: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] | None = None
    cleared_at: float | None = None
    undone_at: float | None = None
    undone_by: str | None = None
