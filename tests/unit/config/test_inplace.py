"""The operator's file is replaced whole or not at all, and stays what it was: link, mode, line ends."""

import os
import stat

import pytest

from llmgateway.config import inplace
from llmgateway.config.inplace import ChangedMeanwhileError, replace_text
from llmgateway.config.problems import ConfigError


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_bytes(b"old\r\n")
    file.chmod(0o640)
    return file


def alone(file):
    return [each.name for each in file.parent.iterdir()] == [file.name]


def test_it_is_replaced_with_its_mode_and_line_ends(file):
    replace_text(file, "new\r\nvöxt\n", "old\r\n")
    assert file.read_bytes() == "new\r\nvöxt\n".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert alone(file)


def test_a_link_is_followed_and_stays_one(file, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    link = folder / "config.toml"
    link.symlink_to(file)
    replace_text(link, "new", "old\r\n")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert [each.name for each in folder.iterdir()] == ["config.toml"]


def test_what_somebody_wrote_meanwhile_is_not_lost(file):
    file.write_text("theirs")
    with pytest.raises(ChangedMeanwhileError):
        replace_text(file, "new", "old\r\n")
    assert file.read_text() == "theirs"
    assert alone(file)


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_disk_that_fails_leaves_the_old_file(file, monkeypatch, call):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inplace.os, call, fail)
    with pytest.raises(OSError, match="No space"):
        replace_text(file, "new", "old\r\n")
    assert file.read_bytes() == b"old\r\n"
    assert alone(file)


def test_somebody_elses_link_in_the_place_of_the_temporary_file_is_not_written_through(file, tmp_path):
    victim = tmp_path.parent / "victim"
    victim.write_text("precious")
    file.with_name(f".{file.name}.{os.getpid()}.new").symlink_to(victim)
    replace_text(file, "new", "old\r\n")
    assert victim.read_text() == "precious"
    assert file.read_text() == "new"
    assert alone(file)


def test_a_file_that_is_gone_is_told(file):
    file.unlink()
    with pytest.raises(OSError):
        replace_text(file, "new", "old\r\n")
    assert not list(file.parent.iterdir())


def test_a_file_that_became_unreadable_is_told(file):
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError):
        replace_text(file, "new", "old\r\n")
    assert alone(file)
