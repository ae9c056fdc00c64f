"""Golden questions in a gateway that may have none: what asks them is imported when a configuration has some.

Most gateways have none, and idle memory is counted.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmgateway.config.snapshot import Snapshot

if TYPE_CHECKING:
    from llmgateway.controlplane.golden.watch import GoldenWatch


class LazyGolden:
    """Stands for a GoldenWatch, which `make` makes when there is something to ask. One task calls `run`."""

    def __init__(self, snapshot: Snapshot, make: "Callable[[Snapshot], GoldenWatch]") -> None:
        self._snapshot = snapshot
        self._make = make
        self._watch: GoldenWatch | None = None
        self._wanted = asyncio.Event()
        self.configure(snapshot)

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration's questions."""
        self._snapshot = snapshot
        if self._watch is not None:
            self._watch.configure(snapshot)
        elif any(route.golden is not None for route in snapshot.routes.values()):
            self._wanted.set()

    def ask_now(self, route: str) -> None:
        """Have a route's questions asked without waiting until they are due."""
        self._known().ask_now(route)

    async def status(self, route: str | None = None) -> list[dict[str, Any]]:
        """How it stands with every route that has golden questions. Raises StoreError."""
        return await self._known().status(route) if self._wanted.is_set() else []

    async def run(self) -> None:
        """Ask what is due, until cancelled."""
        await self._wanted.wait()
        await self._known().run()

    def _known(self) -> "GoldenWatch":
        if self._watch is None:
            self._watch = self._make(self._snapshot)
        return self._watch
