"""The configuration of a real gateway changed while it serves; and docs/CHANGES.md, followed line by line."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.e2e.test_readme import ENVIRON, LISTENERS, block
from tests.support.gateway import prepare, running

GUIDE = Path(__file__).parents[2].joinpath("docs", "CHANGES.md").read_text()
CONFIG = """\
[server]
listen = "127.0.0.1:{port}"
workers = 2
[admin]
listen = "127.0.0.1:{admin_port}"
token = "env:ADMIN_SECRET"
[data]
dir = "{data}"
[backends.nobody]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat]
retries = { max_attempts = 1 }
[routes.chat.versions.v1]
backends = ["nobody"]
weight = 90   # most of it
[routes.chat.versions.v2]
backends = ["nobody"]
model = "m2"
weight = 10
"""
SECRET = "an admin token of some length"
OPERATOR = {"ADMIN_SECRET": SECRET, "LOGNAME": "ada"}


def command(gateway, *words):
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *words, "--config", str(gateway.config)],
        env={**os.environ, **OPERATOR, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def api(gateway, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=30)
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"} | headers
    connection.request(method, f"/admin/v1/{path}", None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


def generations(gateway):
    """What each worker runs, as control hears it."""
    _, view = api(gateway, "GET", "live")
    return [worker["generation"] for worker in view["workers"]]


def history(gateway):
    """The generations, newest first; none while the store is being opened."""
    return api(gateway, "GET", "generations")[1].get("generations", [])


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def gateway():
    with running(CONFIG, environ=OPERATOR) as gateway:
        wait_for(lambda: history(gateway) and len(generations(gateway)) == 2)
        yield gateway


@contextmanager
def asking(gateway):
    """Callers who go on asking; gives the statuses they get. Nobody answers them, so a served one is 502."""
    statuses, is_over = [], threading.Event()

    def ask():
        body = json.dumps({"model": "chat", "messages": []})
        while not is_over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            statuses.append(connection.getresponse().status)
            connection.close()

    callers = [threading.Thread(target=ask) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        yield statuses
    finally:
        is_over.set()
        for caller in callers:
            caller.join(20)


def test_a_weight_is_in_force_on_all_workers_within_a_second_and_undone_by_one_command(gateway):
    before = gateway.config.read_text()
    with asking(gateway) as statuses:
        begin = time.monotonic()
        code, done = api(gateway, "PUT", "routes/chat/weights?reason=try", {"v1": 50, "v2": 50})
        assert time.monotonic() - begin < 10  # a few hundredths where nothing else runs
        assert (code, done["generation"], [each["error"] for each in done["workers"]]) == (200, 2, [None, None])
        wait_for(lambda: generations(gateway) == [2, 2], 10)
        assert "weight = 50   # most of it" in gateway.config.read_text()
        code, out, err = command(gateway, "config", "rollback", "1")
        assert (code, "nobody can be asked here" in err) == (2, True)
        code, out, err = command(gateway, "config", "rollback", "1", "--yes", "--reason", "it was worse")
        assert code == 0, err
        assert "+weight = 90   # most of it" in out
        assert "generation 3 is in force on 2 workers" in out
        wait_for(lambda: len(statuses) > 20)
    assert set(statuses) == {502}
    assert gateway.config.read_text() == before
    code, out, _ = command(gateway, "config", "history")
    assert re.search(r"3\* .* ada +it was worse", out)
    assert re.search(r"2 +20.* admin +try", out)
    assert re.search(r"1 +20.* file", out)


def test_an_edit_by_hand_is_a_generation_and_two_writers_are_kept_apart(gateway):
    gateway.config.write_text(gateway.config.read_text() + "# by hand\n")
    code, out, err = command(gateway, "routes", "weight", "chat", "v1=1")
    assert (code, "config_changed" in err) == (1, True)
    assert "+# by hand" in command(gateway, "config", "diff")[1]
    gateway.signal(signal.SIGHUP)
    wait_for(lambda: len(history(gateway)) == 2)
    assert history(gateway)[0]["author"] == "file"
    assert "the file is as it is in force" in command(gateway, "config", "diff")[2]
    _, route = api(gateway, "GET", "routes/chat")
    first = api(gateway, "PUT", "routes/chat/weights", {"v1": 20}, **{"If-Match": route["etag"]})
    second = api(gateway, "PUT", "routes/chat/weights", {"v1": 30}, **{"If-Match": route["etag"]})
    assert (first[0], second[0], second[1]["error"]["code"]) == (200, 412, "config_changed")
    assert "weight = 20   # most of it" in gateway.config.read_text()
    assert gateway.config.read_text().endswith("# by hand\n")


def test_what_would_not_hold_is_refused_with_its_line_by_api_and_command(gateway, tmp_path):
    before = gateway.config.read_text()
    code, answer = api(gateway, "PUT", "routes/chat/weights", {"v1": -5})
    assert (code, answer["error"]["problems"][0]["line"]) == (422, 16)
    bad = tmp_path / "bad.toml"
    bad.write_text(before.replace('["nobody"]\nmodel', '["somebody"]\nmodel'))
    code, out, err = command(gateway, "config", "apply", str(bad), "--yes")
    assert (code, out) == (2, "")
    assert 'line 18: routes.chat.versions.v2.backends: no backend is called "somebody"' in err
    assert command(gateway, "routes", "weight", "chat", "v3=1")[0] == 2
    assert command(gateway, "routes", "weight", "chta", "v1=1")[0] == 2
    assert gateway.config.read_text() == before
    assert len(history(gateway)) == 1


def test_a_file_is_applied_after_a_look_and_a_dry_run_does_nothing(gateway, tmp_path):
    new = tmp_path / "new.toml"
    shown = command(gateway, "config", "show")[1]
    assert shown == gateway.config.read_text()
    new.write_text(shown.replace("weight = 10", "weight = 30"))
    code, out, _ = command(gateway, "config", "apply", str(new), "--dry-run")
    assert (code, "+weight = 30" in out, "dry run" in out) == (0, True, True)
    assert gateway.config.read_text() == shown
    code, out, _ = command(gateway, "config", "apply", str(new), "--yes", "--json")
    assert (code, json.loads(out)["generation"]) == (0, 2)
    assert gateway.config.read_text() == new.read_text()
    code, out, _ = command(gateway, "config", "apply", str(new), "--yes")
    assert (code, "has it already" in out) == (0, True)


def test_a_worker_that_says_nothing_has_it_taken_back_everywhere(gateway):
    before = gateway.config.read_text()
    _, view = api(gateway, "GET", "live")
    hung = psutil.Process(view["workers"][1]["pid"])
    hung.suspend()
    try:
        code, answer = api(gateway, "PUT", "routes/chat/weights", {"v1": 50})
        assert (code, answer["error"]["code"]) == (409, "worker_refused")
        assert gateway.config.read_text() == before
    finally:
        hung.resume()
    wait_for(lambda: generations(gateway) == [3, 3])
    newest, first = history(gateway)
    assert (newest["number"], "worker 1: no answer" in newest["refused"]) == (2, True)
    assert first["refused"] is None
    code, out, _ = command(gateway, "config", "history")
    assert re.search(r"2 +20.*TAKEN BACK: worker 1", out)
    assert api(gateway, "PUT", "routes/chat/weights", {"v1": 50})[1]["generation"] == 4


def test_a_change_survives_control_and_the_whole_gateway_being_killed(gateway):
    assert api(gateway, "PUT", "routes/chat/weights", {"v1": 50})[0] == 200
    control = next(
        each for each in gateway.family() if any(str(gateway.store) == file.path for file in each.open_files())
    )
    control.kill()
    wait_for(lambda: control not in gateway.family())
    gateway.wait_ready()
    wait_for(lambda: generations(gateway) == [2, 2])
    gateway.kill()
    gateway.start()
    wait_for(lambda: history(gateway))
    assert [each["number"] for each in history(gateway)] == [2, 1]
    assert api(gateway, "PUT", "routes/chat/weights", {"v1": 60})[1]["generation"] == 3


# -- the guide


def typed(program):
    """The guide's lines for a program, comments off."""
    blocks = re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    lines = [line[2:] for each in blocks for line in each.splitlines() if line.startswith(f"$ {program} ")]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


