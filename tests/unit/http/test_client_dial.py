"""Dialling: every address is tried, nothing stays open behind a failure, each failure has its code."""

import asyncio
import errno
import socket

import pytest
from tests.support.http_client import FakeTransport, make_pool

from llmgateway.domain.errors import GatewayError
from llmgateway.http import client_dial
from llmgateway.http.client_dial import connect_any
from llmgateway.http.client_resolve import Target


def target(number: int) -> Target:
    return Target(socket.AF_INET, (f"192.0.2.{number}", 80))


class FakeNetwork:
    """Stands in for `sock_connect`: each address succeeds, fails, or hangs until its event is set."""

    def __init__(self) -> None:
        self.outcomes: dict[str, object] = {}
        self.tried: list[str] = []
        self.sockets: list[socket.socket] = []

    async def sock_connect(self, sock, address):
        self.tried.append(address[0])
        self.sockets.append(sock)
        outcome = self.outcomes.get(address[0])
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
        elif isinstance(outcome, Exception):
            raise outcome

    @property
    def open_sockets(self) -> list[socket.socket]:
        return [sock for sock in self.sockets if sock.fileno() >= 0]


@pytest.fixture
async def network(monkeypatch):
    network = FakeNetwork()
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", network.sock_connect)
    monkeypatch.setattr(client_dial, "STAGGER_S", 0.01)
    yield network
    for sock in network.sockets:
        sock.close()


async def settled(network, count):
    """Let cancelled attempts close what they opened."""
    async with asyncio.timeout(5):
        while len(network.open_sockets) > count:
            await asyncio.sleep(0)


async def test_the_first_address_is_taken_if_it_answers(network):
    sock = await connect_any([target(1), target(2)], 4096)
    assert network.tried == ["192.0.2.1"]
    assert network.open_sockets == [sock]


async def test_a_refusal_moves_on_to_the_next_at_once(network):
    network.outcomes = {"192.0.2.1": ConnectionRefusedError()}
    sock = await connect_any([target(1), target(2), target(3)], 4096)
    assert network.tried == ["192.0.2.1", "192.0.2.2"]
    assert network.open_sockets == [sock]


async def test_a_hanging_address_does_not_keep_the_others_from_being_tried(network):
    network.outcomes = {"192.0.2.1": asyncio.Event(), "192.0.2.2": asyncio.Event()}
    await connect_any([target(1), target(2), target(3)], 4096)
    assert network.tried == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    await settled(network, 1)


async def test_a_slow_address_may_still_win(network):
    slow = asyncio.Event()
    network.outcomes = {"192.0.2.1": slow, "192.0.2.2": asyncio.Event()}
    connecting = asyncio.create_task(connect_any([target(1), target(2)], 4096))
    async with asyncio.timeout(5):
        while len(network.tried) < 2:
            await asyncio.sleep(0.001)
    slow.set()
    sock = await connecting
    await settled(network, 1)
    assert network.open_sockets == [sock] == network.sockets[:1]


@pytest.mark.parametrize("count", [1, 3])
async def test_the_last_failure_is_told_when_all_fail(network, count):
    network.outcomes = {f"192.0.2.{i}": OSError(f"failure {i}") for i in range(1, count + 1)}
    with pytest.raises(OSError, match=f"failure {count}"):
        await connect_any([target(i) for i in range(1, count + 1)], 4096)
    assert len(network.tried) == count
    assert network.open_sockets == []


@pytest.mark.parametrize("count", [1, 2])
async def test_a_cancelled_attempt_leaves_no_socket_open(network, count):
    network.outcomes = {f"192.0.2.{i}": asyncio.Event() for i in (1, 2)}
    connecting = asyncio.create_task(connect_any([target(i) for i in range(1, count + 1)], 4096))
    async with asyncio.timeout(5):
        while len(network.tried) < count:
            await asyncio.sleep(0.001)
    connecting.cancel()
    await asyncio.wait([connecting])
    await settled(network, 0)


async def test_the_receive_buffer_is_set_before_connecting(network):
    small = await connect_any([target(1)], 8 * 1024)
    large = await connect_any([target(1)], 64 * 1024)
    sizes = [sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for sock in (small, large)]
    assert sizes == [16 * 1024, 128 * 1024]  # the kernel doubles it for its own needs


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(), "upstream_unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "upstream_unreachable"),
        (TimeoutError(), "upstream_timeout"),
        (OSError(errno.EMFILE, "x"), "overloaded"),
    ],
)
async def test_each_failure_has_its_code_and_keeps_its_cause(network, error, code):
    network.outcomes = {"192.0.2.1": error}
    with pytest.raises(GatewayError) as failed:
        await make_pool("http://192.0.2.1").dial()
    assert failed.value.code == code
    assert failed.value.__cause__ is error


async def test_the_connect_deadline_covers_every_address(network):
    network.outcomes = {"192.0.2.1": asyncio.Event()}
    with pytest.raises(GatewayError) as failed:
        await make_pool("http://192.0.2.1", connect_timeout_s=0.02).dial()
    assert failed.value.code == "upstream_timeout"
    assert network.open_sockets == []


async def test_a_dial_cancelled_at_the_last_moment_closes_what_it_has_just_opened(network, monkeypatch):
    transport = FakeTransport()

    async def create_connection(factory, **_):
        factory().connection_made(transport)
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    with pytest.raises(GatewayError, match="upstream_timeout"):
        await make_pool("http://192.0.2.1", connect_timeout_s=0.02).dial()
    assert transport.is_aborted


async def test_a_connection_that_is_gone_before_its_dial_returns_is_unreachable(network, monkeypatch):
    async def create_connection(factory, **_):
        connection = factory()
        connection.connection_made(FakeTransport())
        connection.connection_lost(None)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    pool = make_pool("http://192.0.2.1")
    with pytest.raises(GatewayError, match="upstream_unreachable"):
        await pool.dial()
    assert pool.open == 0
