"""What an operator meets: starts that are refused, a broken file, a store that is gone, and how each is told."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.support.gateway import NotReadyError, prepare, running

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
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
"""
SECRET = "an admin token of some length"
ENVIRON = {"ADMIN_SECRET": SECRET}


def command(*arguments, **environ):
    """Run `llmgateway` to its end. No admin token stands in its environment unless it is given."""
    clean = {name: value for name, value in os.environ.items() if "ADMIN" not in name}
    return subprocess.run(
        [sys.executable, "-m", "llmgateway", *map(str, arguments)],
        env={**clean, "COLUMNS": "80", **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(gateway):
    """Start it and return what it says when it does not."""
    with pytest.raises(NotReadyError, match="exit code 1"):
        gateway.start()
    said = gateway.log.read_text()
    assert said.startswith("error: ")
    assert said.count("\n") == 1, "one line, and no traceback"
    return said


def ask(gateway):
    """One chat request; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def wait_for(gateway, words):
    until = time.monotonic() + 20
    while words not in gateway.log.read_text():
        assert time.monotonic() < until, gateway.output()
        time.sleep(0.05)


def control_of(gateway):
    """The one child that holds the store open."""
    family = [psutil.Process(each.pid) for each in gateway.family()[1:]]
    return next(each for each in family if any(file.path == str(gateway.store) for file in each.open_files()))


def test_a_damaged_store_is_refused_with_advice_and_left_alone(tmp_path):
    gateway = prepare(CONFIG, tmp_path, ENVIRON)
    gateway.data.mkdir()
    gateway.store.write_bytes(b"not a database" * 1_000)
    said = refused(gateway)
    assert f"{gateway.store}: the store is damaged" in said
    assert "move store.sqlite3 away with its -wal and -shm files" in said
    assert gateway.store.read_bytes() == b"not a database" * 1_000


@pytest.mark.parametrize("name", ["server", "admin"])
def test_an_address_that_is_taken_is_named_with_its_setting(tmp_path, name):
    gateway = prepare(CONFIG, tmp_path, ENVIRON)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", gateway.port if name == "server" else gateway.admin_port))
        taken.listen()
        assert f"[{name}] listen: 127.0.0.1:" in refused(gateway)


def test_a_data_folder_that_is_none_is_refused(tmp_path):
    gateway = prepare(CONFIG, tmp_path, ENVIRON)
    gateway.data.write_text("a file")
    assert "[data] dir names another" in refused(gateway)


def test_a_missing_secret_is_told_with_its_line(tmp_path):
    gateway = prepare(CONFIG, tmp_path)
    os.environ.pop("ADMIN_SECRET", None)
    with pytest.raises(NotReadyError, match="exit code 2"):
        gateway.start()
    assert gateway.log.read_text() == (
        f"{gateway.config}:7: admin.token: the environment variable ADMIN_SECRET is not set\n"
    )


def test_a_store_damaged_under_a_running_gateway_stops_no_traffic():
    with running(CONFIG, environ=ENVIRON) as gateway:
        assert ask(gateway) == 502
        control = control_of(gateway)
        for path in gateway.data.glob("store.sqlite3*"):
            path.unlink()
        gateway.store.write_bytes(b"not a database" * 1_000)
        control.kill()
        wait_for(gateway, "the journal waits for the store")
        assert ask(gateway) == 502
        gateway.wait_ready()
        begin = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - begin < 10
        assert gateway.store.read_bytes() == b"not a database" * 1_000


def test_a_broken_file_hides_neither_the_log_nor_the_live_view_nor_what_is_wrong_with_it():
    with running(CONFIG, environ=ENVIRON) as gateway:
        assert ask(gateway) == 502
        gateway.config.write_text(gateway.config.read_text().replace('["nobody"]', '["somebody"]'))
        told = command("reload", "--config", gateway.config, **ENVIRON)
        assert told.returncode == 2
        assert f'{gateway.config}:16: routes.chat.versions.v1.backends: no backend is called "somebody"' in told.stderr
        assert "the old configuration stays: generation 1" in told.stderr
        assert ask(gateway) == 502
        wait_until_logged(gateway)
        assert "chat" in command("logs", "list", "--config", gateway.config).stdout
        live = command("top", "--once", "--config", gateway.config, **ENVIRON)
        assert (live.returncode, live.stderr) == (0, "")
        assert "upstream_error" in live.stdout


def wait_until_logged(gateway):
    until = time.monotonic() + 20
    while command("logs", "list", "--config", gateway.config, "--json").stdout.count("\n") < 2:
        assert time.monotonic() < until, gateway.output()


def test_the_token_of_another_user_is_asked_for_by_name():
    with running(CONFIG, environ=ENVIRON) as gateway:
        told = command("reload", "--config", gateway.config)
        assert told.returncode == 2
        assert "put the admin token into $LLMGATEWAY_ADMIN_TOKEN" in told.stderr
        told = command("reload", "--config", gateway.config, LLMGATEWAY_ADMIN_TOKEN="x" * 16)
        assert told.returncode == 1
        assert "wants the admin token" in told.stderr
        told = command("reload", "--config", gateway.config, "--json", LLMGATEWAY_ADMIN_TOKEN=SECRET)
        assert json.loads(told.stdout)["taken"] is True


def test_a_listener_that_was_edited_is_told_and_the_old_one_can_be_named():
    with running(CONFIG, environ=ENVIRON) as gateway:
        old = gateway.config.read_text()
        gateway.config.write_text(old.replace(f":{gateway.admin_port}", ":1"))
        told = command("reload", "--config", gateway.config, **ENVIRON)
        assert told.returncode == 1
        assert "If it listens elsewhere, say where with --url" in told.stderr
        there = ("--url", gateway.admin_url, "--token-env", "ADMIN_SECRET")
        told = command("reload", *there, **ENVIRON)
        assert "admin.listen takes effect at the next start" in told.stdout
        gateway.config.write_text(old)
        told = command("reload", *there, **ENVIRON)
        assert "next start" not in told.stdout


def test_a_second_gateway_on_one_folder_names_the_first():
    with running(CONFIG, environ=ENVIRON) as gateway:
        told = command("serve", "--config", gateway.config, **ENVIRON)
        assert told.returncode == 1
        assert f"another gateway (process {gateway.process.pid}) is running on the data folder" in told.stderr


def test_a_hangup_reloads_and_ctrl_c_drains():
    with running(CONFIG, environ=ENVIRON) as gateway:
        Path(gateway.config).write_text(gateway.config.read_text() + "# touched\n")
        gateway.signal(signal.SIGHUP)
        wait_for(gateway, "configuration 2 is in force in 1 workers")
        gateway.signal(signal.SIGINT)
        assert gateway.process.wait(15) == 0
        assert gateway.wait_gone()
