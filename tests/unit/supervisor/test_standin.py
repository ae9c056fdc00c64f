"""Who stands in for control: everybody who asks is told, nobody is waited for, and control's own callers are left alone."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.killing_family import BOUND_S, family

from llmgateway.supervisor.standin import ASKING_S, LEAVING_S, MOST, PATIENCE_S, StandIn, answer

WHY = "it ended (exit status 70) and is started again"
ASKED = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        made.setblocking(False)
        yield made


@pytest.fixture
def visit(listener: socket.socket) -> Iterator[object]:
    lines = []

    def come(said: bytes = b"") -> socket.socket:
        lines.append(socket.create_connection(listener.getsockname(), BOUND_S))
        lines[-1].sendall(said)
        return lines[-1]

    yield come
    for line in lines:
        line.close()


@pytest.fixture
def stand_in(listener: socket.socket) -> Iterator[StandIn]:
    with closing(StandIn(listener)) as made:
        made.turn(0.0, WHY)
        yield made


def whole(line: socket.socket) -> tuple[str, bytes]:
    got = b""
    while piece := line.recv(65_536):
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    return head.decode(), body


def turned(stand_in: StandIn, now: float, why: str | None = WHY) -> None:
    """A turn, and another for what the kernel had not handed over by then."""
    for _ in range(50):
        stand_in.turn(now, why)


def test_who_asks_is_told_why_in_the_shape_of_all_errors(visit, stand_in):
    line = visit(ASKED)
    turned(stand_in, PATIENCE_S)
    head, body = whole(line)
    assert head.startswith("HTTP/1.1 503 ")
    assert f"Content-Length: {len(body)}" in head
    assert "Connection: close" in head
    error = json.loads(body)["error"]
    assert error["code"] == "control_unavailable"
    assert WHY in error["message"]


def test_head_gets_no_body(visit, stand_in):
    line = visit(ASKED.replace(b"GET", b"HEAD"))
    turned(stand_in, PATIENCE_S)
    head, body = whole(line)
    assert (head.startswith("HTTP/1.1 503 "), body) == (True, b"")
    assert answer(WHY, with_body=True).partition(b"\r\n\r\n")[0] == head.encode()


def test_for_a_while_it_leaves_who_asks_to_the_next_control(visit, stand_in, listener):
    visit(ASKED)
    turned(stand_in, PATIENCE_S - 0.1)
    turned(stand_in, PATIENCE_S, None)  # control is back
    turned(stand_in, PATIENCE_S + 1.0)  # and away again: that counts anew
    line, _ = listener.accept()
    with line:
        assert line.recv(1_000) == ASKED


def test_a_large_question_is_answered_without_being_read_first(visit, stand_in):
    line = visit(b"PUT /admin/v1/config HTTP/1.1\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000)
    turned(stand_in, PATIENCE_S)
    assert whole(line)[0].startswith("HTTP/1.1 503 ")


def test_who_says_nothing_or_does_not_go_is_turned_out(visit, stand_in):
    silent, staying = visit(), visit(ASKED)
    turned(stand_in, PATIENCE_S)
    turned(stand_in, PATIENCE_S + LEAVING_S)
    whole(staying)
    silent.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent.recv(1)
    turned(stand_in, PATIENCE_S + ASKING_S)
    silent.settimeout(BOUND_S)
    assert whole(silent) == ("", b"")


def test_those_who_are_let_in_are_bounded_and_the_rest_has_its_turn(visit, stand_in):
    silent = [visit() for _ in range(MOST)]
    line = visit(ASKED)
    turned(stand_in, PATIENCE_S)
    line.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.recv(1)
    for each in silent:
        each.close()
    turned(stand_in, PATIENCE_S)
    line.settimeout(BOUND_S)
    assert whole(line)[0].startswith("HTTP/1.1 503 ")


def test_who_was_let_in_is_answered_also_when_control_is_back(visit, stand_in):
    line = visit()
    turned(stand_in, PATIENCE_S)
    line.sendall(ASKED)
    turned(stand_in, PATIENCE_S, None)
    assert b"control is starting" in whole(line)[1]


def test_a_listener_that_fails_stops_nothing(listener, monkeypatch):
    with closing(StandIn(listener)) as made:
        made.turn(0.0, WHY)
        listener.close()
        made.turn(PATIENCE_S, WHY)


def test_a_control_that_keeps_crashing_is_told_by_the_supervisor():
    with family("control=crashing", "patience=0.2") as running:
        port = int(running.wait_for("admin"))
        running.wait_for("control up")
        running.wait_for("control up")  # so it has ended once, and the supervisor knows
        with socket.create_connection(("127.0.0.1", port), BOUND_S) as line:
            line.sendall(ASKED)
            head, body = whole(line)
    assert head.startswith("HTTP/1.1 503 ")
    assert "it ended (exit status 3) and is started again" in json.loads(body)["error"]["message"]
