"""Going through the log for a dataset: first the rows, then the bodies of those that were drawn."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.paging import pages
from llmgateway.ports.store import Row, StoreReader, Wanted
from llmgateway.replaying.items import FACTS, LeftOutError, item_of
from llmgateway.replaying.sample import Sample, Stratify

PAGE: Final = 500
BATCH: Final = 50  # exchanges whose bodies are read together
SCAN: Final = 100_000  # exchanges that are looked at, the newest
_NEEDED: Final = (*FACTS, "id", "seq", "operation", "method", "path", "dialect", "tags", "assigned_by", "erased_at")

Step = Callable[[str, int], None]
"""Hears what is done, `scanned` or `taken`, and how many more of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the dataset is to be made of."""

    wanted: Wanted
    count: int
    seed: int = 0
    by: Stratify | None = None
    scan: int = SCAN


@dataclass(slots=True)
class Collected:
    """What came of it. `left_out`: reasons, with how many exchanges each; `is_cut`: there was more than `scan`."""

    items: list[DatasetItem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    is_cut: bool = False


async def collect(reader: StoreReader, order: Order, step: Step = lambda *_: None) -> Collected:
    """Draw the sample, without doubles. Holds a few figures of each row that was looked at."""
    sample, collected = Sample(order.seed, order.by), Collected()
    await _look(reader, order, sample, collected, step)
    collected.seen = sample.seen
    drawn, hashes = sample.drawn(), set[str]()
    while len(collected.items) < order.count and (batch := list(islice(drawn, BATCH))):
        before = len(collected.items)
        for item in await _items(reader, batch, collected):
            if item.prompt_hash in hashes:
                collected.left_out["duplicate"] += 1
            elif len(collected.items) < order.count:
                hashes.add(str(item.prompt_hash))
                collected.items.append(replace(item, ordinal=len(collected.items)))
        step("taken", len(collected.items) - before)
    return collected


async def _look(reader: StoreReader, order: Order, sample: Sample, collected: Collected, step: Step) -> None:
    left = order.scan
    async for page in pages(reader, order.wanted, limit=order.scan, size=PAGE):
        for row in page:
            sample.add({name: row[name] for name in _NEEDED})
        left -= len(page)
        step("scanned", len(page))
    collected.is_cut = left == 0


async def _items(
    reader: StoreReader, batch: list[tuple[str | None, Row]], collected: Collected
) -> Iterator[DatasetItem]:
    seqs = [row["seq"] for _, row in batch]
    verdicts, bodies = await reader.verdicts(seqs), await reader.bodies(seqs)

    def every() -> Iterator[DatasetItem]:
        for stratum, row in batch:
            try:
                yield item_of(row | {"verdicts": verdicts.get(row["seq"], [])}, bodies.get(row["seq"], ()), stratum)
            except LeftOutError as error:
                collected.left_out[error.reason] += 1

    return every()


def told(order: Order, collected: Collected) -> dict[str, Any]:
    """How the version was built, to stand beside it."""
    wanted = {name: getattr(order.wanted, name) for name in Wanted.__dataclass_fields__}
    return {
        "from": "log",
        "filters": {name: value for name, value in wanted.items() if value is not None},
        "seed": order.seed,
        "stratify": order.by,
        "seen": collected.seen,
        "scan_is_cut": collected.is_cut,
        "left_out": dict(sorted(collected.left_out.items())),
    }
