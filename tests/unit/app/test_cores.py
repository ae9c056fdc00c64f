"""One worker a core means the cores that may be used, not those that the machine has."""

import os

import pytest

from llmgateway.app.cores import usable_cores, worker_count
from llmgateway.config.snapshot import Server, Snapshot

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("max 100000\n", HERE),
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        (f"{HERE * 100_000 + 100_000} 100000\n", HERE),
        ("", HERE),
        ("100000 0\n", HERE),
        ("nonsense\n", HERE),
    ],
)
def test_a_containers_quota_counts_rounded_up(tmp_path, text, count):
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    assert usable_cores(quota) == count


def test_without_a_quota_the_affinity_counts(tmp_path, monkeypatch):
    assert usable_cores(tmp_path / "none") == HERE
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert usable_cores(tmp_path / "none") == 3


def test_the_configuration_may_say_how_many_workers_there_are():
    assert worker_count(Snapshot(1, Server(workers=3))) == 3
    assert worker_count(Snapshot(1)) == usable_cores()
