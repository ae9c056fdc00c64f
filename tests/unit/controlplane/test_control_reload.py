"""A reload takes a configuration that holds, keeps the old one otherwise, and many at once are few."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from llmgateway.config.loader import Examined
from llmgateway.config.problems import ConfigError, Problem
from llmgateway.config.snapshot import Address, Data, Server, Snapshot
from llmgateway.controlplane.link import Ack, Links
from llmgateway.controlplane.reload import Reloader, needs_restart
from llmgateway.controlplane.tally import Tally
from llmgateway.domain.clock import ManualClock
from llmgateway.telemetry.frames import MAX_SNAPSHOT_BYTES


class File:
    """A configuration file, the last good text, and what was told of either."""

    def __init__(self):
        self.snapshot, self.text, self.problems = Snapshot(1), "one", []
        self.saved, self.in_force, self.read = [], [], 0
        self.go = threading.Event()
        self.go.set()
        self.full = False
        self.links = Links(Path("unused"), clock=ManualClock(), tally=Tally())
        self.links.hold(1, "one")
        self.reloader = Reloader(
            self.links, self.snapshot, examine=self.examine, save=self.save, put_in_force=self.in_force.append
        )

    def examine(self, generation):
        self.read += 1
        assert self.go.wait(5)
        if self.problems:
            raise ConfigError(self.problems)
        warned = Problem("config.toml", 4, "keys.team", "expires tomorrow")
        return Examined(replace(self.snapshot, generation=generation), (warned,), self.text)

    def save(self, text, generation):
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append((text, generation))


@pytest.fixture
def file():
    return File()


async def test_a_text_that_no_worker_could_be_sent_is_refused_before_anything_is_different(file):
    file.text = '"' * MAX_SNAPSHOT_BYTES
    report = await file.reloader.reload()
    assert (report.is_taken, report.problems) == (False, ["the configuration: is too large to hand to the workers"])
    assert (file.saved, file.in_force, file.links.text) == ([], [], "one")


async def test_a_file_that_holds_is_kept_put_in_force_and_numbered_on(file):
    file.text = "two"
    report = await file.reloader.reload()
    assert report.shown() == {
        "taken": True,
        "changed": True,
        "generation": 2,
        "problems": [],
        "warnings": ["config.toml:4: keys.team: expires tomorrow"],
        "needs_restart": [],
        "versions": [],
        "workers": [],
    }
    assert file.saved == [("two", 2)]
    assert [snapshot.generation for snapshot in file.in_force] == [2]
    assert file.links.generation == 2
    assert file.reloader.counts == {"taken": 1, "refused": 0}


async def test_a_file_that_does_not_hold_changes_nothing_and_says_where(file, caplog):
    file.problems = [Problem("config.toml", 3, "routes.chat", "names no version"), Problem("config.toml", 9, "", "x")]
    report = await file.reloader.reload()
    assert not report.is_taken
    assert report.generation == file.links.generation == 1
    assert report.problems[0] == "config.toml:3: routes.chat: names no version"
    assert (file.saved, file.in_force) == ([], [])
    assert "config.toml:3" in caplog.text
    assert file.reloader.counts == {"taken": 0, "refused": 1}


async def test_what_only_a_restart_changes_is_told_until_it_is_as_at_the_start_again(file):
    file.snapshot = replace(file.snapshot, server=Server(listen=Address("127.0.0.1", 1)))
    first, again = await file.reloader.reload(), await file.reloader.reload()
    assert first.needs_restart == again.needs_restart == ["server.listen"]
    file.snapshot = Snapshot(1)
    assert (await file.reloader.reload()).needs_restart == []


async def test_a_full_disk_does_not_stop_a_reload_but_is_told(file):
    file.full = True
    report = await file.reloader.reload()
    assert report.is_taken
    assert "could not be kept" in report.warnings[-1]


async def test_a_hundred_reloads_at_once_read_the_file_twice_and_the_last_reading_counts(file):
    file.go.clear()
    first = asyncio.create_task(file.reloader.reload())
    async with asyncio.timeout(5):
        while file.read == 0:
            await asyncio.sleep(0.001)
    file.text = "two"
    rest = [asyncio.create_task(file.reloader.reload()) for _ in range(99)]
    await asyncio.sleep(0)
    file.go.set()
    reports = await asyncio.gather(first, *rest)
    assert file.read == 2
    assert (reports[0].is_changed, reports[-1].is_changed) == (True, False)
    assert {report.generation for report in reports} == {2}
    assert file.saved[-1] == ("two", 2)


async def test_whoever_asked_may_go_away_without_stopping_the_reload(file):
    file.text = "two"
    file.go.clear()
    asking = asyncio.create_task(file.reloader.reload())
    async with asyncio.timeout(5):
        while file.read == 0:
            await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    file.go.set()
    async with asyncio.timeout(5):
        while not file.saved:
            await asyncio.sleep(0.001)
    file.text = "three"
    report = await file.reloader.reload()
    assert report.generation == 3
    assert [generation for _, generation in file.saved] == [2, 3]


async def test_a_file_that_has_not_changed_is_read_again_and_makes_no_generation(file, monkeypatch):
    published = []

    async def publish(*about, **how):
        published.append((*about[:2], how))
        return [Ack(0, 10, about[0], None)]

    monkeypatch.setattr(file.links, "publish", publish)
    file.snapshot = Snapshot(7, server=Server(workers=3))  # what it refers to may be new all the same
    for _ in range(3):
        report = await file.reloader.reload()
    assert (report.is_taken, report.is_changed, report.generation) == (True, False, 1)
    assert report.shown()["changed"] is False
    assert published == [(1, "one", {"is_again": True})] * 3
    assert [(each.generation, each.server.workers) for each in file.in_force] == [(1, 3)] * 3
    assert file.reloader.counts == {"taken": 3, "refused": 0}
    file.text = "two"
    assert (await file.reloader.reload()).generation == 2
    assert published[-1] == (2, "two", {"is_again": False})


async def test_a_worker_that_refuses_is_in_the_report_and_the_log(file, caplog, monkeypatch):
    async def publish(generation, text, document, *, is_again):
        assert not is_again
        file.links.hold(generation, text)
        return [Ack(0, 10, generation, None), Ack(1, 11, generation, "no certificate")]

    monkeypatch.setattr(file.links, "publish", publish)
    file.text = "two"
    report = await file.reloader.reload()
    assert [worker["error"] for worker in report.shown()["workers"]] == [None, "no certificate"]
    assert "worker 1 did not take configuration 2: no certificate" in caplog.text


def test_settings_that_are_read_once_are_named():
    old = Snapshot(1)
    new = Snapshot(2, server=Server(listen=Address("127.0.0.1", 9), workers=3), data=Data(dir="elsewhere"))
    assert needs_restart(old, new) == ["server.listen", "server.workers", "data.dir"]
    assert needs_restart(old, replace(old, generation=2)) == []
