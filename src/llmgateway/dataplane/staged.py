"""The weights of rollouts in this worker: what control has told last, kept for as long as control is away."""

from typing import Any

from llmgateway.config.snapshot import Route
from llmgateway.domain.exchange import Exchange
from llmgateway.routing.select import Split
from llmgateway.routing.staged import StagedWeight, staged_split

MAX_ROUTES = 1_000


class Staged:
    """By route. New exchanges go by what `take` was told last; those under way have their version."""

    __slots__ = ("_splits", "_weights", "held", "is_any")

    def __init__(self) -> None:
        self._weights: dict[str, StagedWeight] = {}
        self._splits: dict[str, tuple[Route, Split | None]] = {}  # made for this very route of a snapshot
        self.is_any = False
        self.held = ""  # the name of what is in force

    def take(self, told: dict[str, Any]) -> str:
        """Take all rollouts' weights in place of those before; returns their name, for control to hear."""
        routes = told.get("routes")
        if not isinstance(routes, dict) or len(routes) > MAX_ROUTES:
            return self.held
        read = {str(name): StagedWeight.read(each) for name, each in routes.items()}
        self._weights = {name: each for name, each in read.items() if each is not None}
        self._splits = {}
        self.is_any = bool(self._weights)
        self.held = str(told.get("name", ""))
        return self.held

    def split(self, route: Route, sticky_key: str | None, exchange: Exchange) -> Split | None:
        """The split to go by instead of the route's own, noted in the exchange; None where there is none."""
        staged = self._weights.get(route.name)
        if staged is None:
            return None
        made, split = self._splits.get(route.name, (None, None))
        if made is not route:
            split = staged_split(route, staged)
            self._splits[route.name] = (route, split)
        if split is None:
            return None
        exchange.rollout, exchange.epoch = staged.rollout, staged.epoch
        if sticky_key is not None:
            exchange.unit = staged.unit(sticky_key)
        return split
