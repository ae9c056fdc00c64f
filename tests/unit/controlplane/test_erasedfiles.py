"""What is kept beside the journal for a person to look at goes, where it is meant."""

import pytest

from llmgateway.controlplane.deadletter import FOLDER, DeadLetters
from llmgateway.controlplane.erasedfiles import delete_files
from llmgateway.domain.pseudonyms import mark_of
from llmgateway.journal.layout import QUARANTINE_NAME
from llmgateway.ports.erasures import Whose

AT = 1_700_000_000.0
ONE = "018bcfe5-6800-7000-8000-00000000002a"
OTHER = "018bcfe5-6800-7000-8000-00000000002b"


@pytest.fixture
def letters(tmp_path):
    return DeadLetters(tmp_path / FOLDER)


def left(folder, name=FOLDER):
    return sorted(path.name[:36] for path in (folder / name).iterdir())


@pytest.mark.parametrize(
    ("whose", "goes"),
    [
        (Whose(user="ada"), True),
        (Whose(user="eve"), False),
        (Whose(user="ada", key="k"), True),
        (Whose(user="ada", key="other"), False),
        (Whose((ONE,)), True),
        (Whose((OTHER,)), False),
        (Whose(tag=("team", "a")), True),
    ],
)
def test_a_dead_letter_goes_if_it_is_meant(tmp_path, letters, whose, goes):
    meta = {"id": ONE, "at": AT, "user": "ada", "key": "k", "tags": {"team": "a"}, "k": "exchange"}
    letters.keep("too odd", meta, {"request": b"words"})
    assert delete_files(tmp_path, whose, AT) == 0  # it came then, not before
    assert left(tmp_path) == [ONE]
    assert delete_files(tmp_path, whose, AT + 1) == int(goes)
    assert left(tmp_path) == ([] if goes else [ONE])


def test_a_score_goes_with_its_source_or_its_exchange(tmp_path, letters):
    letters.keep("odd", {"id": ONE, "at": AT, "source_id": "x" + mark_of("ada"), "k": "scored"}, {})
    letters.keep("odd", {"id": OTHER, "at": AT, "source_id": "eve", "exchange_id": ONE, "k": "scored"}, {})
    assert delete_files(tmp_path, Whose(user="ada"), AT + 1) == 1
    assert left(tmp_path) == [OTHER]
    assert delete_files(tmp_path, Whose((ONE,)), AT + 1) == 1
    assert left(tmp_path) == []


def test_what_can_be_read_by_nobody_is_kept(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "x.frame").write_bytes(b"nothing")
    assert delete_files(tmp_path, Whose(user="nothing"), AT) == 0


@pytest.mark.parametrize(
    ("whose", "content"),
    [
        (Whose(user='a"da'), b'{"user":"a\\"da"}'),
        (Whose(user="ada"), b'{"user":"[EMAIL]' + mark_of("ada").encode() + b'"}'),
        (Whose((ONE,)), b'{"id":"' + ONE.encode()),
        (Whose(key="k"), b'..."key":"k",...'),
        (Whose(tag=("team", "a")), b'"tags":{"x":"y","team":"a"}'),
    ],
)
def test_damaged_bytes_go_if_they_may_be_meant(tmp_path, whose, content):
    folder = tmp_path / QUARANTINE_NAME
    folder.mkdir()
    (folder / "other.bad").write_bytes(b'{"user":"eve","key":"x"}')
    (folder / "mine.bad").write_bytes(b"\0\1" + content + b"\2")
    assert delete_files(tmp_path, whose, AT) == 1
    assert left(tmp_path, QUARANTINE_NAME) == ["other.bad"]
