"""Port for reviews and concerns: a part of the store (`ports/store.py`), asked by the admin API and the review page.

Who may do what is decided elsewhere (`review/`); here it is kept. Each change of an item names the version of the item
that it was decided on: of two at once, one is told that the item has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from llmgateway.domain.review import Concern, ConcernState, Item, Reason, Review, Schema, State
from llmgateway.domain.score import Score

MAX_QUEUES: Final = 50
MAX_SCHEMAS: Final = 1_000  # all numbers of all names
MAX_CONCERNS: Final = 10_000
MAX_SAID: Final = 200_000  # reviews that figures are made of, the newest


@dataclass(frozen=True, slots=True)
class WantedItems:
    """Which items to read; None wants all."""

    queue: str | None = None
    state: State | None = None
    reason: Reason | None = None
    route: str | None = None
    is_closed: bool = False  # only those that nothing more becomes of


class Added(NamedTuple):
    """What became of items that were to be added: new ones, those that are there already, and what did not fit."""

    added: int
    known: int
    refused: int


STATUSES: Final = ("open", "claimed", "disputed", "done", "skipped")  # states, and `claimed`: somebody has it


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many items of a queue stand so, and when the oldest of them was added (Unix seconds)."""

    queue: str
    status: str
    count: int
    oldest: float


class ReviewReader(Protocol):
    """Reading; bounded as all reading is."""

    async def items(self, wanted: WantedItems, *, limit: int, after: str | None = None) -> list[Item]:
        """Items in the order in which they are handed out, behind the item `after`."""
        ...

    async def item(self, item_id: str) -> Item | None: ...

    async def in_open_pairs(self, exchange_ids: Sequence[str]) -> frozenset[str]:
        """Those of these exchanges that are a side of a pair which people still look at."""
        ...

    async def reviews_of(self, item_ids: Sequence[str]) -> dict[str, list[Review]]:
        """What was said of some items, by their id, in the order it was said."""
        ...

    async def claimable(self, reviewer: str, now: float, *, queue: str | None = None) -> Item | None:
        """The first open item that nobody has at `now`, and of which `reviewer` has said nothing yet."""
        ...

    async def held(self, reviewer: str, now: float) -> Item | None:
        """An item that `reviewer` has at `now`, the one that would be handed out first."""
        ...

    async def review_backlog(self, now: float) -> list[Backlog]:
        """Every queue's items at `now`, by status."""
        ...

    async def waiting_since(self, *, limit: int) -> list[float]:
        """When the items were added that are neither done nor skipped, the oldest first."""
        ...

    async def reviewed(self, queue: str | None, *, since: float | None = None) -> list[tuple[Item, list[Review]]]:
        """The items of which something was said, the newest first, with what; at most MAX_SAID reviews."""
        ...

    async def schema(self, name: str, number: int | None = None) -> Schema | None:
        """A label schema by its number, or the newest of that name."""
        ...

    async def schemas(self) -> list[Schema]:
        """The newest of each name."""
        ...

    async def concerns(
        self, *, route: str | None = None, state: ConcernState | None = None, limit: int
    ) -> list[Concern]:
        """The newest first."""
        ...

    async def concern(self, concern_id: str) -> Concern | None: ...

    async def open_concerns(self, route: str, *versions: str) -> list[Concern]:
        """What stands against a promotion: the open concerns about one of `versions` (a version's name, or its
        content's id, whichever people have written) or about all of the route.
        """
        ...


class ReviewWriter(Protocol):
    """Writing. What returns False has changed nothing, for the item (or concern) is not any more as it was seen."""

    async def add_items(self, items: Sequence[Item], *, max_waiting: int) -> Added:
        """Save items whose exchanges are there; those with an id that is there already are left alone.

        No more than `max_waiting` wait at once, in at most MAX_QUEUES queues: what is beyond is refused.
        """
        ...

    async def change_item(
        self, item: Item, seen: int, review: Review | None = None, scores: Sequence[Score] = ()
    ) -> bool:
        """Replace an item that still has the version `seen`, and save with it what was said: all or nothing."""
        ...

    async def add_schema(self, schema: Schema) -> bool:
        """Save a schema under a number that is not taken; StoreRejectedError beyond MAX_SCHEMAS."""
        ...

    async def add_concern(self, concern: Concern) -> None:
        """Save a concern. Where there are MAX_CONCERNS, the one that was closed first goes; StoreRejectedError if all
        of them are open.
        """
        ...

    async def close_concern(self, concern: Concern) -> bool:
        """Save how an open concern was closed."""
        ...
