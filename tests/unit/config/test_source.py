"""Reading the file and its TOML: every way to fail is a sentence."""

import os
import time
from pathlib import Path

import pytest

from llmgateway.config import source
from llmgateway.config.problems import ConfigError


def reason(error: pytest.ExceptionInfo[ConfigError]) -> str:
    (problem,) = error.value.problems
    return str(problem)


def test_a_hundred_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "big.toml"
    with file.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    start = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        source.read_text(file)
    assert reason(caught) == f"{file}: is larger than 4 MiB"
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("content", ["", "\n \n", "# only a comment\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match="is empty"):
        source.parse(source.read_text(file), "c.toml")


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        source.read_text(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        source.read_text(tmp_path)
    with pytest.raises(ConfigError, match="is not a file name"):
        source.read_text(Path("a\0b"))


def test_what_might_never_end_or_never_begin_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer would hold whoever opens it; a reload would hang with it."""
    pipe = tmp_path / "c.toml"
    os.mkfifo(pipe)
    link = tmp_path / "link.toml"
    link.symlink_to(pipe)
    for path in (pipe, link, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ConfigError, match="is not a regular file"):
            source.read_text(path)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("a = 1")
    (tmp_path / "c.toml").symlink_to(tmp_path / "real.toml")
    assert source.read_text(tmp_path / "c.toml") == "a = 1"


def test_bytes_that_are_not_text_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigError, match=r"c\.toml:2: is not UTF-8 text"):
        source.read_text(file)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert source.parse(source.read_text(file), "c.toml") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = 2\na = 3\n", "f:3: not valid TOML: this setting is written twice"),
        ("[a]\nx = 1\n[b]\n[a]\n", "f:4: not valid TOML: this table is written twice"),
        ("a = 1\nb = { x = 1, x = 2 }\n", "f:2: not valid TOML: this setting is written twice in one inline table"),
        ("a = { x = 1 }\n[a.b]\n", "f:2: not valid TOML"),
        ("a = yes\n", "f:1: not valid TOML: this is not a TOML value; text needs quotes around it"),
        ("a = 1\nb = 'x", "f:2: not valid TOML"),
        ("a = 1\nb = 'x\n", "f:2: not valid TOML"),
        ("a = [\n1,\n", "f:2: not valid TOML"),
        ("a = " + "[" * 20_000, "f: is nested too deeply"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source.parse(text, "f")
    assert reason(caught).startswith(expected)


@pytest.mark.parametrize("part", ["a.", '"a" . ', "'a-b'."])
def test_an_endless_dotted_key_is_refused_before_it_costs_memory(part: str) -> None:
    with pytest.raises(ConfigError, match="f:2: a name has more than 64 parts"):
        source.parse("x = 1\n" + part * 100_000 + "a = 1", "f")
    assert source.parse(part * 20 + "a = 1", "f")


def test_a_number_beyond_reason_is_no_traceback() -> None:
    with pytest.raises(ConfigError, match="out of range"):
        source.parse("a = " + "9" * 10_000, "f")
