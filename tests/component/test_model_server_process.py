"""`llmgateway model-server` as a process: how it starts, says where it is, and ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "llmgateway", "model-server", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["url"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_its_port_serves_and_ends_quickly_on_a_signal(number):
    with started("--port", "0", "--json") as process:
        with urllib.request.urlopen(f"{address(process)}/health", timeout=5) as reply:
            assert json.load(reply)["status"] == "ok"
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_running_stream_does_not_hold_it_up():
    with started("--port", "0", "--json", "--rate", "1") as process:
        port = int(address(process).rpartition(":")[2])
        body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        with socket.create_connection(("127.0.0.1", port)) as caller:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
            caller.sendall(head + body)
            assert caller.recv(100).startswith(b"HTTP/1.1 200")
            process.terminate()
            assert process.wait(5) == 0


def test_it_ends_with_its_parent_when_asked_to():
    with started("--port", "0", "--json", "--until-eof") as process:
        address(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(5) == 0
        process.stdin = None


def test_a_taken_port_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started("--port", str(port)) as process:
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    told = (
        f"error: 127.0.0.1:{port} is in use by another program; --port names another, and --port 0 takes a free one\n"
    )
    assert errors.decode() == told


def test_a_knob_that_does_not_exist_is_refused_at_the_start():
    with started("--knob", "colour=red") as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "There is no knob 'colour'" in " ".join(errors.decode().split())
