"""Frames are single lines within their limits; a long socket path has a short name."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.telemetry import frames
from llmgateway.telemetry.frames import BadLineError, frame, parse, revision, socket_path


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name != "k"), st.text(max_size=50), max_size=5))
def test_a_frame_is_one_line_and_reads_back(fields):
    line = frame("status", fields, 10**6)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse(line) == ("status", fields)


def test_a_frame_over_its_limit_is_refused_where_it_is_made():
    assert frame("a", {}, 10) == b'{"k":"a"}\n'
    with pytest.raises(ValueError, match="a frame of 10 bytes is over the limit of 9"):
        frame("a", {}, 9)


@pytest.mark.parametrize("line", [b"", b"\n", b"{", b"3", b"[]", b"{}", b'{"k":null}', b"\xff\xfe"])
def test_what_is_no_frame_is_told_apart(line):
    with pytest.raises(BadLineError):
        parse(line)


def test_a_text_has_one_name():
    assert revision("a") == revision("a") != revision("b")
    assert len(revision("")) == 12


@pytest.mark.parametrize("depth", [1, 60, 200])
def test_a_socket_can_be_bound_and_reached_however_long_its_path_is(tmp_path, depth):
    folder = tmp_path / ("d" * depth)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with socket_path(folder / "s") as short:
            assert len(short) <= frames.MAX_PATH_BYTES
            server.bind(short)
        server.listen()
        assert (folder / "s").is_socket()
        with socket_path(folder / "s") as short:
            client.connect(short)


def test_where_there_is_no_proc_a_long_path_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    folder = tmp_path / ("d" * 150)
    folder.mkdir()
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    with pytest.raises(OSError, match=r"choose a shorter data\.dir"), socket_path(folder / "s"):
        pass
