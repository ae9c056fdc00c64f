"""A backend's addresses: looked up off the event loop, one lookup at a time, kept for a moment.

When the resolver fails or hangs, the last good answer serves for a minute, so that a flapping resolver harms nobody.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final, NamedTuple, TypeAlias

from llmgateway.domain.clock import Clock

FRESH_S: Final = 10.0
LAST_GOOD_S: Final = 60.0
PATIENCE_S: Final = 1.0  # how long a lookup may take while a last good answer is at hand
MAX_ADDRESSES: Final = 8

Found: TypeAlias = Sequence[tuple[Any, Any, Any, Any, tuple[Any, ...]]]  # what getaddrinfo returns


class Target(NamedTuple):
    """One address to connect a stream socket to."""

    family: int
    address: tuple[Any, ...]


class Resolver:
    """Addresses of one host and port."""

    __slots__ = ("_clock", "_found_at", "_host", "_lookup", "_port", "_targets")

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._targets = literal_target(host, port)
        self._found_at = float("inf") if self._targets else float("-inf")  # a literal is good for ever
        self._lookup: asyncio.Task[None] | None = None

    async def targets(self) -> list[Target]:
        """Return at least one address, at most `MAX_ADDRESSES`; OSError if there is none.

        Waits for the resolver as long as it takes unless a last good answer is at hand: the caller sets the deadline.
        """
        age = self._clock.monotonic() - self._found_at
        if age > FRESH_S:
            await asyncio.wait([self._look_up()], timeout=PATIENCE_S if age <= LAST_GOOD_S else None)
        if self._clock.monotonic() - self._found_at > LAST_GOOD_S:
            raise OSError(f"the name {self._host} does not resolve")
        return self._targets

    def close(self) -> None:
        if self._lookup is not None:
            self._lookup.cancel()

    def _look_up(self) -> asyncio.Task[None]:
        """Join the lookup that runs, or start one."""
        if self._lookup is None:
            self._lookup = asyncio.get_running_loop().create_task(self._resolve())
        return self._lookup

    async def _resolve(self) -> None:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            targets = usable_targets(found)
        except (OSError, UnicodeError):
            return  # the last good answer stands for as long as it may
        finally:
            self._lookup = None
        if targets:
            self._targets = targets
            self._found_at = self._clock.monotonic()


def literal_target(host: str, port: int) -> list[Target]:
    """Return the one address of a host that is an address itself; empty for a name."""
    try:
        version = ip_address(host).version
    except ValueError:
        return []
    return [Target(socket.AF_INET, (host, port)) if version == 4 else Target(socket.AF_INET6, (host, port, 0, 0))]


def usable_targets(found: Found) -> list[Target]:
    """Pick what a backend's name may mean, in the resolver's order and without repeats.

    Link-local (where clouds keep their metadata), unspecified and multicast addresses are none: a rebound name must
    not carry a credential there. Who means such an address writes it as one.
    """
    targets = dict.fromkeys(
        Target(family, address) for family, _, _, _, address in found if _may_be_backend(address[0])
    )
    return list(targets)[:MAX_ADDRESSES]


def _may_be_backend(host: str) -> bool:
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return not (mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast)
