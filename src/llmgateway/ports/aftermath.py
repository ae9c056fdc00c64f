"""Port for what follows a rollback: a part of the store (`ports/store.py`), written by the control process.

The bundle is kept once and for all: with it stands which exchanges are the exemplars, so that whoever goes on after a
crash does so with the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmgateway.ports.rollouts import RolloutRecord


@dataclass(frozen=True, slots=True)
class Aftermath:
    """One rollback's. `bundle`, `outcome`: JSON objects of the controller's. `done_at` None: not all is done."""

    rollout: str
    at: float
    bundle: Mapping[str, Any]
    outcome: Mapping[str, Any] = field(default_factory=dict)
    done_at: float | None = None


class AftermathReader(Protocol):
    """Reading; bounded as all reading is."""

    async def unfollowed(self, *, limit: int) -> list[RolloutRecord]:
        """Rollouts that were rolled back and have no aftermath that is done, the oldest first."""
        ...

    async def aftermath(self, rollout: str) -> Aftermath | None: ...

    async def assigned_rows(
        self, rollout: str, version: str, *, limit: int, before: str | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a rollout's exchanges that were assigned `version`, the newest first, older than `before`."""
        ...


class AftermathWriter(Protocol):
    """Writing. Each call is one transaction."""

    async def add_aftermath(self, aftermath: Aftermath) -> Aftermath:
        """Keep a bundle, unless the rollout has one; returns the one that is kept."""
        ...

    async def finish_aftermath(self, rollout: str, outcome: Mapping[str, Any], at: float) -> None:
        """Note that all is done, and what came of it; said again, the first word stays."""
        ...
