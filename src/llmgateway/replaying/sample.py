"""Which exchanges make a dataset: a sample that is the same for the same seed, even over strata if asked. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from llmgateway.domain.exchange import is_of_replay
from llmgateway.ports.store import Row

MAX_STRATA: Final = 64
OTHER: Final = "(other)"
NONE: Final = "(none)"


class Stratify(StrEnum):
    """What the sample is even over. A closed set: each is a column of the log."""

    VERSION = "version"
    FINISH_REASON = "finish_reason"
    KEY = "key"


_COLUMNS: Final = {Stratify.VERSION: "served_version", Stratify.FINISH_REASON: "finish_reason", Stratify.KEY: "key"}


def rank(exchange_id: str, seed: int) -> int:
    """Where an exchange stands in the order of the draw: by its id and the seed alone."""
    return int.from_bytes(blake2b(f"{seed}:{exchange_id}".encode(), digest_size=8).digest(), "big")


@dataclass(slots=True)
class Sample:
    """Takes rows as they come and gives them in the order of the draw.

    Without strata that order is random; with strata they take turns, so that the rare ones are there: rates on such a
    set are not the traffic's.
    """

    seed: int
    by: Stratify | None = None
    seen: int = 0
    _strata: dict[str, list[tuple[int, Row]]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Take one row. What a replay has asked is no traffic, and is passed over."""
        if is_of_replay(row):
            return
        self.seen += 1
        self._strata.setdefault(self._stratum(row), []).append((rank(row["id"], self.seed), row))

    def drawn(self) -> Iterator[tuple[str | None, Row]]:
        """Rows with their strata."""
        lines = {name: sorted(rows, key=lambda each: each[0]) for name, rows in sorted(self._strata.items())}
        for turn in range(max(map(len, lines.values()), default=0)):
            for name, rows in lines.items():
                if turn < len(rows):
                    yield (None if self.by is None else name), rows[turn][1]

    def _stratum(self, row: Row) -> str:
        if self.by is None:
            return ""
        value: Any = row[_COLUMNS[self.by]]
        name = NONE if value is None else str(value)
        return name if name in self._strata or len(self._strata) < MAX_STRATA else OTHER
