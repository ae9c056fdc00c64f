"""The last configuration that held survives whatever happens while it is written."""

import os
import stat
from pathlib import Path

import pytest

from llmgateway.config import lastgood, source
from llmgateway.config.lastgood import LastGood


def test_what_was_saved_is_read_back_to_the_letter(tmp_path: Path) -> None:
    for text in ("a = 1\r\nb = 'é'\n", "", "# llmgateway generation 99\nx = 1", "x" * source.MAX_BYTES):
        lastgood.save(tmp_path / "data", text, 12)
        assert lastgood.load(tmp_path / "data") == LastGood(text, 12)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        lastgood.save(tmp_path / "data", "a = 1", 1)
    finally:
        os.umask(old)
    file = lastgood.path_in(tmp_path / "data")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == ["config.toml"]


def test_a_crash_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lastgood.save(tmp_path, "old = 1", 1)

    def broken(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "fsync", broken)
        lastgood.save(tmp_path, "new = 1", 2)
    assert lastgood.load(tmp_path) == LastGood("old = 1", 1)
    assert os.listdir(tmp_path / "run") == ["config.toml"]


def test_a_leftover_or_a_planted_link_does_not_lead_elsewhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f".config.toml.{os.getpid()}").symlink_to(victim)
    lastgood.save(tmp_path, "new = 1", 2)
    assert victim.read_text() == "precious"
    assert lastgood.load(tmp_path) == LastGood("new = 1", 2)


@pytest.mark.parametrize("content", [None, b"", b"a = 1\n", b"# llmgateway generation x\na = 1", b"\xff\xfe"])
def test_what_was_not_saved_whole_is_not_there(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        lastgood.path_in(tmp_path).parent.mkdir()
        lastgood.path_in(tmp_path).write_bytes(content)
    assert lastgood.load(tmp_path) is None