@pytest.fixture
def newcomer(tmp_path):
    """The gateway of README's configuration; nobody answers behind it, which the guide doesn't need."""
    gateway = prepare(LISTENERS + "\n" + block("toml", "# config.toml"), tmp_path, {**ENVIRON, "LOGNAME": "ada"})
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


def say(line, folder):
    asks = "rollback" in line or "apply" in line
    words = shlex.split(line.split(" > ")[0])[1:] + (["--yes"] if asks else []) + (["--once"] if "top" in line else [])
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *words],
        cwd=folder,
        env={**ENVIRON, "LOGNAME": "ada"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    if " > " in line:
        folder.joinpath(line.split(" > ")[1]).write_text(done.stdout)
    return done.stdout


def test_every_line_of_the_guide_works_in_its_order(newcomer, tmp_path):
    lines = typed("llmgateway")
    assert len(lines) == 7
    weight, top, history_, diff, rollback, show, apply = (say(line, tmp_path) for line in lines)
    assert "-weight = 90" in weight and "+weight = 50" in weight
    assert "generation 2 is in force" in weight
    assert "configuration 2" in top
    assert re.search(r"2\* .* ada +next holds up", history_)
    assert "+weight = 50" in diff
    assert "generation 3 is in force" in rollback
    assert "weight = 90" in show
    assert "generation 3 has it already" in apply


def test_every_address_of_the_guide_answers(newcomer):
    lines = typed("curl")
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(line)
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        (url,) = [word for word in words if word.startswith("127.0.0.1")]
        connection = http.client.HTTPConnection("127.0.0.1", newcomer.admin_port, timeout=10)
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = {"content-type": "application/json"} if body else {}
        connection.request(method, url.removeprefix("127.0.0.1:8081"), body, headers)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True), line
        connection.close()
    assert "weight = 90" in newcomer.config.read_text()
