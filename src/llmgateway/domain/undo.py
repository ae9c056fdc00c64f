"""The acts that take events back: what `GatewayEvent.undo` has under `act`. Each is what people do by hand, too."""

from enum import StrEnum


class UndoAct(StrEnum):
    """What is done, and what else stands beside it in `undo`."""

    START = "rollout.start"  # route, rollout, revision
    PAUSE = "rollout.pause"  # the same
    RESUME = "rollout.resume"  # the same
    ROLLBACK = "rollout.rollback"  # the same
    WEIGHTS = "routes.weight"  # the same, and weights by version
    HEAL = "backends.heal"  # backend
    DRIFT = "drift.reset"  # route, version, and the id of its content
