"""What ends of streams before their time have in common: what has gone to the caller, read guarded and within bounds.

Provider plug-ins build on `BaseEnding`; a plug-in from outside may too.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final

from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.replies import SHAPE_ERRORS

MAX_OPEN: Final = 1_000  # choices, blocks or items of one reply
APART: Final = "\n\n"  # between what a model has said and words that are not its own

Channel = tuple[Hashable, ...]
Said = tuple[bytes, bytes]  # an event's name and data


class BaseEnding:
    """An Ending (ports.shape) that lacks only its provider's knowledge: override `take` and `end`.

    The overridden methods may stumble over values of the wrong shape: nobody knows then how the stream ends well.
    """

    is_begun = False
    _is_lost = False

    def event(self, data: bytes) -> None:
        """Take an event that has gone on to the caller."""
        if self._is_lost:
            return
        try:
            value = decode(data)
        except JsonError:  # what some servers write between events
            return
        try:
            self.take(value)
        except SHAPE_ERRORS:
            self._is_lost = True

    def refused(self, text: str, channel: Channel | None) -> Sequence[Said] | None:
        """See Ending."""
        if self._is_lost:
            return None
        if not self.is_begun:
            return ()
        try:
            return self.end(text, channel)
        except SHAPE_ERRORS:
            return None

    def take(self, value: dict[str, Any]) -> None:
        """Note what is open. A ValueError where there is more of it than MAX_OPEN."""
        raise NotImplementedError

    def end(self, text: str, channel: Channel | None) -> Sequence[Said]:
        """Say the words and end what is open."""
        raise NotImplementedError


def check_room(is_open: int) -> None:
    """Raise ValueError where a reply has more open parts than anybody needs."""
    if is_open > MAX_OPEN:
        raise ValueError("too many open parts")
