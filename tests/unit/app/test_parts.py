"""What a child begins with when it is started again after a reload."""

from pathlib import Path

import pytest

from llmgateway.app.parts import Started, latest, read_snapshot
from llmgateway.config import lastgood

CONFIG = """
[server]
listen = "127.0.0.1:8080"
workers = 2
[admin]
listen = "127.0.0.1:8081"
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat.versions.v1]
backends = ["one"]
"""


@pytest.fixture
def started(tmp_path):
    text = CONFIG.replace("{data}", str(tmp_path))
    return Started(tmp_path / "config.toml", text, read_snapshot(text, 3))


def test_without_a_reload_it_is_what_the_gateway_began_with(started):
    assert latest(started) is started
    lastgood.save(started.data, started.text, 3)
    assert latest(started) is started


def test_after_a_reload_it_is_the_new_configuration(started):
    text = started.text.replace("[routes.chat.", "[routes.talk.")
    lastgood.save(started.data, text, 4)
    found = latest(started)
    assert (found.snapshot.generation, set(found.snapshot.routes), found.text) == (4, {"talk"}, text)
    assert found.config == started.config


def test_what_only_a_restart_changes_stays_as_it_was(started, tmp_path):
    text = (
        started.text.replace(str(tmp_path), str(tmp_path / "other"))
        .replace(":8080", ":9090")
        .replace(":8081", ":9091")
        .replace("workers = 2", "workers = 7")
    )
    text += '[data.retention]\nbodies = "1d"\n[journal]\ndurability = "disk"\n[server.timeouts]\ndrain = "5s"\n'
    lastgood.save(started.data, text, 4)
    found = latest(started)
    first, now = started.snapshot, found.snapshot
    assert found.data == Path(first.data.dir)
    assert (now.server.listen, now.server.workers, now.server.tls) == (
        first.server.listen,
        first.server.workers,
        first.server.tls,
    )
    assert now.admin.listen == first.admin.listen
    assert now.journal == first.journal
    assert (now.server.drain_s, now.data.keep_bodies_s) == (5.0, 86_400.0)  # what may change has


def test_an_older_text_on_the_disk_is_left_alone(started):
    lastgood.save(started.data, started.text.replace("[routes.chat.", "[routes.talk."), 2)
    assert latest(started) is started


def test_a_text_that_no_longer_holds_is_no_reason_not_to_start(started, caplog):
    lastgood.save(started.data, 'nonsense = "env:NOT_SET_ANYWHERE"', 4)
    assert latest(started) is started
    assert "starting with the first" in caplog.text
