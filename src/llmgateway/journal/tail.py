"""One incarnation being read, from a position on, as far as it has been written.

Never raises and never stands still for ever: what can't be read is skipped, kept in quarantine and counted. Reads
files only; what the records mean is the ingester's business.
"""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmgateway.journal import lock, resync
from llmgateway.journal.frame import HEADER, BadFrameError, measure, unfold
from llmgateway.journal.layout import BEGINNING, Position, segment_numbers, segment_path
from llmgateway.journal.quarantine import Quarantine
from llmgateway.journal.scan import Budget, Frame, Source, scan
from llmgateway.journal.window import BLOCK_BYTES, Window

MAX_FRAMES: Final = 1_000
MAX_BYTES: Final = 16 * 1024 * 1024
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EAGAIN})
_MAX_FAILURES: Final = 3  # polls in a row at which a segment could not be read


@dataclass(slots=True)
class ReaderStats:
    """Counts since the start; what is not zero from `damaged` on is worth an alarm."""

    frames: int = 0
    bytes: int = 0
    damaged: int = 0  # stretches of bad bytes with good records behind them
    damaged_bytes: int = 0  # torn tails included
    torn_tails: int = 0  # stretches of bad bytes at the end of a finished segment
    missing_segments: int = 0
    empty_segments: int = 0
    unreadable_segments: int = 0
    read_errors: int = 0


