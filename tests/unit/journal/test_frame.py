import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.journal.frame import (
    HEADER,
    MAX_LENGTH,
    BadFrameError,
    is_consistent,
    measure,
    pack,
    unfold,
    unpack,
)

blobs = st.dictionaries(st.text(min_size=1, max_size=5), st.binary(max_size=200), max_size=3)


def sealed(text: bytes, rest: bytes = b"") -> bytes:
    payload = struct.pack("<I", len(text)) + text + rest
    return b"LGW1" + struct.pack("<II", len(payload), zlib.crc32(payload)) + payload


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 9) | st.text(max_size=9)), blobs)
def test_what_was_packed_is_unpacked(meta, parts):
    record = unpack(b"".join(pack(dict(meta), list(parts.items()))))
    assert record.blobs == parts
    assert {name: value for name, value in record.meta.items() if name != "blobs"} == meta


def test_packing_does_not_copy_a_body():
    body = b"x" * 1000
    assert pack({}, [("request", body)])[2] is body


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data):
    frame = bytearray(b"".join(pack({"n": 1}, [("request", b"hello")])))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadFrameError):
        unpack(bytes(frame))


@given(st.integers(0, 60))
def test_no_cut_goes_unnoticed(length):
    frame = b"".join(pack({"n": 1}, [("request", b"h" * 30)]))
    with pytest.raises(BadFrameError):
        unpack(frame[: min(length, len(frame) - 1)])


def test_a_frame_is_measured_where_it_lies():
    frame = b"".join(pack({"n": 1}))
    assert measure(b"abc" + frame + b"more", 3) == len(frame)


@pytest.mark.parametrize("length", range(HEADER.size))
def test_part_of_a_header_is_not_judged_yet(length):
    assert measure(b"".join(pack({"n": 1}))[:length], 0) == 0


@pytest.mark.parametrize("start", [b"LGX", b"x", b"LGW2" + bytes(12), b"LGW1" + b"\xff" * 12])
def test_what_cannot_be_a_header_is_damage(start):
    with pytest.raises(BadFrameError):
        measure(start, 0)


def test_a_length_beyond_the_limit_is_damage():
    with pytest.raises(BadFrameError):
        measure(HEADER.pack(b"LGW1", MAX_LENGTH + 1, 0, 5), 0)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"1",
        b"{",
        b'{"blobs":1}',
        b'{"blobs":[1]}',
        b'{"blobs":[["a","b"]]}',
        b'{"blobs":[["a",-1],["b",4]]}',
        b'{"blobs":[[["a"],3]]}',
        b'{"blobs":[["a",2],["a",1]]}',
        b'{"blobs":null}',
    ],
)
def test_a_sealed_record_at_odds_with_itself_is_damage_not_a_crash(text):
    with pytest.raises(BadFrameError):
        unpack(sealed(text, b"abc"))


def test_a_damaged_body_leaves_the_length_to_be_trusted_and_a_damaged_length_does_not():
    frame = bytearray(b"".join(pack({"n": 1}, [("request", b"hello")])))
    frame[-1] ^= 1
    assert is_consistent(memoryview(frame))
    assert not is_consistent(memoryview(frame)[:-1])


def test_the_meta_is_read_without_copying_the_blobs():
    frame = b"".join(pack({"n": 1}, [("request", b"hello")]))
    meta, rest = unfold(memoryview(frame))
    assert meta["n"] == 1
    assert rest.obj is frame
    assert bytes(rest) == b"hello"
