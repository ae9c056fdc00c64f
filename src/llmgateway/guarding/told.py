"""What a backend says of itself in a stream's events, again and again: judged once, and then known."""

from collections.abc import Iterator
from typing import Any, Final

from llmgateway.wire.jsontexts import WORD

MAX_KNOWN: Final = 256  # members of one stream's events
_LONG: Final = 256  # characters of a member that is not worth remembering
_MAX_LAST: Final = 64 * 1024  # bytes of an event that is remembered whole
_NEW_EACH_TIME: Final = frozenset({"obfuscation", "event_id"})
_SOUND: Final = frozenset({"delta"})
_BASE64: Final = str.maketrans("", "", "+/=")


class Told:
    """One stream's: members by name and value, where the value is a string."""

    __slots__ = ("_known", "_last")

    def __init__(self) -> None:
        self._last = b""  # mostly an event has nothing beside its texts that the one before had not
        self._known: set[tuple[str, str | None]] = set()

    def is_known(self, event: Any, written: bytes) -> bool:
        """Whether all that an event says has been judged in an earlier one. `written`: the event as JSON."""
        if written != self._last:
            noise = {member for member in event.items() if _is_noise(*member)}
            if not all(each in self._known or each in noise for each in _members(event)):
                return False
            self._last = written if len(written) <= _MAX_LAST else b""
        return True

    def remember(self, event: Any) -> None:
        """Take what it says for judged: nothing was found in it."""
        for member in _members(event):
            if len(member[0]) + len(member[1] or "") <= _LONG:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                self._known.add(member)


def _members(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every member's name, with its value where that is a string."""
    inner = [("", value)]
    while inner:
        name, value = inner.pop()
        if isinstance(value, dict):
            yield name, None
            inner.extend(value.items())
        elif isinstance(value, list):
            inner.extend([(name, each) for each in value])
        else:
            yield name, value if isinstance(value, str) else None


def _is_noise(name: str, value: Any) -> bool:
    """Whether it is what an API puts there at random, or a piece of sound in base64: beside the texts, not in them."""
    if not isinstance(value, str):
        return False
    if name in _NEW_EACH_TIME:
        return len(value) <= WORD and value.isascii() and value.replace("_", "a").isalnum()
    return name in _SOUND and len(value) > WORD and value.isascii() and value.translate(_BASE64).isalnum()
