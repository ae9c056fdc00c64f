"""A start on a disk that is too small for the reserve says so, instead of being ready and refusing everything."""

import shutil

import pytest

from llmgateway.app.room import advice, too_little
from llmgateway.config.snapshot import Journal
from llmgateway.journal.reserve import HEADROOM_BYTES

MIB = 1024 * 1024
JOURNAL = Journal(reserve_bytes=16 * MIB)


@pytest.mark.parametrize(("free", "workers"), [(34 * MIB, 2), (17 * MIB, 1), (10**12, 64)])
def test_where_every_worker_has_its_reserve_there_is_nothing_to_tell(free, workers):
    assert advice(free, workers, JOURNAL) is None


def test_what_is_free_what_is_wanted_and_what_follows_are_told():
    told = advice(2 * (16 * MIB + HEADROOM_BYTES) - 1, 2, JOURNAL)
    assert "33 MiB free, and 2 workers want 34 MiB" in told
    assert "503 log_store_full" in told
    assert "serves what it can't log" in advice(0, 1, Journal(reserve_bytes=MIB, serve_unlogged=True))


def test_the_disk_of_the_folder_is_asked_and_one_that_cannot_be_is_not_spoken_of(tmp_path, monkeypatch):
    assert too_little(tmp_path, 1, Journal(reserve_bytes=0)) is None
    assert "MiB free" in too_little(tmp_path, 1, Journal(reserve_bytes=1 << 60))

    def broken(_):
        raise OSError("gone")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    assert too_little(tmp_path, 1, Journal(reserve_bytes=1 << 60)) is None
