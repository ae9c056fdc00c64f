"""The part of a provider that knows which members of a stream's events are pieces of a longer text.

A guardrail must see such pieces as one text. What a shape does not know is judged by itself, event by event.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol


class Slot(NamedTuple):
    """A piece of a longer text: `holder[key]`, a string. `channel` names the longer text; its first part is the group
    that ends together. `is_json`: the longer text is JSON, as arguments of calls are. `row`: of texts that are read one
    behind the other, as blocks of one message are; None where nothing follows this one."""

    channel: tuple[Hashable, ...]
    holder: Any
    key: str
    is_json: bool = False
    row: Hashable = None


class Pieces(NamedTuple):
    """What an event has. `is_known`: besides its slots there is nothing in it that a model may have written.

    `ended`: the groups that have no more pieces after this event; None: all of them. `is_bare`: without its texts there
    would be no use in sending it. `is_altered`: something was taken out of it.
    """

    slots: list[Slot]
    is_known: bool
    is_bare: bool = False
    is_altered: bool = False
    ended: frozenset[Hashable] | None = frozenset()


class Ending(Protocol):
    """Follows one stream as its caller gets it, so that it can be ended well before its time: by a guardrail's words.

    That a stream has begun in a provider's form says that the caller speaks it, too.
    """

    def event(self, data: bytes) -> None:
        """Take an event that has gone on to the caller. No exception leaves it."""
        ...

    def refused(self, text: str, channel: tuple[Hashable, ...] | None) -> Sequence[tuple[bytes, bytes]] | None:
        """Events (name, data) that say `text` and end all that is open, as the provider's own streams end.

        `channel`: where a slot had what was blocked; the words go there if a person would read them there, or else
        into the text beside it. Empty: nothing has begun. None: nobody can tell how this stream ends well.
        """
        ...


class StreamShape(Protocol):
    """Reads parsed events of one operation's streams. Stateless."""

    def pieces(self, event: Any) -> Pieces:
        """Find the pieces of texts in an event; it may take out of it what repeats them (probabilities of tokens).

        Whatever is not of the documented form is simply not known: no exception leaves it.
        """
        ...

    def ending(self) -> Ending:
        """A fresh one for a stream. A shape need not have this member: its blocked streams end with an error then."""
        ...

    def carrier(self, event: Any, slot: Slot) -> tuple[Any, Slot]:
        """Make an event like `event` that carries nothing but this slot's channel, with an empty text."""
        ...
