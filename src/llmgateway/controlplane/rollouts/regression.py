"""Grows a route's regression dataset by a rollback's exemplars: a version of its own, begun, filled and sealed.

The version says which rollout it belongs to. Whoever comes after a crash finds it, adds what is missing, and seals it.
Of the items of the version before, a page is held at a time.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from llmgateway.controlplane.readable import readable
from llmgateway.ports.datasets import Dataset, DatasetItem
from llmgateway.ports.rollouts import RolloutRecord
from llmgateway.ports.store import Store
from llmgateway.replaying.items import ContentHash, LeftOutError, item_of
from llmgateway.replaying.regression import Filling, Mark, carried, fresh, mark, name_of
from llmgateway.rollout.exemplars import Exemplar

PAGE: Final = 100
PAGE_BYTES: Final = 4 * 1024 * 1024
RANDOM: Final = "random"  # the stratum of an exemplar that was not bad


class Regression:
    """One for the control process. Raises StoreError and DatasetError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def grow(self, record: RolloutRecord, exemplars: Sequence[Exemplar], at: float) -> dict[str, Any]:
        """Have a version with these exemplars; tells which, what came, and what was left out and why."""
        versions = await self._store.datasets(name_of(record.route))
        ours = next((each for each in versions if each.built.get("rollout") == record.id), None)
        if ours is not None and ours.content_hash is not None:
            return _told(ours)
        before = next((each for each in versions if each.content_hash is not None), None)
        known = await self._marks(before) if before is not None else []
        left_out: Counter[str] = Counter()
        found = [item async for item in self._found(exemplars, left_out)]
        new = fresh(known, found)
        kept = carried(known, new)
        left_out["duplicate"] += len(found) - len(new)
        if ours is None:
            figures = {"added": len(new), "carried": len(kept), "left_out": dict(sorted((+left_out).items()))}
            wanted = _begun(record, at, figures)
            if not new:
                return _told(wanted) | {"version": None}
            ours = await self._store.add_dataset(wanted)
        await self._fill(ours, before, kept, new)
        return _told(await self._seal(ours))

    async def _fill(self, ours: Dataset, before: Dataset | None, kept: set[int], new: Sequence[DatasetItem]) -> None:
        """Add what is not there yet: what is kept of the version before, then what is new."""
        filling = Filling(await self._marks(ours))
        if before is not None:
            async for page in self._pages(before):
                await self._add(ours, filling, [item for item in page if item.ordinal in kept])
        for item in new:
            await self._add(ours, filling, [item])

    async def _add(self, ours: Dataset, filling: Filling, items: Sequence[DatasetItem]) -> None:
        placed = [place for item in items if (place := filling.take(item)) is not None]
        if placed:
            await self._store.add_dataset_items(ours.name, ours.version, placed)

    async def _seal(self, ours: Dataset) -> Dataset:
        whole = ContentHash()
        async for page in self._pages(ours):
            whole.add(page)
        return await self._store.seal_dataset(ours.name, ours.version, whole.told())

    async def _marks(self, dataset: Dataset) -> list[Mark]:
        return [mark(item) async for page in self._pages(dataset) for item in page]

    async def _pages(self, dataset: Dataset) -> AsyncIterator[list[DatasetItem]]:
        after, which = -1, (dataset.name, dataset.version)
        while page := await self._store.dataset_items(*which, after=after, limit=PAGE, limit_bytes=PAGE_BYTES):
            yield page
            after = page[-1].ordinal

    async def _found(self, exemplars: Sequence[Exemplar], left_out: Counter[str]) -> AsyncIterator[DatasetItem]:
        """The items that exemplars make; why one makes none is counted."""
        for each in exemplars:
            row = await self._store.exchange(each.id)
            if row is None:
                left_out["gone"] += 1
                continue
            bodies = (await readable(self._store, [row["seq"]])).get(row["seq"], ())
            try:
                yield item_of(row, bodies, ",".join(each.bad) or RANDOM)
            except LeftOutError as error:
                left_out[error.reason] += 1


def _begun(record: RolloutRecord, at: float, figures: Mapping[str, Any]) -> Dataset:
    built = {"from": "rollout", "rollout": record.id, "candidate": record.version_hash, **figures}
    return Dataset(name_of(record.route), 0, record.route, at, f"rollout {record.id}", built)


def _told(dataset: Dataset) -> dict[str, Any]:
    built = dataset.built
    figures = {name: built.get(name) for name in ("added", "carried", "left_out")}
    return {"name": dataset.name, "version": dataset.version, **figures}
