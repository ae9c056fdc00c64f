"""Port for drift watch: a part of the store (`ports/store.py`), where it keeps what it has counted."""

from typing import Any, Protocol


class DriftWriter(Protocol):
    """One object writes, and reads what it wrote when it starts."""

    async def save_drift(self, state: bytes) -> None:
        """Keep the JSON `state` in place of the one before."""
        ...

    async def drift_state(self) -> dict[str, Any] | None:
        """That state as it was saved last."""
        ...
