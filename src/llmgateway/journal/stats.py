"""What the writing side has done so far, for the worker's live gauges. Plain numbers; nothing is exported from here."""

from dataclasses import dataclass


@dataclass(slots=True)
class WriterStats:
    """Counts since the start. `write_s` is the time taken by writes, or by write and sync where both are awaited."""

    records: int = 0
    bytes: int = 0
    writes: int = 0
    write_s: float = 0.0
    slowest_write_s: float = 0.0
    refused: int = 0  # records turned away
    faults: int = 0  # segments given up because the disk failed
    rotations: int = 0

    def wrote(self, records: int, size: int, seconds: float) -> None:
        """Count one write that brought in `records` of `size` bytes together."""
        self.records += records
        self.bytes += size
        self.writes += 1
        self.write_s += seconds
        if seconds > self.slowest_write_s:  # noqa: PLR1730 - max() costs a call on every record
            self.slowest_write_s = seconds

    def take_slowest(self) -> float:
        """Read the slowest write since the last call."""
        slowest, self.slowest_write_s = self.slowest_write_s, 0.0
        return slowest
