import errno
import os

import pytest

from llmgateway.journal import lock


def test_the_lock_is_held_until_its_descriptor_closes(tmp_path):
    fd = lock.take(tmp_path)
    assert lock.is_held(tmp_path)
    assert lock.is_held(tmp_path)  # looking does not take it away
    os.close(fd)
    assert not lock.is_held(tmp_path)


def test_a_missing_lock_is_held_by_nobody(tmp_path):
    assert not lock.is_held(tmp_path)
    assert not lock.is_held(tmp_path / "none")


def test_a_lock_is_taken_once(tmp_path):
    os.close(lock.take(tmp_path))
    with pytest.raises(FileExistsError):
        lock.take(tmp_path)


def test_in_doubt_the_writer_lives(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "open", refuse)
    assert lock.is_held(tmp_path)
