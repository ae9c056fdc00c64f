"""What a session remembers of the names that its backend gives to things: within one bound, and counted."""

from collections.abc import Hashable
from typing import Any, Final

from llmgateway.domain.errors import GatewayError

MAX_NAME: Final = 512  # characters of a name that is remembered
MAX_NAMES: Final = 8 * 1024 * 1024  # bytes of all names that a session remembers
MAX_OWNERS: Final = 10_000  # responses of one session that are remembered as over
ENTRY: Final = 128  # bytes that a name takes beside its own, wherever it is kept
_WIDEST: Final = 4  # bytes of a character


class Names:
    """One session's account. `size`: bytes of all names that are remembered, each as often as it is."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def take(self, name: Hashable) -> bool:
        """Take room for one more; False where there is none, or it is too long."""
        text = name if isinstance(name, str) else str(name)
        size = ENTRY + (len(text) if text.isascii() else _WIDEST * len(text))
        if len(text) > MAX_NAME or self.size + size > MAX_NAMES:
            return False
        self.size += size
        return True


class Owners:
    """Which responses of a session are over, and of which nothing more goes on."""

    __slots__ = ("_barred", "_names", "_over", "_told")

    def __init__(self, names: Names) -> None:
        self._names = names
        self._barred: set[Hashable] = set()
        self._told: set[Hashable] = set()  # of the barred
        self._over: set[Hashable] = set()

    def is_over(self, owner: Hashable | None) -> bool:
        """Whether its last event has come."""
        return owner in self._over

    def is_barred(self, owner: Hashable | None) -> bool:
        """Whether nothing more of it goes on, until it is over."""
        return owner in self._barred

    def is_open(self, owner: Hashable | None) -> bool:
        """Whether it is a response that is not over."""
        return isinstance(owner, str) and owner not in self._over

    def is_told(self, owner: Hashable | None) -> bool:
        """Whether the caller has been told that it is over before it was."""
        return owner in self._told

    def tell(self, owner: Hashable) -> None:
        """Hear that the caller has been told so of one that is barred."""
        self._told.add(owner)

    def bar(self, owner: Hashable) -> None:
        """Let nothing more of it go on. GatewayError guardrail_unsupported where no more can be remembered."""
        if len(self._barred) >= MAX_OWNERS or not self._names.take(owner):
            raise GatewayError("guardrail_unsupported")
        self._barred.add(owner)

    def end(self, owner: Hashable) -> None:
        """Its last event has come. GatewayError as `bar`."""
        if owner in self._over:
            return
        if len(self._over) >= MAX_OWNERS or not (owner in self._barred or self._names.take(owner)):
            raise GatewayError("guardrail_unsupported")
        self._barred.discard(owner)
        self._told.discard(owner)
        self._over.add(owner)


def is_long(name: Any) -> bool:
    """Whether a name is too long to be remembered."""
    return len(name if isinstance(name, str) else str(name)) > MAX_NAME
