"""How far an incarnation may be acknowledged: below the low-water mark everything is in the store. Pure.

An exchange is open from its `admitted` record to its `settled` one, and its request's bytes are needed until then; so
the mark stays at the oldest open exchange, or where reading has got to if there is none.
"""

from collections import OrderedDict
from collections.abc import KeysView
from typing import Final, NamedTuple

from llmgateway.journal.layout import BEGINNING, Location, Position

MAX_OPEN: Final = 100_000


class Open(NamedTuple):
    """An exchange that has begun and not been seen to end."""

    id: str
    location: Location


class Progress:
    """Follows one incarnation's open exchanges. Feed it in the order of the records, acknowledge after the commit."""

    __slots__ = ("_max_open", "_open", "_read_to")

    def __init__(self, start: Position = BEGINNING, *, max_open: int = MAX_OPEN) -> None:
        self._open: OrderedDict[str, Location] = OrderedDict()  # a dict finds its first item slowly once many have gone
        self._max_open = max_open
        self._read_to = start

    def __len__(self) -> int:
        return len(self._open)

    @property
    def ids(self) -> KeysView[str]:
        """Whose end is waited for; a view that moves with it."""
        return self._open.keys()

    @property
    def low_water(self) -> Position:
        """The position to acknowledge, once everything told so far is committed."""
        for location in self._open.values():
            return location.position
        return self._read_to

    def admitted(self, exchange_id: str, location: Location) -> Open | None:
        """Note that an exchange began at `location`.

        Beyond `max_open` the oldest one is given up and returned: store it as it is in the same commit. A record that
        was written twice counts where it was seen first.
        """
        self._open.setdefault(exchange_id, location)
        if len(self._open) <= self._max_open:
            return None
        return Open(*self._open.popitem(last=False))

    def settled(self, exchange_id: str) -> Location | None:
        """Note that an exchange ended; tells where it began, or None if that is not known any more."""
        return self._open.pop(exchange_id, None)

    def read_to(self, position: Position) -> None:
        """Note how far the records have been read (`Tail.position`); never goes back."""
        self._read_to = max(self._read_to, position)

    def interrupted(self) -> list[Open]:
        """Give up all that is open, oldest first: the incarnation is exhausted, so nobody will settle it."""
        left = [Open(exchange_id, location) for exchange_id, location in self._open.items()]
        self._open.clear()
        return left
