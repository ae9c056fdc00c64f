"""Who the caller is, by address, when trusted proxies stand in between (row C41)."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Parse the networks of the configuration, which has checked them."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def caller_address(peer: str, forwarded: bytes | None, trusted: Sequence[Network]) -> str:
    """The rightmost address that no trusted proxy vouches for: `peer` itself unless it is trusted.

    Only X-Forwarded-For is read, and only as far as trusted proxies wrote it; what is no address ends the walk.
    """
    if forwarded is None or not _is_in(peer, trusted):
        return peer
    address = peer
    for hop in reversed(forwarded.decode("ascii", "replace").split(",")):
        candidate = hop.strip()
        if not _is_address(candidate):
            return address
        address = candidate
        if not _is_in(address, trusted):
            return address
    return address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(text: str, trusted: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in trusted)
