"""Records put aside: kept, bounded, never in the way."""

from pathlib import Path
from typing import Any

import pytest

from llmgateway.controlplane.deadletter import DeadLetters
from llmgateway.journal.frame import unpack

ID = "018bcfe5-6803-7000-9cd5-a824485e4292"


def test_a_letter_is_a_frame_with_its_reason(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead-letter")
    letters.keep("no such column", {"id": ID, "k": "settled"}, {"reply": b"\x00\xff"})
    (file,) = (tmp_path / "dead-letter").iterdir()
    assert file.name == f"{ID}-settled.frame"
    assert file.stat().st_mode & 0o777 == 0o600
    record = unpack(file.read_bytes())
    assert (record.meta["reason"], record.blobs) == ("no such column", {"reply": b"\x00\xff"})


def test_the_same_letter_is_kept_once_and_a_stale_blob_list_is_replaced(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    for _ in range(2):
        letters.keep("bad", {"id": ID, "blobs": [["gone", 9]]}, {})
    (file,) = tmp_path.iterdir()
    assert unpack(file.read_bytes()).blobs == {}
    assert (letters.count, letters.dropped) == (2, 0)


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a/b", "\0", "", "x" * 500, 7, None])
def test_a_hostile_id_stays_in_the_folder(tmp_path: Path, hostile: Any) -> None:
    folder = tmp_path / "dead-letter"
    DeadLetters(folder).keep("bad", {"id": hostile}, {})
    (file,) = folder.iterdir()
    assert len(file.name) < 80
    assert [each.name for each in tmp_path.iterdir()] == ["dead-letter"]


def test_what_is_no_json_is_kept_as_its_repr(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep("bad", {"id": ID, "odd": object()}, {})
    (file,) = tmp_path.iterdir()
    assert "object object" in unpack(file.read_bytes()).meta["repr"]


def test_room_is_bounded_by_files_and_bytes_also_after_a_restart(tmp_path: Path) -> None:
    for letters in (DeadLetters(tmp_path, max_files=2), DeadLetters(tmp_path, max_files=2)):
        for number in range(3):
            letters.keep("bad", {"id": f"{id(letters)}-{number}"}, {})
    assert len(list(tmp_path.iterdir())) == 2
    assert (letters.count, letters.dropped) == (3, 3)
    small = DeadLetters(tmp_path, max_bytes=400)
    small.keep("bad", {"id": "large"}, {"reply": bytes(1_000)})
    assert small.dropped == 1


def test_a_folder_that_cannot_be_used_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    letters = DeadLetters(tmp_path / "file")
    letters.keep("bad", {"id": ID}, {})
    assert (letters.count, letters.dropped) == (1, 1)
