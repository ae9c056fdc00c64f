"""Where a backend's texts go in a session: clients put them together by their items alone, whatever they are of."""

from collections.abc import Hashable
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.names import Names
from llmgateway.ports.session import Place, SessionShape

MAX_ITEMS: Final = 20_000  # of all responses of a session
SENSELESS: Final = "The route's guardrails can't read this event."


class Whereabouts:
    """One session's: what each item is of, and which texts have been told whole."""

    __slots__ = ("_checked", "_items", "_names", "_shape", "_told")

    def __init__(self, shape: SessionShape, names: Names) -> None:
        self._shape = shape
        self._names = names
        self._items: dict[str, Hashable | None] = {}  # what each is of
        self._checked: tuple[Any, ...] | None = None  # where the last piece went
        self._told: set[Place] = set()  # where a text has been told whole

    def check(self, owner: Hashable | None, event: dict[str, Any]) -> None:
        """An item is of one owner, and what has been told whole does not go on. GatewayError guardrail_unsupported."""
        shape = self._shape
        places, item = shape.places(event), shape.item(event)
        if not places or (owner, item, places) != self._checked:
            if isinstance(owner, str) or places:
                self._check_item(owner[0] if isinstance(owner, tuple) else owner, item)
            if any(place in self._told or place.whole in self._told for place in places):
                raise senseless()
            self._checked = owner, item, places
        for place in shape.told(event):
            self._checked = None
            if place not in self._told:
                if len(self._told) >= MAX_ITEMS or not self._names.take(place.item):
                    raise senseless()
                self._told.add(place)

    def is_of_something(self, item: str | None) -> bool:
        """Whether an item belongs to something that the backend has said."""
        return item is not None and self._items.get(item) is not None

    def _check_item(self, owner: Hashable | None, item: str | None) -> None:
        if item is None:
            return
        if item not in self._items:
            if len(self._items) >= MAX_ITEMS or not self._names.take(item):
                raise senseless()
            self._items[item] = owner
        if self._items[item] != owner:
            raise senseless()


def senseless() -> GatewayError:
    return GatewayError("guardrail_unsupported", SENSELESS)
