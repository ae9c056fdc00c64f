"""Messages put together from frames, however these and their bytes are cut."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.messages import Message, MessageFlow
from llmgateway.wire.websocket import BINARY, CONTINUATION, PING, PONG, TEXT, FrameFlow, frame

MASK = b"\x01\x02\x03\x04"
LIMIT = 4 * 1024 * 1024


def written(messages: list[Message], dice: random.Random, *, is_masked: bool) -> bytes:
    """These messages in frames of any size, with pings between."""
    out = b""
    mask = MASK if is_masked else None
    for opcode, payload in messages:
        cuts = sorted(dice.randint(0, len(payload)) for _ in range(dice.choice([0, 0, 1, 3])))
        pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for at, piece in enumerate(pieces):
            is_last = at == len(pieces) - 1
            out += frame(CONTINUATION if at else opcode, piece, mask=mask, is_last=is_last)
            if not is_last and dice.random() < 0.5:
                out += frame(PING, b"p", mask=mask)
    return out


def through(data: bytes, cuts: list[int], *, is_masked: bool) -> list[Message]:
    """The same bytes as a guarded tunnel takes them: checked first, cut anywhere."""
    checked, flow = FrameFlow(is_masked=is_masked, max_message=LIMIT), MessageFlow(is_masked=is_masked)
    found: list[Message] = []
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in cuts)})
    for start, end in zip(places, places[1:], strict=False):
        found += flow.feed(checked.feed(data[start:end]))
    assert checked.fault is None
    return found


SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000])
MESSAGES = st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), SIZES), max_size=4)


@given(
    sizes=MESSAGES, cuts=st.lists(st.integers(0, 200_000), max_size=6), seed=st.integers(0, 999), masked=st.booleans()
)
def test_whatever_the_frames_and_cuts_the_messages_are_the_same(sizes, cuts, seed, masked):
    dice = random.Random(seed)
    messages = [Message(opcode, dice.randbytes(size)) for opcode, size in sizes]
    found = through(written(messages, dice, is_masked=masked), cuts, is_masked=masked)
    assert [each for each in found if each.opcode != PING] == messages
    assert all(each.payload == b"p" for each in found if each.opcode == PING)


@pytest.mark.parametrize("is_masked", [True, False])
def test_byte_by_byte(is_masked):
    messages = [Message(TEXT, b"one"), Message(BINARY, b"\x00" * 130), Message(TEXT, "ż日".encode())]
    data = written(messages, random.Random(3), is_masked=is_masked)
    found = through(data, list(range(len(data))), is_masked=is_masked)
    assert [each for each in found if each.opcode != PING] == messages


def test_control_frames_come_as_they_come():
    flow = MessageFlow(is_masked=False)
    data = frame(TEXT, b"a", is_last=False) + frame(PING, b"1") + frame(PONG, b"2") + frame(CONTINUATION, b"b")
    assert flow.feed(data) == [Message(PING, b"1"), Message(PONG, b"2"), Message(TEXT, b"ab")]


def test_a_message_of_empty_frames_is_empty():
    flow = MessageFlow(is_masked=False)
    assert flow.feed(frame(TEXT, is_last=False) + frame(CONTINUATION)) == [Message(TEXT, b"")]
    assert flow.feed(frame(BINARY)) == [Message(BINARY, b"")]


def test_what_waits_for_its_rest_is_counted():
    flow = MessageFlow(is_masked=False)
    flow.feed(frame(TEXT, b"abc", is_last=False) + frame(CONTINUATION, b"defg")[:-1])
    assert flow.held == 3 + 5
    flow.feed(b"g")
    assert flow.held == 0


def test_tiny_frames_take_no_more_than_they_count():
    flow, payload = MessageFlow(is_masked=True), bytes(range(10))
    piece = frame(CONTINUATION, payload, mask=MASK, is_last=False) * 100
    flow.feed(frame(TEXT, b"", mask=MASK, is_last=False))
    tracemalloc.start()
    try:
        for _ in range(1000):
            flow.feed(piece)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert flow.held == 1_000_000
    assert taken < 1.5 * flow.held
    (message,) = flow.feed(frame(CONTINUATION, b"", mask=MASK))
    assert message == Message(TEXT, payload * 100_000)
    assert flow.held == 0
