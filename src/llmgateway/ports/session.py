"""The part of a provider that knows the events of a session: what belongs together, how it ends, how it is called off.

A guardrail must see the pieces of one text as one (`StreamShape`), and where it lets something no further it must be
able to call off the whole of what that is a part of. A provider's `shape` of an operation that is a tunnel has these
members, too.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol

from llmgateway.domain.errors import GatewayError
from llmgateway.ports.shape import StreamShape


class Place(NamedTuple):
    """Where clients put a text together: a part of an item; "" for all of its parts."""

    item: str
    part: Hashable = ""

    @property
    def whole(self) -> "Place":
        """All of the item."""
        return Place(self.item)


class SessionShape(StreamShape, Protocol):
    """Reads parsed events of one operation's sessions. Stateless; no exception leaves it.

    The first member of each of its slots' channels is a tuple that begins with the text's owner.
    """

    def owner(self, event: Any) -> Hashable | None:
        """Say what a backend's event is a part of, as a response is of many; None: it stands for itself.

        A tuple is a part of something that its first member names the kind of.
        """
        ...

    def item(self, event: Any) -> str | None:
        """Name what of its owner an event is about, where clients put texts together by that name alone."""
        ...

    def places(self, event: Any) -> Sequence[Place]:
        """Say where the pieces of texts go that are in an event."""
        ...

    def told(self, event: Any) -> Sequence[Place]:
        """Say of which texts an event says all that has come of them, without being a piece of them."""
        ...

    def is_odd(self, event: Any) -> bool:
        """Whether some clients would read a member of an event that is spelt otherwise than it should be."""
        ...

    def is_end(self, event: Any) -> bool:
        """Whether nothing more of its owner follows this event."""
        ...

    def is_sound(self, event: Any) -> bool:
        """Whether a backend's event has nothing but a piece of sound."""
        ...

    def standing(self, event: Any) -> str | None:
        """The instructions that hold for the session from this event on, the caller's or the backend's; None where it
        says nothing of them.
        """
        ...

    def is_echo(self, event: Any) -> bool:
        """Whether a backend's event repeats what the model was told as instructions, and no model has said it."""
        ...

    def words(self, event: Any) -> Any:
        """The part of a backend's event in which a model's words may stand, as a reply's JSON has them; nothing of one
        that the API says for itself, or that repeats what the caller has configured or spoken.
        """
        ...

    def is_answer(self, event: Any) -> bool:
        """Whether a backend's event is what an event of the caller's has asked for, who waits for it."""
        ...

    def behind(self, event: Any) -> Sequence[str]:
        """Name the items that clients must have heard of before an event, but for its own."""
        ...

    def is_called_off(self, event: Any) -> bool:
        """Whether an owner's last event says that it broke off because the caller wanted no more of it."""
        ...

    def cancel(self, owner: Hashable) -> bytes | None:
        """The client's event that calls an owner off; None where that can't be done."""
        ...

    def cut(self, event: Any) -> bytes | None:
        """The last event of an owner as the caller gets it whose guardrails have kept something back: without a text,
        with the usage. None: there is no such event.
        """
        ...

    def failed(self, owner: Hashable, error: GatewayError) -> bytes | None:
        """The last event of an owner that has been given up before it ended, for this reason; None: there is none."""
        ...
