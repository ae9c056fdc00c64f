"""Who is connected: counts in all and by peer, and the idle ones in the order in which they fell idle.

Decides who gives way when a cap is reached. Knows nothing of sockets: a guest is any hashable thing.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class _Peer(Generic[Guest]):
    __slots__ = ("count", "idle", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.idle: OrderedDict[Guest, None] = OrderedDict()


class Census(Generic[Guest]):
    """Counts guests under two caps; all steps take constant time. The peer "" (a Unix socket) has no cap of its own."""

    __slots__ = ("_guests", "_idle", "_max_per_peer", "_max_total", "_peers")

    def __init__(self, max_total: int, max_per_peer: int) -> None:
        self._max_total = max_total
        self._max_per_peer = max_per_peer
        self._guests: dict[Guest, _Peer[Guest]] = {}
        self._idle: OrderedDict[Guest, None] = OrderedDict()
        self._peers: dict[str, _Peer[Guest]] = {}

    def __len__(self) -> int:
        return len(self._guests)

    @property
    def idle_count(self) -> int:
        """How many have nothing under way."""
        return len(self._idle)

    def __iter__(self) -> Iterator[Guest]:
        return iter(list(self._guests))

    def is_peer_full(self, peer: str) -> bool:
        known = self._peers.get(peer)
        return peer != "" and known is not None and known.count >= self._max_per_peer

    def is_full(self) -> bool:
        return len(self._guests) >= self._max_total

    def oldest_idle(self, peer: str | None = None) -> Guest | None:
        """Return who has been idle longest, of one peer or of all; None if everybody is busy."""
        idle = self._idle
        if peer is not None:
            known = self._peers.get(peer)
            if known is None:
                return None
            idle = known.idle
        return next(iter(idle), None)

    def add(self, guest: Guest, peer: str) -> None:
        """Count a new guest, idle at first."""
        known = self._peers.get(peer)
        if known is None:
            known = self._peers[peer] = _Peer(peer)
        known.count += 1
        self._guests[guest] = known
        self.idle(guest)

    def idle(self, guest: Guest) -> None:
        peer = self._guests.get(guest)
        if peer is not None:
            self._idle[guest] = None
            peer.idle[guest] = None

    def busy(self, guest: Guest) -> None:
        peer = self._guests.get(guest)
        if peer is not None:
            self._idle.pop(guest, None)
            peer.idle.pop(guest, None)

    def remove(self, guest: Guest) -> None:
        """Forget a guest; twice does no harm."""
        self.busy(guest)
        peer = self._guests.pop(guest, None)
        if peer is not None:
            peer.count -= 1
            if peer.count == 0:
                del self._peers[peer.name]
