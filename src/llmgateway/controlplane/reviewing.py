"""Items and what becomes of them: added, claimed, labelled, closed. What is allowed is `review.states`'s word; the
store keeps it, and tells when something has changed meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from llmgateway.config.review import Review as Settings
from llmgateway.controlplane.refused import RefusedError
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import is_of_replay
from llmgateway.domain.review import DEFAULT_QUEUE, BadReviewError, Item, Kind, Reason, Review, Schema, needed_words
from llmgateway.ports.paging import pages
from llmgateway.ports.reviews import Added
from llmgateway.ports.store import Row, Store, Wanted
from llmgateway.review import sampling
from llmgateway.review.labels import BUILT_IN, default, read_labels
from llmgateway.review.states import KINDS, Event, Moment, NotNowError, step
from llmgateway.review.verdicts import scores_of

PAGE: Final = 1_000
MAX_LOOK: Final = 50_000  # exchanges that a sample is drawn from, the newest
TRIES: Final = 8  # where others claim at the same time


class Subject(NamedTuple):
    """What an item is about: an exchange, or two."""

    exchange_id: str
    other_id: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """How items are to be added. `due_in` in seconds; `schema` None: what is asked by default; `reviews` None: one, or
    two of a share of the items.
    """

    reason: Reason
    by: str
    queue: str = DEFAULT_QUEUE
    priority: int = 0
    due_in: float | None = None
    note: str | None = None
    schema: str | None = None
    reviews: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What to draw: `count` exchanges of a route, or pairs of one and its copy. `stratify`: as many of each version."""

    route: str
    since: float
    count: int
    until: float | None = None
    stratify: bool = False
    pairs: bool = False
    seed: str = ""


