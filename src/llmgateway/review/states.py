"""Where an item may go: a table of what must hold, and one function that follows it.

A claim is a lease. Who comes late may still hand in what they have, as long as nobody else has claimed the item; that
nobody has is what the item's version tells, which every change names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple

from llmgateway.domain.review import Item, Kind, Labels, Review, State

MAX_SKIPS: Final = 3  # by so many people, and nobody else is asked


class Event(StrEnum):
    """What somebody wants to do with an item."""

    CLAIM = "claim"
    RENEW = "renew"
    SUBMIT = "submit"
    SKIP = "skip"
    ADJUDICATE = "adjudicate"


class NotNowError(Exception):
    """It can't be done, as the item stands; `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Moment(NamedTuple):
    """An item, who wants to do something with it and when, what was said of it, and what they say now."""

    item: Item
    who: str
    now: float
    said: Sequence[Review]
    review: Review | None = None
    lease_s: float = 0.0


Guard = Callable[[Moment], NotNowError | None]
Move = Callable[[Moment], Item]


def _is_free(at: Moment) -> NotNowError | None:
    if at.item.holder(at.now) in {None, at.who}:
        return None
    return NotNowError("claimed", "Somebody else has this item just now.")


def _is_held(at: Moment) -> NotNowError | None:
    if at.item.claimed_by == at.who:
        return None
    return NotNowError("not_claimed", "Claim this item first: you do not have it, or not any more.")


def _is_unsaid(at: Moment) -> NotNowError | None:
    if all(review.reviewer != at.who for review in at.said):
        return None
    return NotNowError("already_reviewed", "You have said something of this item already; the next is for others.")


def _claimed(at: Moment) -> Item:
    return replace(at.item, claimed_by=at.who, claimed_until=at.now + at.lease_s)


def _reviewed(at: Moment) -> Item:
    given = _labels([*at.said, _new(at)])
    if len(given) < at.item.needed:
        return _freed(at.item)
    if all(labels == given[0] for labels in given):
        return _closed(at, State.DONE, given[0])
    return replace(_freed(at.item), state=State.DISPUTED)


def _skipped(at: Moment) -> Item:
    if sum(review.kind is Kind.SKIP for review in at.said) + 1 < MAX_SKIPS:
        return _freed(at.item)
    given = _labels(at.said)  # fewer than are needed, but all that there will be
    return _closed(at, State.DONE, given[0]) if given else _closed(at, State.SKIPPED, None)


def _adjudicated(at: Moment) -> Item:
    return _closed(at, State.DONE, _new(at).labels)


TABLE: Final[Mapping[tuple[State, Event], tuple[tuple[Guard, ...], Move]]] = {
    (State.OPEN, Event.CLAIM): ((_is_unsaid, _is_free), _claimed),
    (State.OPEN, Event.RENEW): ((_is_held,), _claimed),
    (State.OPEN, Event.SUBMIT): ((_is_unsaid, _is_held), _reviewed),
    (State.OPEN, Event.SKIP): ((_is_unsaid, _is_held), _skipped),
    (State.DISPUTED, Event.ADJUDICATE): ((_is_unsaid,), _adjudicated),
}
_ELSEWHERE: Final = {
    State.OPEN: "This item needs no adjudication: its reviews are not all there.",
    State.DISPUTED: "The reviews of this item disagree: all that is wanted is adjudication.",
    State.DONE: "This item is done.",
    State.SKIPPED: "This item was closed, for nobody could say anything about it.",
}
KINDS: Final = {Event.SUBMIT: Kind.REVIEW, Event.SKIP: Kind.SKIP, Event.ADJUDICATE: Kind.ADJUDICATION}


def step(event: Event, at: Moment) -> Item:
    """The item as it stands after `event`, with the next version. Raises NotNowError."""
    row = TABLE.get((at.item.state, event))
    if row is None:
        raise NotNowError("not_possible", _ELSEWHERE[at.item.state])
    guards, move = row
    for guard in guards:
        if (refused := guard(at)) is not None:
            raise refused
    return replace(move(at), version=at.item.version + 1)


def _new(at: Moment) -> Review:
    assert at.review is not None
    return at.review


def _labels(said: Sequence[Review]) -> list[Labels]:
    return [review.labels for review in said if review.kind is Kind.REVIEW]


def _freed(item: Item) -> Item:
    return replace(item, claimed_by=None, claimed_until=0.0)


def _closed(at: Moment, state: State, labels: Labels | None) -> Item:
    return replace(_freed(at.item), state=state, labels=labels, closed_at=at.now)
