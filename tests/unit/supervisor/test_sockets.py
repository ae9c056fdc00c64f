import errno
import socket

import pytest

from llmgateway.config.snapshot import Address
from llmgateway.supervisor import sockets as module
from llmgateway.supervisor.sockets import SEND_BUFFER_BYTES, BindError, bind


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_callers_can_connect_and_accepting_does_not_block():
    with bind(Address("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()):
            pass
        assert listener.gettimeout() == 0.0


def test_a_busy_port_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: pytest.fail("it waited"))
    said = r"127.0.0.1:\d+ is in use by another program; change `listen` or stop it"
    with bind(Address("127.0.0.1", 0)) as taken, pytest.raises(BindError, match=said):
        bind(Address("127.0.0.1", port_of(taken)))


def test_patience_waits_until_the_port_is_free(monkeypatch):
    taken = bind(Address("127.0.0.1", 0))
    port = port_of(taken)
    monkeypatch.setattr(module.time, "sleep", lambda _: taken.close())
    with bind(Address("127.0.0.1", port), patience_s=10.0) as listener:
        assert port_of(listener) == port


def test_patience_ends_with_a_reason_that_names_the_orphans(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(now)))
    said = "processes of a gateway that was killed still run"
    with bind(Address("127.0.0.1", 0), patience_s=1.0) as taken, pytest.raises(BindError, match=said):
        bind(Address("127.0.0.1", port_of(taken)), patience_s=3.0)
    assert next(now) < 20


def test_an_address_of_another_machine_is_called_that():
    with pytest.raises(BindError, match="192.0.2.1:0 is no address of this machine"):
        bind(Address("192.0.2.1", 0))


def test_a_name_that_leads_nowhere_is_no_traceback():
    with pytest.raises(BindError, match="can't listen on no.such.host.invalid:1"):
        bind(Address("no.such.host.invalid", 1))


def test_a_forbidden_port_says_that_it_needs_a_privilege(monkeypatch):
    def refuse(address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "_listen", refuse)
    with pytest.raises(BindError, match="no permission to listen on 127.0.0.1:80"):
        bind(Address("127.0.0.1", 80))


def test_an_ipv6_listener_takes_ipv4_callers_too():
    try:
        listener = bind(Address("::", 0))
    except BindError:
        pytest.skip("this machine has no IPv6")
    with listener, socket.create_connection(("127.0.0.1", port_of(listener))):
        pass


def test_a_caller_that_reads_nothing_gets_no_megabytes_of_kernel_memory():
    """Accepted sockets take over the listener's send buffer, which the kernel then doesn't let grow."""
    listener = bind(Address("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES
