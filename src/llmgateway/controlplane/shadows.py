"""What the ledger knows of copies: counted apart from what callers waited for, so that neither blurs the other.

Plain arithmetic over rows, as in `ledger`, which owns one of these.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

from llmgateway.controlplane.labels import OTHER, OUTCOMES, Labels, outcome
from llmgateway.routing.shadow import LeftOut

REASONS: Final = frozenset(LeftOut)

Pair = tuple[str, str]  # a route, and a version or a reason


class ShadowFigures:
    """Copies by route, version and outcome; what they cost; and what was left out by route and reason."""

    __slots__ = ("cost", "left_out", "requests")

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str], int] = {}
        self.cost: dict[Pair, float] = {}
        self.left_out: dict[Pair, int] = {}

    def copied(self, row: Mapping[str, Any], labels: Labels) -> None:
        """Count a copy's row."""
        route, version = labels.cell(row)
        ended = outcome(row.get("end"), row.get("status") or 0, row.get("error_code"))
        key = (route, version, ended.value)
        self.requests[key] = self.requests.get(key, 0) + 1
        cost = row.get("cost_usd")
        if cost is not None:
            self.cost[route, version] = self.cost.get((route, version), 0.0) + cost

    def omitted(self, reason: str, row: Mapping[str, Any], labels: Labels) -> None:
        """Count the row of an exchange that should have been copied and was not."""
        key = (labels.route(row.get("route")), reason if reason in REASONS else OTHER)
        self.left_out[key] = self.left_out.get(key, 0) + 1

    def configure(self, labels: Labels) -> None:
        """Make room for the configured shadows, at zero, and forget what the configuration names no more."""
        self.requests = {key: count for key, count in self.requests.items() if labels.has(*key[:2])}
        self.cost = {key: cost for key, cost in self.cost.items() if labels.has(*key)}
        self.left_out = {key: n for key, n in self.left_out.items() if key[0] == OTHER or key[0] in labels.routes}
        for route, version in labels.shadows.items():
            self.cost.setdefault((route, version), 0.0)
            for ended in OUTCOMES:
                self.requests.setdefault((route, version, ended.value), 0)
            for reason in LeftOut:
                self.left_out.setdefault((route, reason.value), 0)

    def copy(self) -> "ShadowFigures":
        twin = ShadowFigures()
        twin.requests, twin.cost, twin.left_out = dict(self.requests), dict(self.cost), dict(self.left_out)
        return twin

    def state(self) -> dict[str, Any]:
        """As JSON, sharing nothing."""
        return {
            "requests": [[*key, count] for key, count in self.requests.items()],
            "cost": [[*key, cost] for key, cost in self.cost.items()],
            "left_out": [[*key, count] for key, count in self.left_out.items()],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any] | None) -> Self:
        """What `state` described; nothing where the state is of a version that knew no shadows."""
        figures = cls()
        if state is not None:
            figures.requests = {(route, version, ended): int(n) for route, version, ended, n in state["requests"]}
            figures.cost = {(route, version): float(cost) for route, version, cost in state["cost"]}
            figures.left_out = {(route, reason): int(n) for route, reason, n in state["left_out"]}
        return figures
