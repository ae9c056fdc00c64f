"""When a rollout has ended, the configuration's file says so: the candidate has the stable version's weight, or none.

The file is the truth of a route's weights. Until it says what came of a rollout, workers go by the rollout; killed in
between, the next control writes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from llmgateway.config.edit import EditError, UnknownRouteError, with_weights
from llmgateway.config.problems import ConfigError
from llmgateway.config.snapshot import Route
from llmgateway.controlplane.changes import Changes, Order
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.rollouts.conductor import Conductor
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.ports.store import StoreError
from llmgateway.rollout.rollout import TERMINAL, State

LOOK_S: Final = 1.0  # between two looks at what has ended
POLL_S: Final = 0.2  # between two looks at who has heard
RETRY_S: Final = 2.0
UNDER_WAY_S: Final = 1.0  # for what was under way when the last worker heard of the end
PATIENCE_S: Final = 15.0  # with workers that do not hear, or a log that is far behind
_REFUSALS: Final = (RefusedError, ConfigError, EditError, UnknownRouteError, StoreError)

log = logging.getLogger(__name__)


class Filing:
    """Writes what came of rollouts. `errors`: why that could not be done yet, by route."""

    def __init__(
        self,
        conductor: Conductor,
        changes: Changes | None,
        reloader: Reloader,
        drained: Callable[[], Awaitable[None]],
        on_filed: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_filed = on_filed
        self._conductor = conductor
        self._drained = drained
        self._changes = changes
        self._reloader = reloader
        self.errors: dict[str, str] = {}

    async def run(self) -> None:
        """Write down what has ended, for as long as the gateway runs."""
        while True:
            ended = [each for each in self._conductor.running.values() if each.rollout.state in TERMINAL]
            for each in ended:
                try:
                    await self._file(each)
                except _REFUSALS as error:
                    self._note(each, str(error) or type(error).__name__)
                else:
                    self.errors.pop(each.route, None)
            await asyncio.sleep(RETRY_S if self.errors else LOOK_S)

    async def _file(self, ended: Running) -> None:
        route = self._reloader.snapshot.routes.get(ended.route)
        wanted = wanted_weights(ended, route) if route is not None else {}
        if wanted:
            await self._write(ended, wanted)
        await self._counted()
        await self._conductor.leave(ended, self._reloader.links.generation)
        self._on_filed()

    async def _counted(self) -> None:
        """Wait until what the rollout has assigned is in the store: once filed, it counts nothing more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not self._conductor.is_heard:  # noqa: ASYNC110 - workers tell it line by line, to nobody else
                    await asyncio.sleep(POLL_S)
                await asyncio.sleep(UNDER_WAY_S)
                await self._drained()

    async def _write(self, ended: Running, wanted: Mapping[str, float]) -> None:
        if self._changes is None:
            raise RefusedError(409, "config_read_only", "the configuration can't be changed here")
        record, path = ended.record, str(self._changes.file.path)
        order = Order(
            author=f"rollout {record.id}",
            reason=f"{record.candidate} of {record.route}: {record.state}",
            keeps_versions=True,
        )
        await self._changes.make(lambda text: with_weights(text, path, record.route, wanted), order)

    def _note(self, ended: Running, error: str) -> None:
        if self.errors.get(ended.route) != error:
            log.error("rollout %s has ended, and the file does not say so yet: %s", ended.record.id, error)
        self.errors[ended.route] = error


def wanted_weights(ended: Running, route: Route) -> dict[str, float]:
    """The weights that the file should have and has not; empty where there is nothing to change."""
    weights = {version.name: version.weight for version in route.versions}
    candidate, stable = ended.record.candidate, ended.record.stable
    if candidate not in weights:
        return {}
    if ended.rollout.state is State.SUCCEEDED and route.version(candidate).id != ended.record.version_hash:
        return {}  # somebody has made it another since, which nobody has judged
    if ended.rollout.state is State.SUCCEEDED:
        wanted = {candidate: weights.get(stable) or weights[candidate] or 1.0}
        wanted |= {stable: 0.0} if stable in weights else {}
    else:
        wanted = {candidate: 0.0}
        if not any(weight for name, weight in weights.items() if name != candidate):
            return {}  # it is all there is: somebody has seen to it
    return {name: weight for name, weight in wanted.items() if weights[name] != weight}
