import os

from llmgateway.journal import lock, reclaim
from llmgateway.journal.layout import segment_numbers


def folder_with(tmp_path, *numbers, name="01700000000000-1-00000000"):
    folder = tmp_path / name
    folder.mkdir()
    for number in numbers:
        (folder / f"{number:08d}.seg").write_bytes(b"x")
    (folder / "reserve").touch()
    (folder / "lock").touch()
    return folder


def test_only_what_lies_below_is_unlinked(tmp_path):
    folder = folder_with(tmp_path, 1, 2, 3)
    assert reclaim.unlink_below(folder, 3) == 2
    assert segment_numbers(folder) == [3]
    assert reclaim.unlink_below(folder, 3) == 0
    assert reclaim.unlink_below(tmp_path / "none", 3) == 0


def test_the_dead_are_buried_and_the_living_are_not(tmp_path):
    folder = folder_with(tmp_path, 1)
    (folder / "lock").unlink()
    fd = lock.take(folder)
    assert not reclaim.bury(folder)
    assert segment_numbers(folder) == [1]
    os.close(fd)
    assert reclaim.bury(folder)
    assert not folder.exists()
    assert reclaim.bury(folder)


def test_a_burial_that_was_broken_off_is_finished(tmp_path):
    folder = folder_with(tmp_path)
    (folder / "lock").unlink()
    assert reclaim.bury(folder)


def test_a_folder_with_something_strange_in_it_stays(tmp_path):
    folder = folder_with(tmp_path, 1)
    (folder / "notes.txt").touch()
    assert not reclaim.bury(folder)
    assert (folder / "notes.txt").exists()


def test_what_never_came_to_life_goes_after_an_hour(tmp_path):
    folder = folder_with(tmp_path, name=".new-01700000000000-1-00000000")
    born = folder.stat().st_mtime
    reclaim.bury_unborn(tmp_path, born + reclaim.UNBORN_AGE_S - 1)
    assert folder.exists()
    reclaim.bury_unborn(tmp_path, born + reclaim.UNBORN_AGE_S + 1)
    assert not folder.exists()
    reclaim.bury_unborn(tmp_path / "none", 0)
