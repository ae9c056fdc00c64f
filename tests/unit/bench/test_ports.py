"""Ports given out: never one twice, and none that somebody listens on."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import ports


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A bag whose first port is taken, as the system's own choice of a port would find it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = ports.free_port()
        monkeypatch.setattr(ports, "_BAG", iter([taken.getsockname()[1], first]))
        yield taken


def test_nobody_is_told_a_port_that_another_was_told() -> None:
    given = [ports.free_port() for _ in range(2_000)]
    assert len(set(given)) == len(given)


def test_the_system_gives_none_of_them_to_a_connection() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if lowest < 32_768:
        pytest.skip(f"this system begins at {lowest}, not at 32768 as Linux does")
    assert all(ports.free_port() < lowest for _ in range(100))


def test_a_port_that_somebody_listens_on_is_passed_over(in_order: socket.socket) -> None:
    assert ports.free_port() != in_order.getsockname()[1]


def test_the_bag_is_filled_again_when_it_is_empty() -> None:
    told = list(itertools.islice(ports._bag(), 30_000))
    assert len(set(told)) == 22_768
