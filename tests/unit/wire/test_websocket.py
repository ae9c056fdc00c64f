"""Frames however they are cut: what goes on, what is counted, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire import websocket
from llmgateway.wire.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FREE_FRAMES,
    MAX_HELD,
    MAX_READ,
    PING,
    PONG,
    TEXT,
    FrameFlow,
    accept,
    close_frame,
    frame,
    masked,
)

MASK = b"\x01\x02\x03\x04"
LIMIT = 4 * 1024 * 1024


def flow(*, is_masked: bool = False, max_message: int = LIMIT) -> tuple[FrameFlow, list[bytes]]:
    texts: list[bytes] = []
    return FrameFlow(is_masked=is_masked, max_message=max_message, on_text=texts.append), texts


def cut(data: bytes, *at: int) -> list[bytes]:
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in at)})
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


def test_the_handshakes_answer_is_the_standards_example() -> None:
    assert accept(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_frames_are_written_as_the_standards_examples() -> None:
    assert frame(TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert frame(TEXT, b"Hello", mask=bytes.fromhex("37fa213d")) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame(TEXT, b"Hel", is_last=False) + frame(CONTINUATION, b"lo") == bytes.fromhex("010348656c80026c6f")
    assert frame(BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert frame(BINARY, bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")


@given(st.binary(max_size=70), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_payload_back(payload: bytes, mask: bytes) -> None:
    assert masked(masked(payload, mask), mask) == payload
    assert masked(payload, mask) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def test_a_long_reason_is_cut_between_characters() -> None:
    written = close_frame(1001, "é" * 200)
    assert written[1] <= 125
    assert written[4:].decode() == "é" * 61


FRAMES = st.lists(
    st.one_of(
        st.tuples(
            st.just("message"),
            st.sampled_from([TEXT, BINARY]),
            st.lists(st.binary(max_size=300), min_size=1, max_size=4),
        ),
        st.tuples(st.just("control"), st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    ),
    max_size=8,
)


@given(FRAMES, st.lists(st.integers(0, 5_000), max_size=30), st.booleans())
def test_every_byte_goes_on_and_every_message_is_counted_however_it_is_cut(frames, cuts, is_masked) -> None:
    mask = MASK if is_masked else None
    sent, texts, messages = b"", [], 0
    for kind, opcode, content in frames:
        if kind == "control":
            sent += frame(opcode, content, mask=mask)
            continue
        messages += 1
        for number, part in enumerate(content):
            name, is_last = opcode if number == 0 else CONTINUATION, number == len(content) - 1
            sent += frame(name, part, mask=mask, is_last=is_last)
        if opcode == TEXT:
            texts.append(b"".join(content))
    seen = []
    reader = FrameFlow(is_masked=is_masked, max_message=LIMIT, on_text=None if is_masked else seen.append)
    passed = [reader.feed(piece) for piece in cut(sent, *cuts)]
    assert b"".join(passed) == sent
    assert (reader.fault, reader.close, reader.messages, reader.size) == (None, None, messages, len(sent))
    assert seen == ([] if is_masked else texts)
    assert reader.is_between
    assert not reader.is_in_message


@given(st.lists(st.integers(0, 200_000), max_size=20), st.sampled_from([MAX_HELD - 20, MAX_HELD + 1, 150_000]))
def test_frames_go_on_whole_unless_they_are_long(cuts, size) -> None:
    sent = frame(TEXT, b"a" * size) + frame(TEXT, b"b")
    reader, texts = flow()
    passed = b""
    for piece in cut(sent, *cuts):
        passed += reader.feed(piece)
        if size <= MAX_HELD - 20:
            assert passed in {b"", sent[:-3], sent}
        assert reader.is_between == (passed in {b"", sent[:-3], sent})
        assert len(reader._tail) <= MAX_HELD + 14
    assert passed == sent
    assert texts == [b"a" * size, b"b"]


@given(st.lists(st.integers(0, 400), max_size=10), st.booleans())
def test_a_close_frame_stays_behind_and_nothing_follows_it(cuts, is_masked) -> None:
    mask = MASK if is_masked else None
    before, closing = frame(TEXT, b"bye", mask=mask), close_frame(4001, "reasons", mask=mask)
    reader, _ = flow(is_masked=is_masked)
    passed = b"".join(reader.feed(piece) for piece in cut(before + closing + frame(TEXT, b"more", mask=mask), *cuts))
    assert passed == before
    assert reader.close == closing
    assert reader.close_code == 4001
    assert reader.messages == 1


@pytest.mark.parametrize("payload", [b"", b"\x03"])
def test_a_close_frame_may_have_no_code(payload) -> None:
    reader, _ = flow()
    reader.feed(frame(CLOSE, payload))
    assert reader.close is not None
    assert reader.close_code is None


BROKEN = {
    "a reserved bit": bytes((0xC1, 0)),
    "an unknown data frame": bytes((0x83, 0)),
    "an unknown control frame": bytes((0x8B, 0)),
    "a long ping": bytes((0x89, 126, 0, 126)),
    "a ping in parts": bytes((0x09, 0)),
    "a masked frame from a server": frame(TEXT, b"x", mask=MASK),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "a message within a message": frame(TEXT, b"x", is_last=False) + frame(TEXT, b"y"),
    "a short length written long": bytes((0x81, 126, 0, 5)),
    "a short length written very long": bytes((0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("is_cut", [False, True])
def test_what_breaks_the_rules_ends_it_behind_what_was_sound(broken, is_cut) -> None:
    good = frame(TEXT, b"fine")
    reader, texts = flow()
    sent = good + broken + good
    passed = b"".join(reader.feed(sent[at : at + 1]) for at in range(len(sent))) if is_cut else reader.feed(sent)
    assert reader.fault is not None
    assert reader.fault.code == websocket.PROTOCOL_ERROR
    assert passed in {good, good + frame(TEXT, b"x", is_last=False)}
    assert texts == [b"fine"]
    assert reader.feed(good) == b""


def test_an_unmasked_frame_from_a_client_is_refused() -> None:
    reader, _ = flow(is_masked=True)
    assert reader.feed(frame(TEXT, b"x")) == b""
    assert reader.fault is not None


@pytest.mark.parametrize("parts", [[101], [60, 41], [100, 1]])
def test_a_message_is_refused_by_what_its_frames_announce(parts) -> None:
    reader, _ = flow(max_message=100)
    sent = b""
    for number, size in enumerate(parts):
        kind, is_last = TEXT if number == 0 else CONTINUATION, number == len(parts) - 1
        sent += frame(kind, b"a" * size, is_last=is_last)
    reader.feed(sent[: len(sent) - parts[-1]])  # not one byte of the payload that is too much
    assert reader.fault is not None
    assert reader.fault.code == websocket.TOO_BIG


def test_messages_up_to_the_limit_pass() -> None:
    reader, texts = flow(max_message=100)
    sent = (
        frame(TEXT, b"a" * 50, is_last=False) + frame(PING) + frame(CONTINUATION, b"a" * 50) + frame(TEXT, b"a" * 100)
    )
    assert reader.feed(sent) == sent
    assert [len(text) for text in texts] == [100, 100]


def test_a_text_too_long_to_read_passes_unread_and_is_counted() -> None:
    reader, texts = flow()
    sent = frame(TEXT, b"a" * (MAX_READ + 1)) + frame(TEXT, b"short")
    assert b"".join(reader.feed(piece) for piece in cut(sent, *range(0, len(sent), 50_000))) == sent
    assert texts == [b"short"]
    assert (reader.unread, reader.messages) == (1, 2)
    assert len(reader._parts) <= MAX_READ + 50_000


def test_a_flood_of_tiny_frames_ends_it() -> None:
    reader, _ = flow()
    reader.feed(frame(PING) * (FREE_FRAMES + 1))
    assert reader.fault is not None
    assert reader.fault.code == websocket.POLICY
    patient, _ = flow()
    patient.feed(frame(TEXT, b"a" * 14) * (FREE_FRAMES + 1))
    assert patient.fault is None
