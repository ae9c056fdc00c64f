"""A start looks at the store without touching it, and refuses only what a person has to decide on."""

import os
import sqlite3
from contextlib import closing

import pytest

from llmgateway.app.storecheck import refusal
from llmgateway.store.schema import APPLICATION_ID, VERSION
from llmgateway.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path):
    """A sound store's file."""
    path = tmp_path / "store.sqlite3"
    made = SqliteStore(path)
    await made.open()
    await made.close()
    return path


def told(path):
    before = path.read_bytes()
    reason = refusal(path)
    assert path.read_bytes() == before
    return reason


def test_no_file_is_no_reason(tmp_path):
    assert refusal(tmp_path / "store.sqlite3") is None
    assert os.listdir(tmp_path) == []


def test_a_sound_store_is_no_reason(store):
    assert told(store) is None


def test_an_empty_file_is_a_store_to_be(tmp_path):
    path = tmp_path / "store.sqlite3"
    path.touch()
    assert told(path) is None


def test_what_is_no_database_is_refused_with_advice(tmp_path):
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"garbage" * 1_000)
    reason = told(path)
    assert reason.startswith(f"{path}: the store is damaged")
    assert "restore a backup" in reason


def test_a_page_that_was_overwritten_is_found(store):
    with store.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * 8_192)
    assert "damaged" in told(store)


@pytest.mark.parametrize(
    ("pragma", "word"), [("application_id = 7", "another program"), ("user_version = 99", "newer")]
)
def test_foreign_and_too_new_files_are_refused(store, pragma, word):
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA {pragma}")
        connection.commit()
    assert word in told(store)
    assert (APPLICATION_ID, VERSION) != (7, 99)


def test_a_store_that_is_locked_just_now_is_no_reason(store):
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        assert refusal(store) is None
