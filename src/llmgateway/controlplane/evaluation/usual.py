"""What is usual on a route: percentiles of its first exchanges, frozen, so that a slow drift does not move them."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Self

from llmgateway.domain.exchange import End, is_of_caller
from llmgateway.domain.quantile import quantile

ENOUGH: Final = 200  # exchanges that a baseline is frozen from
MAX_ROUTES: Final = 100
PERCENTILE: Final = 95.0
_NOTHING: Final[Mapping[str, float]] = {}


class Usual:
    """The 95th percentile of columns, by route. Copies and what replays ask don't count: no caller waits for them."""

    def __init__(
        self,
        frozen: Mapping[str, Mapping[str, float]] | None = None,
        gathered: dict[tuple[str, str], list[float]] | None = None,
    ) -> None:
        self._frozen = {route: dict(known) for route, known in (frozen or {}).items()}
        self._gathered = {} if gathered is None else gathered

    def of(self, route: str | None) -> Mapping[str, float]:
        """What is known of a route."""
        return self._frozen.get(route or "", _NOTHING)

    def add(self, row: Mapping[str, Any], columns: Collection[str]) -> None:
        """Take an exchange that completed, until there are enough."""
        route = row.get("route")
        if route is None or not is_of_caller(row) or row.get("end") != End.COMPLETED.value:
            return
        for column in columns:
            value = row.get(column)
            if value is not None and column not in self.of(route):
                self._gather(route, column, float(value))

    def _gather(self, route: str, column: str, value: float) -> None:
        if (route, column) not in self._gathered and len(self._gathered) + len(self._frozen) >= MAX_ROUTES:
            return
        gathered = self._gathered.setdefault((route, column), [])
        gathered.append(value)
        if len(gathered) >= ENOUGH:
            self._frozen.setdefault(route, {})[column] = quantile(sorted(gathered), PERCENTILE)
            del self._gathered[route, column]

    def copy(self) -> Self:
        """What is frozen apart; what is being gathered stays one: counted twice after a failure it does no harm."""
        return type(self)(self._frozen, self._gathered)

    def shown(self) -> dict[str, dict[str, float]]:
        """By route and column."""
        return {route: dict(known) for route, known in self._frozen.items()}

    def state(self) -> dict[str, dict[str, float]]:
        """The frozen ones, as JSON. What is being gathered begins again after a restart."""
        return self.shown()

    @classmethod
    def restored(cls, state: Mapping[str, Mapping[str, float]]) -> Self:
        """What `state` described; AttributeError, TypeError or ValueError where it can't be read."""
        return cls(
            {
                str(route): {str(column): float(value) for column, value in known.items()}
                for route, known in state.items()
            }
        )
