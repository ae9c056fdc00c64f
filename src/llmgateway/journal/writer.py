"""The worker's end of the journal: one call a record, and the promise that goes with it.

`process`: the record is in the kernel when `append` returns, so it survives kill -9. `disk`: it is on the disk when
the future is done, so it survives a power loss. Nothing that reads a journal belongs here.
"""

import logging
import os
from pathlib import Path
from typing import Final, Self

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal.appender import CHECK_EVERY_S, Appender, Record, refusal
from llmgateway.journal.disk import Disk, is_full
from llmgateway.journal.frame import HEADER, MAX_LENGTH
from llmgateway.journal.group import GroupCommit, Waiter
from llmgateway.journal.incarnation import Incarnation
from llmgateway.journal.layout import new_incarnation
from llmgateway.journal.space import Space
from llmgateway.journal.stats import WriterStats

LARGE: Final = 1024 * 1024  # bytes; the event loop doesn't write more than that in one go

logger = logging.getLogger(__name__)


class JournalWriter:
    """Append records to an incarnation of one's own. One a worker, on its event loop's thread; close it at the end.

    Call `tick` about once a second: it closes aged segments, and lets new exchanges in again when space is back.
    """

    def __init__(self, root: Path, settings: Journal, clock: Clock, disk: Disk) -> None:
        self._root = root
        self._settings = settings
        self._clock = clock
        self._disk = disk
        self._incarnation: Incarnation | None = None
        self._appender: Appender | None = None
        self._group: GroupCommit | None = None
        self._aside: GroupCommit | None = None  # where large records are written, with durability "process"
        self._straight: Appender | None = None  # where records go at once: with durability "process", while it is open
        self._retry_at = 0.0
        self.stats = WriterStats()

    @classmethod
    def open(
        cls,
        root: str | os.PathLike[str],
        settings: Journal,
        clock: Clock,
        *,
        incarnation: str | None = None,
        disk: Disk | None = None,
    ) -> Self:
        """Begin an incarnation in the journal folder `root` (see `layout.journal_folder`).

        Raises OSError where the folder can't be used at all. A disk that is merely full is no error: the writer
        then refuses records until there is space.
        """
        writer = cls(Path(root), settings, clock, disk or Disk())
        try:
            writer._begin(incarnation or new_incarnation(clock))
        except OSError as error:
            if not is_full(error):
                raise
        return writer

    @property
    def incarnation(self) -> str | None:
        """The name of its folder; None while a full disk has kept it from being made."""
        return self._incarnation.folder.name if self._incarnation is not None else None

    @property
    def is_full(self) -> bool:
        """New exchanges are refused until there is space."""
        return self._appender is None or self._appender.is_full

    @property
    def is_faulty(self) -> bool:
        """The disk failed within the last minute, or can't be written to at all."""
        return self._appender is not None and self._appender.is_faulty

    @property
    def is_ready(self) -> bool:
        """What this part has to say to the worker's readiness."""
        return not (self.is_full or self.is_faulty)

    def append(self, buffers: list[bytes], *, may_use_reserve: bool = False) -> Waiter | None:
        """Keep one framed record. None: it is durable already. A future: it is once that is done.

        `may_use_reserve` is for exchanges that are under way. The buffers must not change until the record is durable.
        Raises GatewayError log_store_full, at once or from the future, where the record could not be kept.
        """
        size = 0
        for buffer in buffers:
            size += len(buffer)
        straight = self._straight
        try:
            if straight is None or size > LARGE:
                return self._append(buffers, size, may_use_reserve=may_use_reserve)
            straight.write(buffers, size, may_use_reserve=may_use_reserve)
        except GatewayError:
            self.stats.refused += 1
            raise
        return None

    def tick(self) -> None:
        """Look after space and segments; costs nothing when called more than once a second."""
        if self._appender is not None and self._appender.is_unlinked:
            logger.error("the journal's files were deleted under this worker; records of the last second may be lost")
            self.close()
            self._retry_at = 0.0
        if self._appender is None:
            self._begin_again()
        elif self._group is None:
            self._appender.tick()
        else:
            self._group.tick()

    def close(self) -> None:
        """Write and sync what is still gathering, then end the incarnation. Blocks as long as the disk does."""
        for group in (self._group, self._aside if self._aside is not self._group else None):
            if group is not None:
                group.close()
        if self._appender is not None:
            self._appender.close()
        if self._incarnation is not None:
            self._incarnation.close()
        self._incarnation = self._appender = self._group = self._aside = self._straight = None
        self._retry_at = float("inf")

    def _append(self, buffers: list[bytes], size: int, *, may_use_reserve: bool) -> Waiter | None:
        if size > HEADER.size + MAX_LENGTH:
            raise GatewayError("internal_error", "A journal record is larger than its format allows.")
        if self._appender is None:
            self._begin_again()
            if self._appender is None:
                raise refusal()
        if self._group is None and size > LARGE and not may_use_reserve:
            self._step_aside(self._appender)
        if self._group is not None:
            return self._group.append(Record(buffers, size, may_use_reserve))
        self._appender.write(buffers, size, may_use_reserve=may_use_reserve)
        return None

    def _step_aside(self, appender: Appender) -> None:
        """Let a thread do the writing until large records are in: to copy 16 MB into the kernel takes up to 50 ms.

        Whatever comes meanwhile queues behind them. Not for records of exchanges that end: many may end at once, and
        what they said would pile up in the queue.
        """
        if self._aside is None:
            self._aside = GroupCommit(appender, self._clock, on_quiet=self._step_back)
        self._group, self._straight = self._aside, None

    def _step_back(self) -> None:
        if self._group is self._aside and self._appender is not None:
            self._group, self._straight = None, self._appender

    def _begin(self, name: str) -> None:
        self._retry_at = self._clock.monotonic() + CHECK_EVERY_S
        incarnation = Incarnation(self._root, name, self._settings, self._disk)
        space = Space(self._root, self._settings, incarnation.reserve)
        self._incarnation = incarnation
        self._appender = Appender(incarnation.folder, self._settings, self._clock, self._disk, space)
        self._appender.stats = self.stats
        if self._settings.durability is Durability.DISK:
            self._group = GroupCommit(self._appender, self._clock)
        else:
            self._straight = self._appender

    def _begin_again(self) -> None:
        if self._clock.monotonic() < self._retry_at:
            return
        try:
            self._begin(new_incarnation(self._clock))
        except OSError:
            pass  # still full, or worse: it goes on refusing
