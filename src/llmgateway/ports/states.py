"""Port for states: a part of the store (`ports/store.py`), where parts of the control process keep what they know.

Each has one, which it alone writes, and reads when it starts.
"""

from enum import StrEnum
from typing import Any, Protocol


class StateOf(StrEnum):
    """Whose state it is."""

    DRIFT = "drift"
    GOLDEN = "golden"


class StateWriter(Protocol):
    """Writing, and reading what was written last."""

    async def save_state(self, whose: StateOf, state: bytes) -> None:
        """Keep the JSON `state` in place of the one before."""
        ...

    async def saved_state(self, whose: StateOf) -> dict[str, Any] | None:
        """That state as it was saved last."""
        ...