class Tail:
    """Reads an incarnation forward. `position` is the first byte not read yet; poll `read` at your own pace.

    `is_exhausted`: its writer is dead and everything has been read. One thread at a time.
    """

    def __init__(
        self,
        folder: Path,
        quarantine: Quarantine,
        stats: ReaderStats,
        start: Position = BEGINNING,
        *,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.name = folder.name
        self.position = start
        self.is_exhausted = False
        self._folder = folder
        self._quarantine = quarantine
        self._stats = stats
        self._block_bytes = block_bytes
        self._window: Window | None = None
        self._is_dead = False
        self._failures = 0

    def __repr__(self) -> str:
        state = "exhausted" if self.is_exhausted else "dead" if self._is_dead else "alive"
        return f"<Tail {self.name} {state} at {self.position.segment}:{self.position.offset}>"

    @property
    def is_alive(self) -> bool:
        """Its writer still runs. Asks the kernel; once dead it stays dead."""
        self._is_dead = self._is_dead or not lock.is_held(self._folder)
        return not self._is_dead

    def read(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES, *, is_hasty: bool = False) -> list[Frame]:
        """Read on: at most `max_frames`, and no further once they add up to `max_bytes`. Empty: nothing new yet.

        `is_hasty`: take what is there and leave it to another `read` to find out whether more can come.
        """
        frames: list[Frame] = []
        budget = Budget(max_frames, max_bytes)
        is_more = not self.is_exhausted
        while is_more and not budget.is_spent:
            try:
                is_more = self._advance(frames, budget, is_hasty=is_hasty)
                self._failures = 0
            except OSError as error:
                is_more = self._could_not_read(error)
        return frames

    def backlog_bytes(self) -> int:
        """How much is there to be read; 0 where that can't be told."""
        try:
            ahead = [number for number in segment_numbers(self._folder) if number >= self.position.segment]
            total = sum(segment_path(self._folder, number).stat().st_size for number in ahead)
        except OSError:
            return 0
        return max(0, total - self.position.offset if self.position.segment in ahead else total)

    def close(self) -> None:
        """Let go of the open segment; reading on opens it again."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _advance(self, frames: list[Frame], budget: Budget, *, is_hasty: bool) -> bool:
        """Read to the next obstacle and get past it. False: there is nothing more for now."""
        window = self._opened()
        if window is None:
            return self._skip_missing()
        if self._take(window, frames, budget):
            return True
        if is_hasty and not segment_path(self._folder, self.position.segment + 1).exists():
            return False
        is_final = self._is_final()  # asked first, so that the look after it is the last one needed
        window.forget()
        return self._take(window, frames, budget) or self._pass(window, is_final=is_final)

    def _take(self, window: Window, frames: list[Frame], budget: Budget) -> bool:
        """Read good records up to the first obstacle; tells whether there were any."""
        number, offset = self.position
        start, before = offset, len(frames)
        need = HEADER.size
        try:
            while not budget.is_spent:
                block, base = window.block(offset, need)
                reached = base + scan(Source(self.name, number, base, block), offset - base, frames, budget)
                if reached > offset:
                    offset, need = reached, HEADER.size
                    continue
                length = measure(block, offset - base)
                if length <= need:  # damaged, or even the longer look did not bring all of it
                    break
                need = length
        except BadFrameError:
            pass
        self._stats.frames += len(frames) - before
        self._stats.bytes += offset - start
        self.position = Position(number, offset)
        return offset > start

    def _pass(self, window: Window, *, is_final: bool) -> bool:
        """Get past what is no whole record. False: wait."""
        number, offset = self.position
        rest = window.view(offset, HEADER.size)
        if not rest:
            return is_final and self._next_segment(window)
        try:
            if not is_final:
                return self._is_whole(window, offset)  # if so the writer has just finished it: read on
        except BadFrameError:
            pass
        landing = resync.land(window, offset, is_final=is_final)
        self._quarantine.keep(self.name, self.position, window.pieces(offset, landing.offset))
        self._stats.damaged_bytes += landing.offset - offset
        if landing.is_end and is_final:
            self._stats.torn_tails += 1
        else:
            self._stats.damaged += 1
        self.position = Position(number, landing.offset)
        return True

    @staticmethod
    def _is_whole(window: Window, offset: int) -> bool:
        """Whether a good record stands here now. A write becomes visible piece by piece, so one that was half there a
        moment ago is no damage. Raises BadFrameError if it is.
        """
        length = measure(window.view(offset, HEADER.size), 0)
        view = window.view(offset, length)
        if not length or len(view) < length:
            return False
        unfold(view[:length])
        return True

    def _is_final(self) -> bool:
        """Nothing will be added to the segment at hand."""
        return not self.is_alive or segment_numbers(self._folder)[-1:] > [self.position.segment]

    def _opened(self) -> Window | None:
        if self._window is None:
            try:
                self._window = Window.open(segment_path(self._folder, self.position.segment), self._block_bytes)
            except FileNotFoundError:
                return None
        return self._window

    def _next_segment(self, window: Window) -> bool:
        number = self.position.segment
        following = self._following(number)
        if following is None:
            return False
        if not window.size():
            self._stats.empty_segments += 1
        self._stats.missing_segments += following - number - 1
        self._go_to(following)
        return True

    def _skip_missing(self) -> bool:
        number = self.position.segment
        following = self._following(number)
        if following is None:
            return False
        self._stats.missing_segments += following - number
        self._go_to(following)
        return True

    def _following(self, number: int) -> int | None:
        """The next segment there is. None: there is none, and never will be if the writer is dead."""
        is_alive = self.is_alive
        following = next((other for other in segment_numbers(self._folder) if other > number), None)
        if following is None and not is_alive:
            self.is_exhausted = True
            self.close()
        return following

    def _go_to(self, number: int) -> None:
        self.close()
        self.position = Position(number, 0)

    def _could_not_read(self, error: OSError) -> bool:
        """Try again at the next poll; a finished segment that the disk won't give is put aside after some of them."""
        self._stats.read_errors += 1
        self.close()
        if error.errno in _PASSING:
            return False
        self._failures += 1
        if self._failures < _MAX_FAILURES or not self._is_surely_final():
            return False
        self._failures = 0
        self._stats.unreadable_segments += 1
        self._quarantine.keep_file(segment_path(self._folder, self.position.segment))
        self._go_to(self.position.segment + 1)
        return True

    def _is_surely_final(self) -> bool:
        try:
            return self._is_final()
        except OSError:
            return False
