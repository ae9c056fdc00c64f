"""Versions of a real gateway: a prompt's file from the first start over reloads, restarts and edits."""

import json
import os
import re
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
    return ran(*words, "--config", str(gateway.config))


def checked(gateway: Gateway) -> tuple[int, str, str]:
    return ran("check", str(gateway.config))


def ran(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *words],
        env={**os.environ, **ENVIRON, "COLUMNS": "200"},
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

    code, out, _ = checked(gateway)
    assert code == 0
    assert re.search(r"chat/v1 is another version after a reload with another prompt: \w{12}, not \w{12}", out)
    code, out, err = command(gateway, "reload")
    assert code == 0, err
    assert "another version" not in checked(gateway)[1]
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
    code, out, _ = checked(gateway)
    assert code == 0
    assert "prompt of 8 characters from prompts/v1.txt" in out
    assert "prompt of 6 characters" in out


def known(gateway: Gateway) -> list[dict]:
    """The versions in force, once all are taken down."""
    found: list[dict] = []

    def are_recorded() -> bool:
        code, out, _ = command(gateway, "versions", "list", "--json")
        if code != 0:
            return False
        found[:] = json.loads(out)["versions"]
        shown = [command(gateway, "versions", "show", each["id"], "--json") for each in found]
        return all(code == 0 and json.loads(out)["spec"] is not None for code, out, _ in shown)

    wait_for(are_recorded)
    return found


def test_versions_are_listed_shown_compared_labelled_and_written_about(gateway, echo):
    first, second = known(gateway)
    assert (first["route"], first["name"], second["name"]) == ("chat", "v1", "v2")
    asked(gateway, echo)
    wait_for(lambda: json.loads(command(gateway, "versions", "list", "--json")[1])["versions"][0]["last_served"])

    code, out, err = command(gateway, "versions", "label", "chat/v2", "stage=canary", "ticket=T-1")
    assert (code, out) == (0, f"{second['id']} has stage=canary, ticket=T-1\n"), err
    code, out, err = command(gateway, "versions", "label", second["id"][:6], "ticket=")
    assert (code, out) == (0, f"{second['id']} has stage=canary\n"), err
    code, out, err = command(gateway, "versions", "note", "chat/v2", "Asks twice.")
    assert (code, out) == (0, f"{second['id']} has 1 note\n"), err

    code, out, _ = command(gateway, "versions", "list")
    assert code == 0
    line = next(line for line in out.splitlines() if second["id"] in line)
    assert "m2" in line
    assert "canary" in out
    assert "1 note" in out
    code, out, _ = command(gateway, "versions", "show", "chat/v2")
    assert code == 0
    for wanted in ("model: m2", "\n  Rhyme.\n", "stage = canary  (ada)", "    Asks twice.", "chat/v2 (in force)"):
        assert wanted in out
    code, out, _ = command(gateway, "versions", "diff", "chat/v1", "chat/v2")
    assert code == 0
    for wanted in ("-model: as called", "+model: m2", "-  Be kind.", "+  Rhyme.", "-prompt from prompts/v1.txt"):
        assert wanted in out
    code, out, err = command(gateway, "versions", "diff", "chat/v1", first["id"])
    assert (code, out, err.strip()) == (0, "", "no difference")
    assert json.loads(command(gateway, "versions", "diff", "chat/v1", "chat/v2", "--json")[1])["after"] == second["id"]

    for words, says in (
        (("show", "0" * 12), "There is and was no version"),
        (("show", "chat/v9"), "no version v9 is in force on a route chat"),
        (("show", "zz"), "no versions begin with zz"),
        (("label", "chat/v2", "stage"), "is no label: write KEY=VALUE"),
        (("note", "chat/v2", " "), "invalid_body"),
    ):
        code, _, err = command(gateway, "versions", *words)
        assert (code, says in err) == (2, True), (words, err)


def test_a_version_of_the_past_is_still_known_with_its_prompt(gateway, echo):
    before = known(gateway)[0]["id"]
    (gateway.config.parent / "prompts" / "v1.txt").write_text("Be brief.\n")
    assert command(gateway, "reload")[0] == 0
    after = known(gateway)[0]["id"]
    assert after != before
    listed = json.loads(command(gateway, "versions", "list", "--past", "--json")[1])["versions"]
    assert [each["id"] for each in listed if each["name"] == "v1"] == [after, before]
    code, out, _ = command(gateway, "versions", "show", before)
    assert (code, "Be kind." in out, "chat/v1 (past)" in out) == (0, True, True)
    code, out, _ = command(gateway, "versions", "diff", before, after)
    assert "\n-  Be kind.\n+  Be brief.\n" in out
