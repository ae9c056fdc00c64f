"""How many bytes of request bodies one worker holds at once, and whether there is room for more. Pure counting.

A body is claimed whole before it is read, so that bodies which have been begun can always be finished: room that is
handed out as bytes come in would let twenty half-read bodies wait for each other.
"""

from collections.abc import Callable
from typing import Final

from llmgateway.config.snapshot import Server
from llmgateway.domain.errors import GatewayError

SMALL: Final = 64 * 1024
KEPT_FOR_SMALL: Final = 8  # one part in so many: a few huge bodies that come slowly must not stop every small one
_SHARE_OF_MEMORY: Final = 4  # of it, at most one part: while a body is worked on there are up to three of it
_NO_ROOM: Final = "The gateway holds as many request bodies as it may."


def room(server: Server, memory: int, workers: int) -> int:
    """How many bytes of bodies one of `workers` may hold where the gateway may use `memory`: what is configured, but
    not more than a quarter of the memory among all workers, and never less than one body of the largest size.
    """
    configured = server.overload.max_body_bytes
    least = server.max_body_bytes * KEPT_FOR_SMALL // (KEPT_FOR_SMALL - 1) + SMALL
    return min(configured, max(least, memory // (_SHARE_OF_MEMORY * workers)))


class BodyMemory:
    """`held`: bytes claimed now. `limit`: the most; a reload may lower it below what is held."""

    __slots__ = ("_limit", "_limit_of_large", "held", "refused")

    def __init__(self, limit: int) -> None:
        self.held = 0
        self.refused = 0  # bodies turned away so far
        self.limit = limit

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._limit_of_large = limit - limit // KEPT_FOR_SMALL

    def claim(self, size: int) -> None:
        """Take `size` bytes, to be given back with `release`; GatewayError overloaded where there are not so many."""
        held = self.held + size
        if held > (self._limit if size <= SMALL else self._limit_of_large):
            raise self._refusal()
        self.held = held

    def grow(self, size: int, before: int) -> None:
        """Take `size` bytes more for a body that has claimed `before`, and whose length nobody knows; as `claim`."""
        held = self.held + size
        if held > (self._limit if before + size <= SMALL else self._limit_of_large):
            raise self._refusal()
        self.held = held

    def release(self, size: int) -> None:
        """Give back what was claimed."""
        self.held -= size

    def _refusal(self) -> GatewayError:
        self.refused += 1
        return GatewayError("overloaded", _NO_ROOM, retry_after_s=1.0)


class Claim:
    """What one session has claimed: it changes with what it holds."""

    __slots__ = ("_memory", "size")

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self.size = 0

    def become(self, size: int) -> None:
        """Claim this many bytes instead; GatewayError overloaded where there are not so many, and nothing changes."""
        if size > self.size:
            self._memory.grow(size - self.size, self.size)
        else:
            self._memory.release(self.size - size)
        self.size = size

    def follow(self, size: Callable[[], int], relieve: Callable[[GatewayError], bool]) -> None:
        """Claim what is held now; `relieve` hears where there is no room for it, and says whether to look again."""
        while True:
            try:
                return self.become(size())
            except GatewayError as error:
                if not relieve(error):
                    return None
