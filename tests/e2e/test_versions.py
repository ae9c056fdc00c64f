"""Versions of a real gateway: a prompt's file from the first start over reloads, restarts and edits."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from tests.support.gateway import Gateway, running

SECRET = "an admin token of some length"
ENVIRON = {"ADMIN_SECRET": SECRET, "LOGNAME": "ada", "COLUMNS": "120"}
CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
token = "env:ADMIN_SECRET"
[data]
dir = "{data}"
[backends.echo]
provider = "openai"
base_url = "http://127.0.0.1:ECHO/v1"
[routes.chat.versions.v1]
backends = ["echo"]
prompt_file = "prompts/v1.txt"
weight = 1
[routes.chat.versions.v2]
backends = ["echo"]
model = "m2"
prompt = "Rhyme."
"""
ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


class Echo(BaseHTTPRequestHandler):
    """Answers, and keeps what it was asked in `server.bodies`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def echo() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.bodies = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def gateway(echo: ThreadingHTTPServer, tmp_path: Path) -> Iterator[Gateway]:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v1.txt").write_text("Be kind.\n")
    with running(CONFIG.replace("ECHO", str(echo.server_port)), environ=ENVIRON, folder=tmp_path) as made:
        yield made


def command(gateway: Gateway, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *words, "--config", str(gateway.config)],
        env={**os.environ, **ENVIRON},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def asked(gateway: Gateway, echo: ThreadingHTTPServer) -> str:
    """What a backend hears first of a new exchange."""
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(
        f"{gateway.base_url}/v1/chat/completions", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
    first = json.loads(echo.bodies[-1])["messages"][0]  # type: ignore[attr-defined]
    return str(first["content"])


def children(gateway: Gateway) -> set[int]:
    assert gateway.process is not None
    return {child.pid for child in psutil.Process(gateway.process.pid).children()}


def wait_for(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_prompts_file_is_in_force_from_one_reload_to_the_next_and_nothing_else_reads_it(gateway, echo):
    assert asked(gateway, echo) == "Be kind."
    file = gateway.config.parent / "prompts" / "v1.txt"
    file.write_text('Be "brief".\nありがとう\n')
    assert asked(gateway, echo) == "Be kind."
    before = children(gateway)
    for child in psutil.Process(gateway.process.pid).children():
        child.kill()  # workers and control: the supervisor starts them again
    wait_for(lambda: len(children(gateway)) == len(before) and not children(gateway) & before)
    gateway.wait_ready()
    assert asked(gateway, echo) == "Be kind."

    code, out, err = command(gateway, "reload")
    assert code == 0, err
    assert "chat/v1 is another version now with another prompt: " in out
    assert asked(gateway, echo) == 'Be "brief".\nありがとう'
    wait_for(lambda: "\n-#| Be kind.\n" in command(gateway, "config", "diff", "2")[1])
    shown = command(gateway, "config", "diff", "2")[1]
    assert '\n+#| Be "brief".\n+#| ありがとう\n' in shown

    file.write_bytes(b"caf\xe9")
    code, out, err = command(gateway, "reload")
    assert code == 2
    assert "config.toml:14: routes.chat.versions.v1.prompt_file" in out + err
    assert "is not UTF-8 text (line 1)" in out + err
    assert asked(gateway, echo) == 'Be "brief".\nありがとう'


def test_check_says_what_a_version_puts_in_front(gateway):
    code, out, _ = command(gateway, "config", "show")
    assert code == 0
    assert 'prompt_file = "prompts/v1.txt"' in out
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "check", str(gateway.config)],
        env={**os.environ, **ENVIRON, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "prompt of 8 characters from prompts/v1.txt" in done.stdout
    assert "prompt of 6 characters" in done.stdout