class Reviewing:
    """One for the control process. `changed` is called when the backlog is another than before."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
        scored: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.settings = settings
        self._clock = clock
        self._changed = changed
        self._scored = scored
        self._turn = asyncio.Lock()

    def now(self) -> float:
        return self._clock.time()

    async def add(self, subjects: Sequence[Subject], order: Order) -> tuple[list[str], Added]:
        """Put exchanges or pairs into a queue; returns the items' ids, also of those that were there already."""
        schema = await self.schema_for(order.schema, is_pair=any(each.other_id is not None for each in subjects))
        items = [self._made(each, order, schema) for each in subjects]
        added = await self.store.add_items(items, max_waiting=self.settings().max_waiting)
        self._changed()
        return [item.id for item in items], added

    async def sample(self, wanted: Sample, order: Order) -> tuple[list[str], Added, int]:
        """Draw exchanges and add them; tells as well how many there were to draw from."""
        if wanted.pairs:
            subjects, seen = await self._drawn_pairs(wanted)
        else:
            rows = await self._rows(wanted)
            ids = _drawn(rows, wanted)
            subjects, seen = [Subject(each) for each in ids], len(rows)
        found, added = await self.add(subjects, order) if subjects else ([], Added(0, 0, 0))
        return found, added, seen

    async def schema_for(self, name: str | None, *, is_pair: bool = False) -> Schema:
        """The newest schema of a name, or what is asked by default; RefusedError where there is none."""
        if name is None:
            return default(is_pair=is_pair)
        schema = await self.store.schema(name) or BUILT_IN.get((name, 1))
        if schema is None:
            raise RefusedError(404, "schema_not_found", "There is no such label schema.")
        return schema

    async def schema_of(self, item: Item) -> Schema:
        """The schema that an item was added with."""
        known = BUILT_IN.get((item.schema, item.schema_number))
        schema = known or await self.store.schema(item.schema, item.schema_number)
        if schema is None:
            raise RefusedError(404, "schema_not_found", "The label schema of this item is gone.")
        return schema

    async def found(self, item_id: str) -> tuple[Item, list[Review]]:
        """An item with what was said of it; RefusedError where there is none."""
        item = await self.store.item(item_id)
        if item is None:
            raise RefusedError(404, "item_not_found", "There is no such item, or it went with its exchange.")
        return item, (await self.store.reviews_of([item_id])).get(item_id, [])

    async def next(self, who: str, *, queue: str | None = None, resumes: bool = False) -> Item | None:
        """Claim the first item that may be claimed; `resumes`: first come back to one that `who` has. None: no more."""
        async with self._turn:  # of many at once, each finds another one
            if resumes and (held := await self.store.held(who, self.now())) is not None:
                return held
            for _ in range(TRIES):
                now = self.now()
                item = await self.store.claimable(who, now, queue=queue)
                if item is None:
                    return None
                claimed = step(Event.CLAIM, Moment(item, who, now, (), lease_s=self.settings().lease_s))
                if await self.store.change_item(claimed, item.version):
                    self._changed()
                    return claimed
        raise RefusedError(409, "item_changed", "Others were quicker; ask again.")

    async def claim(self, item_id: str, who: str) -> Item:
        """Claim this item."""
        return await self._stepped(item_id, Event.CLAIM, who, None, None)

    async def renew(self, item_id: str, who: str, seen: int | None) -> Item:
        """Claim it for longer."""
        return await self._stepped(item_id, Event.RENEW, who, seen, None)

    async def keep(self, item_id: str, who: str) -> None:
        """Let a lease last longer, and nothing else: who has the item open need not look at it again."""
        item, _ = await self.found(item_id)
        if item.claimed_by == who and item.holder(self.now()) == who:
            until = self.now() + self.settings().lease_s
            await self.store.change_item(replace(item, claimed_until=until), item.version)

    async def submit(self, item_id: str, who: str, seen: int | None, sent: Mapping[str, Any]) -> Item:
        """Take a review. BadReviewError, RefusedError."""
        return await self._stepped(item_id, Event.SUBMIT, who, seen, self._labelled(sent))

    async def adjudicate(self, item_id: str, who: str, seen: int | None, sent: Mapping[str, Any]) -> Item:
        """Take the word that ends a dispute. BadReviewError, RefusedError."""
        return await self._stepped(item_id, Event.ADJUDICATE, who, seen, self._labelled(sent))

    async def skip(self, item_id: str, who: str, seen: int | None, sent: Mapping[str, Any]) -> Item:
        """Leave it to others, with a reason. BadReviewError, RefusedError."""
        if sent.keys() - {"reason", "version"}:
            raise BadReviewError(None, "A field is not known here. Known are reason, version.")
        reason = needed_words(sent, "reason")

        async def said(item: Item) -> Review:
            return Review(item.id, who, self.now(), Kind.SKIP, {}, reason)

        return await self._stepped(item_id, Event.SKIP, who, seen, lambda item, _kind, _who: said(item))

    def _labelled(self, sent: Mapping[str, Any]) -> "Say":
        async def said(item: Item, kind: Kind, who: str) -> Review:
            labels, comment, correction = read_labels(await self.schema_of(item), sent)
            return Review(item.id, who, self.now(), kind, labels, comment, correction)

        return said

    async def _stepped(self, item_id: str, event: Event, who: str, seen: int | None, say: "Say | None") -> Item:
        item, said = await self.found(item_id)
        if seen is not None and seen != item.version:
            raise _changed_meanwhile()
        review = await say(item, KINDS[event], who) if say is not None else None
        moment = Moment(item, who, self.now(), said, review, self.settings().lease_s)
        try:
            after = step(event, moment)
        except NotNowError as error:
            raise RefusedError(409, error.code, error.message) from None
        scores = scores_of(item, review) if review is not None else ()
        if not await self.store.change_item(after, item.version, review, scores):
            raise _changed_meanwhile()
        self._changed()
        if scores:
            self._scored()
        return after

    def _made(self, subject: Subject, order: Order, schema: Schema) -> Item:
        name = sampling.item_id(order.queue, subject.exchange_id, subject.other_id, order.reason)
        now = self.now()
        return Item(
            name,
            order.queue,
            subject.exchange_id,
            order.reason,
            now,
            schema.name,
            schema.number,
            other_id=subject.other_id,
            is_swapped=subject.other_id is not None and sampling.is_swapped(name),
            needed=order.reviews or sampling.needed(name, self.settings().overlap),
            priority=order.priority,
            due_at=None if order.due_in is None else now + order.due_in,
            note=order.note,
            added_by=order.by,
        )

    async def _rows(self, wanted: Sample) -> list[Row]:
        """The exchanges of a route that were answered to callers, the newest first."""
        asked = Wanted(route=wanted.route, since=wanted.since, until=wanted.until, end="completed", shadow=False)
        found = pages(self.store, asked, limit=MAX_LOOK, size=PAGE)
        return [
            {"id": row["id"], "version": _version(row)} async for page in found for row in page if not is_of_replay(row)
        ]

    async def _drawn_pairs(self, wanted: Sample) -> tuple[list[Subject], int]:
        asked = Wanted(route=wanted.route, since=wanted.since, until=wanted.until)
        copies: dict[str, str] = {}
        before = None
        while len(copies) < MAX_LOOK:
            page = await self.store.pairs(asked, limit=PAGE, before=before)
            copies |= {row["id"]: copy["id"] for row, copy in page if row and _is_answered(row, copy)}
            if len(page) < PAGE:
                break
            before = page[-1][1]["shadow_of"]
        drawn = sampling.draw(copies, wanted.count, wanted.seed)
        return [Subject(each, copies[each]) for each in drawn], len(copies)


Say = Callable[[Item, Kind, str], Awaitable[Review]]


def _drawn(rows: Sequence[Row], wanted: Sample) -> list[str]:
    if not wanted.stratify:
        return sampling.draw((row["id"] for row in rows), wanted.count, wanted.seed)
    return sampling.draw_stratified(
        rows, wanted.count, lambda row: str(row["id"]), lambda row: str(row["version"]), wanted.seed
    )


def _version(row: Row) -> str:
    return row["served_version"] or row["assigned_version"] or ""


def _is_answered(*rows: Row) -> bool:
    return all(row["end"] == "completed" for row in rows)


def _changed_meanwhile() -> RefusedError:
    return RefusedError(409, "item_changed", "The item has changed meanwhile: look at it again.")
