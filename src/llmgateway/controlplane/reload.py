"""Takes a new configuration: read and judge the file, keep its text, hand it to the workers, say how that went.

A file that does not hold changes nothing. One that says what is in force makes no generation: it is read again for what
it refers to, as secrets in files. Reloads that come while one runs share the next one, which reads the file
after the last of them asked.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmgateway.config.loader import Examined
from llmgateway.config.problems import ConfigError
from llmgateway.config.snapshot import Snapshot
from llmgateway.config.successors import other_versions
from llmgateway.controlplane.draft import fits
from llmgateway.controlplane.link import Ack, Links

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """How a reload went. `generation` is the one in force now, whether or not it is new."""

    is_taken: bool
    generation: int
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()
    needs_restart: Sequence[str] = ()
    acks: Sequence[Ack] = ()
    versions: Sequence[str] = ()  # those that have another content than before, as sentences
    is_changed: bool = True  # it says something else than before

    def shown(self) -> dict[str, Any]:
        """As the admin API tells it."""
        workers = [{"slot": a.slot, "pid": a.pid, "generation": a.generation, "error": a.error} for a in self.acks]
        return {
            "taken": self.is_taken,
            "changed": self.is_taken and self.is_changed,
            "generation": self.generation,
            "problems": list(self.problems),
            "warnings": list(self.warnings),
            "needs_restart": list(self.needs_restart),
            "versions": list(self.versions),
            "workers": workers,
        }


class Reloader:
    """`snapshot` is what the gateway began with: what is bound or opened once stays as it is there.

    `examine(generation)` reads the file and raises ConfigError; `save(text, generation)` keeps it and may raise
    OSError; both run in a thread. `put_in_force` tells the control plane's own parts, on the event loop; `on_taken`
    hears of each text that came into force by a reload. Whoever changes what is in force holds `turn` meanwhile.
    """

    def __init__(
        self,
        links: Links,
        snapshot: Snapshot,
        *,
        examine: Callable[[int], Examined],
        save: Callable[[str, int], None],
        put_in_force: Callable[[Snapshot], None],
        on_taken: Callable[[Snapshot, str], None] = lambda _, __: None,
    ) -> None:
        self.links = links
        self.snapshot = snapshot
        self._begun_with = snapshot
        self._examine = examine
        self._save = save
        self._put_in_force = put_in_force
        self._on_taken = on_taken
        self.turn = asyncio.Lock()
        self._next: asyncio.Task[Report] | None = None
        self.counts = {"taken": 0, "refused": 0}

    async def reload(self) -> Report:
        """Read the file as it is from now on, and put it in force if it holds. Never raises for a bad file."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._in_turn(), name="reload")
        return await asyncio.shield(self._next)

    async def _in_turn(self) -> Report:
        async with self.turn:
            self._next = None  # whoever asks from now on wants a newer reading
            report = await self._reload()
            self.counts["taken" if report.is_taken else "refused"] += 1
            return report

    def _refusal(self, refused: ConfigError) -> Report:
        for problem in refused.problems:
            log.error("the configuration is refused: %s", problem)
        return Report(is_taken=False, generation=self.links.generation, problems=str(refused).splitlines())

    async def _reload(self) -> Report:
        generation = self.links.generation + 1
        try:
            examined = await asyncio.to_thread(self._examine, generation)
            if not (is_changed := examined.whole != self.links.text):
                generation = self.links.generation
                examined = replace(examined, snapshot=replace(examined.snapshot, generation=generation))
            fits(examined.whole, "the configuration")
        except ConfigError as error:
            return self._refusal(error)
        warnings = [str(warning) for warning in examined.warnings]
        restart = self.needs_restart(examined.snapshot)
        whole, versions = examined.whole, other_versions(self.snapshot, examined.snapshot)
        warnings += await self.keep(whole, generation)
        self.enforce(examined.snapshot)
        acks = await self.links.publish(generation, whole, examined.document, is_again=not is_changed)
        self._on_taken(examined.snapshot, whole)
        for line in (*warnings, *(f"{name} takes effect at the next start" for name in restart)):
            log.warning("configuration %d: %s", generation, line)
        for line in versions:
            log.info("configuration %d: %s", generation, line)
        for ack in acks:
            if ack.error is not None:
                log.error("worker %d did not take configuration %d: %s", ack.slot, generation, ack.error)
        log.info("configuration %d is in force in %d workers", generation, sum(ack.error is None for ack in acks))
        return Report(
            is_taken=True,
            generation=generation,
            warnings=warnings,
            needs_restart=restart,
            acks=acks,
            versions=versions,
            is_changed=is_changed,
        )

    async def keep(self, text: str, generation: int) -> list[str]:
        """Keep the text for a start when the file is broken; what went wrong with that, as a sentence."""
        try:
            await asyncio.to_thread(self._save, text, generation)
        except OSError as error:
            return [f"the text could not be kept for the next start: {error.strerror or type(error).__name__}"]
        return []

    def enforce(self, snapshot: Snapshot) -> None:
        """Let the control plane's own parts go by `snapshot`."""
        self.snapshot = snapshot
        self._put_in_force(snapshot)

    def needs_restart(self, snapshot: Snapshot) -> list[str]:
        """The settings in `snapshot` that take effect at the next start."""
        return needs_restart(self._begun_with, snapshot)


def needs_restart(old: Snapshot, new: Snapshot) -> list[str]:
    """The settings that differ and are read only at start: what is bound, opened or started once."""
    pairs = (
        ("server.listen", old.server.listen, new.server.listen),
        ("server.workers", old.server.workers, new.server.workers),
        ("server.tls", old.server.tls, new.server.tls),
        ("admin.listen", old.admin.listen, new.admin.listen),
        ("data.dir", old.data.dir, new.data.dir),
        ("journal", old.journal, new.journal),
    )
    return [name for name, before, after in pairs if before != after]
