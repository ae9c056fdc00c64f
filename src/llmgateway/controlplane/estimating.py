"""What it will cost to put a dataset to two versions, by how many tokens its items took when they were logged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.pricing import Prices
from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.store import Row
from llmgateway.replaying.prompts import read

_TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")


@dataclass(slots=True)
class Estimate:
    """What some items will cost. `unpriced`: those of which the tokens or the price are not known; they count 0."""

    items: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def shown(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Estimator:
    """Estimates by the configuration in force."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._in_force: Snapshot | None = None
        self._prices: Prices | None = None

    async def prices(self) -> Prices:
        """Prices of now; the list is loaded at the first question."""
        snapshot = self._snapshot()
        if self._prices is None:
            self._prices = Prices(snapshot)
            await self._prices.load()
        if snapshot is not self._in_force:
            self._prices.configure(snapshot)
            self._in_force = snapshot
        return self._prices


def add(
    estimate: Estimate, items: Iterable[DatasetItem], prices: Prices, route: Route, versions: Iterable[Version]
) -> None:
    """Add what the items will cost when each of the versions answers them."""
    every = list(versions)
    for item in items:
        if item.request is None:
            continue
        estimate.items += 1
        costs = [prices.cost(_supposed(item, route, version)) for version in every]
        estimate.unpriced += None in costs
        estimate.cost_usd += sum(cost for cost in costs if cost is not None)
        estimate.input_tokens += len(every) * (item.facts.get("input_tokens") or 0)
        estimate.output_tokens += len(every) * (item.facts.get("output_tokens") or 0)


def _supposed(item: DatasetItem, route: Route, version: Version) -> Row:
    """The exchange that this will be. A cache is not reckoned with."""
    row: Row = dict.fromkeys(_TOKENS) | {name: item.facts.get(name) for name in _TOKENS[:2]}
    backend = version.backends[0] if version.backends else None
    return row | {
        "at": item.facts.get("at") or 0.0,
        "route": route.name,
        "served_version": version.name,
        "assigned_version": version.name,
        "response_model": None,
        "request_model": _model_of(item, route),
        "attempts": [{"backend": getattr(backend, "name", backend)}],
    }


def _model_of(item: DatasetItem, route: Route) -> Any:
    """The model's name as the replay will send it: a route of one name is asked by that, a pattern as it was asked."""
    if "*" not in route.name:
        return route.name
    return item.facts.get("request_model") or (read(item.request or b"") or {}).get("model")
