"""Changes the configuration while it runs: in the operator's file, on every worker and in the history, or not at all.

The order is what makes that true. Judged first; then written down (a store that is away refuses the change), then
written into the file, then handed to the workers. If one of them does not take it within a second, the old text is put
back in all three places. Killed in between, the next start finds the history and what is in force to differ, and
writes that down as well.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from llmgateway.config.edit import EditError, UnknownRouteError
from llmgateway.config.inplace import ChangedMeanwhileError
from llmgateway.config.problems import ConfigError
from llmgateway.config.prompts import parted
from llmgateway.config.successors import other_versions
from llmgateway.controlplane.configfile import ConfigFile, etag
from llmgateway.controlplane.draft import Draft, Edit, Start, draft
from llmgateway.controlplane.history import RETRY_S, Entry, History
from llmgateway.controlplane.link import Ack
from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.unfinished import finish_last
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import StoreError

MAX_WAITING: Final = 32  # changes under way or in line; whoever leaves does not take theirs along
STOP_S: Final = 5.0  # for those under way when the gateway stops
ACK_S: Final = 1.0  # a worker that has not taken it by then does not take it …
ACK_EACH_S: Final = 3.0  # … but for files that take long to load: so many times what that took here
_EDITED: Final = (
    "Nothing was changed. {0} edited, and that is not in force yet: {1} Put it in force with `llmgateway reload`, "
    "or take it back; then ask again."
)
_JUST_NOW: Final = "Nothing was changed: the file was edited at this moment. `llmgateway config diff` shows what."
_EXPECTED: Final = (RefusedError, ConfigError, EditError, UnknownRouteError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it and how. `match`: the etags that the file may have; None: the one in force.

    `keeps_versions`: refused where it would make any version another one, as it would with a prompt's file that was
    edited and is not in force.
    """

    author: str
    reason: str = ""
    match: Sequence[str] | None = None
    is_dry: bool = False
    waits: bool = True
    confirmed: frozenset[str] = frozenset()  # backends whose credential may go to their new address
    keeps_versions: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did, or would do.

    `base`: the etag of the text it began with. `replaces_edits`: that text was edited by hand, was not in force, and is
    overwritten. `is_pending`: the change is in the file and on its way to the workers.
    """

    is_changed: bool
    is_dry: bool
    generation: int
    etag: str
    base: str
    diff: str
    replaces_edits: bool = False
    warnings: Sequence[str] = ()
    needs_restart: Sequence[str] = ()
    acks: Sequence[Ack] = ()
    is_pending: bool = False

    def shown(self) -> dict[str, Any]:
        """As the admin API tells it."""
        return {
            "changed": self.is_changed,
            "dry_run": self.is_dry,
            "pending": self.is_pending,
            "generation": self.generation,
            "etag": self.etag.strip('"'),
            "base": self.base.strip('"'),
            "replaces_edits": self.replaces_edits,
            "diff": self.diff,
            "warnings": list(self.warnings),
            "needs_restart": list(self.needs_restart),
            "workers": shown(self.acks),
        }


def shown(acks: Sequence[Ack]) -> list[dict[str, Any]]:
    """What the workers said."""
    return [{"slot": ack.slot, "pid": ack.pid, "generation": ack.generation, "error": ack.error} for ack in acks]


@dataclass(slots=True)
class _Change:
    """One change on its way."""

    draft: Draft
    before: str  # the file's text
    in_force: str  # the same with its prompts behind it, unless somebody edited a file
    order: Order
    load_s: float
    written: asyncio.Future[Outcome]
    number: int = 0
    warnings: list[str] = field(default_factory=list)


class Changes:
    """One change after the other, and none while a reload runs."""

    def __init__(self, reloader: Reloader, history: History, file: ConfigFile, clock: Clock) -> None:
        self._reloader = reloader
        self._history = history
        self._file = file
        self._clock = clock
        self._under_way: set[asyncio.Task[Outcome]] = set()

    @property
    def file(self) -> ConfigFile:
        return self._file

    async def make(self, edit: Edit, order: Order) -> Outcome:
        """Make a change, to its end even if whoever asked goes away.

        Raises RefusedError, ConfigError, and what `edit` raises; then all is as it was.
        """
        if len(self._under_way) >= MAX_WAITING:
            raise RefusedError(503, "busy", "Too many changes are in line already. Nothing was changed.")
        loop = asyncio.get_running_loop()
        written: asyncio.Future[Outcome] = loop.create_future()
        task = loop.create_task(self._in_turn(edit, order, written), name="change")
        self._under_way.add(task)
        task.add_done_callback(self._done)
        if not order.waits:
            await asyncio.wait((task, written), return_when=asyncio.FIRST_COMPLETED)
            if written.done() and not task.done():
                return written.result()
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for the changes under way, but not for long."""
        if self._under_way:
            await asyncio.wait(tuple(self._under_way), timeout=STOP_S)

    def _done(self, task: asyncio.Task[Outcome]) -> None:
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, _EXPECTED):
            log.info("a change to the configuration was refused: %s", type(error).__name__)
        elif error is not None:
            log.error("a change to the configuration failed", exc_info=error)

    async def run(self) -> None:
        """Write down what comes into force by the file, for as long as the gateway runs."""
        waiting = Waiting("the configuration's history waits")
        while True:
            with waiting:
                async with self._reloader.turn:
                    await self._settle_history()
            if waiting.error is not None:
                await asyncio.sleep(RETRY_S)
                continue
            await self._history.wanted.wait()
            self._history.wanted.clear()

    async def _settle_history(self) -> None:
        """Bring the history up to what is in force, and its numbers and ours together; raises StoreError."""
        await self._history.load()
        await finish_last(self._reloader, self._history, self._file)
        links = self._reloader.links
        number = self._history.number_for(links.generation, links.text)
        if number != links.generation:
            self._reloader.enforce(replace(self._reloader.snapshot, generation=number))
            await self._reloader.keep(links.text, number)
            await links.publish(number, links.text, timeout_s=ACK_S)
        await self._history.catch_up()

    async def _in_turn(self, edit: Edit, order: Order, written: asyncio.Future[Outcome]) -> Outcome:
        async with self._reloader.turn:
            before = await asyncio.to_thread(self._file.read)
            self._check_match(before, order)
            began = self._clock.monotonic()
            in_force = self._reloader.links.text
            start = Start(before, in_force, str(self._file.path))
            drafted = await asyncio.to_thread(draft, start, edit, self._file.judge, order.confirmed)
            if order.keeps_versions:
                self._check_versions(drafted)
            change = _Change(drafted, before, in_force, order, self._clock.monotonic() - began, written)
            if order.is_dry or (drafted.text == before and drafted.whole == in_force):
                return self._outcome(change, is_changed=drafted.whole != in_force)
            self._check_workers()
            await self._record(change)
            await self._write(change)
            return await self._enforce(change)

    def _check_match(self, before: str, order: Order) -> None:
        """Two writers at once: the second is told, be the first a person with an editor."""
        if order.match is None:
            if before != self._reloader.links.plain:
                raise RefusedError(
                    412,
                    "config_changed",
                    _EDITED.format("The configuration's file was", "`llmgateway config diff` shows what."),
                    etag=etag(before).strip('"'),
                )
        elif "*" not in order.match and etag(before) not in order.match:
            raise RefusedError(
                412,
                "config_changed",
                "Nothing was changed: the configuration has changed since you looked at it. Look at it as it is now "
                "(`llmgateway config history` has who changed what), then ask again.",
                etag=etag(before).strip('"'),
            )

    def _check_versions(self, drafted: Draft) -> None:
        """A change of weights puts nothing in force that was edited in a prompt's file."""
        others = other_versions(self._reloader.snapshot, drafted.examined.snapshot, "in the files")
        if others:
            raise RefusedError(
                412,
                "config_changed",
                _EDITED.format("Files of prompts were", f"{'; '.join(others)}."),
            )

    def _check_workers(self) -> None:
        """With nobody connected there is nobody who could refuse, and it would be in force unseen."""
        if not self._reloader.links.live():
            raise RefusedError(503, "no_workers", "Nothing was changed: no worker is connected to take it just now.")

    async def _record(self, change: _Change) -> None:
        try:
            await self._settle_history()
            change.number = max(self._reloader.links.generation, self._history.highest) + 1
            snapshot = replace(change.draft.examined.snapshot, generation=change.number)
            order = change.order
            await self._history.add(Entry(self._clock.time(), snapshot, change.draft.whole, order.author, order.reason))
        except StoreError as error:
            raise RefusedError(
                503, "store_unavailable", f"Nothing was changed: the store can't take down who changed what ({error})."
            ) from None

    async def _write(self, change: _Change) -> None:
        try:
            await asyncio.to_thread(self._file.replace, change.draft.text, change.before)
        except ChangedMeanwhileError:
            await self._forget(change, "the file was edited meanwhile")
            raise RefusedError(412, "config_changed", _JUST_NOW) from None
        except (OSError, ConfigError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            await self._forget(change, f"the file could not be written: {reason}")
            raise RefusedError(
                409,
                "config_read_only",
                f"Nothing was changed: {self._file.path} can't be written ({reason}). Change it where it comes from, "
                "and reload.",
            ) from None
        if not change.written.done():
            change.written.set_result(replace(self._outcome(change, is_changed=True), is_pending=True))

    async def _enforce(self, change: _Change) -> Outcome:
        text, number = change.draft.whole, change.number
        links = self._reloader.links
        change.warnings += await self._reloader.keep(text, number)
        acks = await links.publish(
            number, text, change.draft.examined.document, timeout_s=ACK_S + ACK_EACH_S * change.load_s
        )
        refusing = [ack for ack in acks if ack.error is not None]
        if refusing:
            await self._take_back(change, refusing)
        self._reloader.enforce(replace(change.draft.examined.snapshot, generation=number))
        log.info("configuration %d by %s is in force in %d workers", number, change.order.author, len(acks))
        return replace(self._outcome(change, is_changed=True), acks=acks)

    async def _take_back(self, change: _Change, refusing: Sequence[Ack]) -> None:
        """Put what was in force before in force again, under a number of its own, and say so."""
        links, back, former = self._reloader.links, change.number + 1, change.in_force
        why = "; ".join(f"worker {ack.slot}: {ack.error}" for ack in refusing)
        log.error("configuration %d is taken back: %s", change.number, why)
        await self._reloader.keep(former, back)
        self._reloader.enforce(replace(self._reloader.snapshot, generation=back))
        await links.publish(back, former, timeout_s=ACK_S + ACK_EACH_S * change.load_s)
        is_restored = await self._restore_file(change)
        await self._forget(change, why)
        raise RefusedError(
            409,
            "worker_refused",
            "Not every worker took it, so what was in force before is in force again"
            + ("." if is_restored else "; the file was edited meanwhile and is left as it is."),
            workers=shown(refusing),
            generation=back,
        )

    async def _forget(self, change: _Change, why: str) -> None:
        """Note in the history that the change was not made, and what is in force instead, should that be news to it."""
        await self._history.refuse(change.number, why)
        self._history.note(self._reloader.snapshot, change.in_force, f"generation {change.number} was taken back")

    async def _restore_file(self, change: _Change) -> bool:
        try:
            await asyncio.to_thread(self._file.replace, change.before, change.draft.text)
        except (ChangedMeanwhileError, OSError, ConfigError) as error:
            log.warning("the configuration's file could not be put back: %s", type(error).__name__)
            return False
        return True

    def _outcome(self, change: _Change, *, is_changed: bool) -> Outcome:
        examined = change.draft.examined
        return Outcome(
            is_changed=is_changed,
            is_dry=change.order.is_dry,
            generation=change.number or self._reloader.links.generation,
            etag=etag(change.draft.text),
            base=etag(change.before),
            replaces_edits=change.before not in {change.draft.text, parted(change.in_force)[0]},
            diff=change.draft.diff,
            warnings=[*map(str, examined.warnings), *change.warnings],
            needs_restart=self._reloader.needs_restart(examined.snapshot),
        )
