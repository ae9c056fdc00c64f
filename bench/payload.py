"""What goes over the wire in every measurement: the size and shape of an ordinary chat request and its answers. Pure.

A request tells the fake backend what it wants in the prompt, which every gateway passes on: `chunks=50 rate=20`.
A streamed chunk carries the backend's clock where OpenAI's carry padding (`obfuscation`), so that whoever gets it
can tell how long it was under way.
"""

import json
import re
from typing import Final

ROUTE: Final = "assistant"
MODEL: Final = "gpt-4.1-2025-04-14"
FULL_SPEED: Final = 0
STAMP_DIGITS: Final = 16
STAMP: Final = b'"obfuscation":"'
DONE: Final = b"data: [DONE]\n\n"
_NO_STAMP: Final = b"0" * STAMP_DIGITS

_SYSTEM: Final = "You are a helpful assistant of a company that sells bicycles. Answer briefly and kindly. " * 9
_QUESTION: Final = "My bicycle makes a strange noise when I brake in the rain. What should I look at first? " * 3
_ANSWER: Final = "Have a look at the brake pads first: dirt or glaze on them is the usual cause of noise. " * 7
_TOKEN: Final = b" bicycle"
_FIRST_TOKEN: Final = b"Bicycles"  # of the same length
_WANTED: Final = re.compile(rb"chunks=(\d+) rate=(\d+)")


def request(user: str, *, chunks: int | None = None, rate: int = FULL_SPEED) -> bytes:
    """Make a chat request of 1.2 KB; with `chunks`, for a stream of so many at `rate` a second (0: full speed)."""
    question = _QUESTION if chunks is None else f"{_QUESTION} chunks={chunks} rate={rate}"
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]
    document = {"model": ROUTE, "messages": messages, "temperature": 0.7, "max_tokens": 256, "user": user}
    if chunks is not None:
        document |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(document).encode()


def wanted(body: bytes) -> tuple[int, int] | None:
    """Read chunks and rate out of a request; None: it wants a whole answer."""
    found = _WANTED.search(body)
    return (int(found[1]), int(found[2])) if found is not None else None


def answer() -> bytes:
    """Make a chat answer of about 1.0 KB."""
    message = {"role": "assistant", "content": _ANSWER, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    document = {**_envelope("chat.completion"), "choices": [choice], "usage": _usage(256)}
    return json.dumps(document, separators=(",", ":")).encode()


def first_chunk() -> bytes:
    """Make the event that opens a stream: a role, and no content."""
    return _event(_delta({"role": "assistant", "content": "", "refusal": None}), _NO_STAMP)


def chunk(stamp: bytes, *, is_first: bool = False) -> bytes:
    """Make an event with one token, sent at `stamp`. An answer's first word has no space before it."""
    event = _CHUNK_HEAD + stamp + _CHUNK_TAIL
    return event.replace(_TOKEN, _FIRST_TOKEN) if is_first else event


def last_chunks(chunks: int) -> bytes:
    """Make the three events that end a stream: finish reason, usage, `[DONE]`."""
    final = {**_envelope("chat.completion.chunk"), "choices": [], "usage": _usage(chunks)}
    return _event(_delta({}, "stop"), _NO_STAMP) + _event(final, None) + DONE


def stamp(now: float) -> bytes:
    """Write a monotonic time, of a clock that all processes of the machine share, as a chunk carries it."""
    return b"%0*d" % (STAMP_DIGITS, int(now * 1e9))


def first_stamp(piece: bytes) -> float | None:
    """When the first chunk in `piece` was sent; None if none begins and ends in it."""
    return _stamp_at(piece, piece.find(STAMP))


def last_stamp(piece: bytes) -> float | None:
    """When the last chunk in `piece` was sent."""
    return _stamp_at(piece, piece.rfind(STAMP))


def _stamp_at(piece: bytes, at: int) -> float | None:
    if at < 0:
        return None
    digits = piece[at + len(STAMP) : at + len(STAMP) + STAMP_DIGITS]
    if len(digits) < STAMP_DIGITS or digits == _NO_STAMP or not digits.isdigit():
        return None
    return int(digits) / 1e9


def _envelope(kind: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-BdXyQ7qqWr2rYp0hN4bqHJ5kU6fTz",
        "object": kind,
        "created": 1767225600,
        "model": MODEL,
        "system_fingerprint": "fp_b3f1157249",
    }


def _usage(output: int) -> dict[str, object]:
    return {
        "prompt_tokens": 290,
        "completion_tokens": output,
        "total_tokens": 290 + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _delta(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_envelope("chat.completion.chunk"), "choices": [choice]}


def _event(document: dict[str, object], padding: bytes | None) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    if padding is not None:
        text = text[:-1] + b"," + STAMP + padding + b'"}'
    return b"data: " + text + b"\n\n"


def _cut_chunk() -> tuple[bytes, bytes]:
    """A token's event, cut where its time goes in."""
    mark = b"#" * STAMP_DIGITS
    head, tail = _event(_delta({"content": _TOKEN.decode()}), mark).split(mark)
    return head, tail


_CHUNK_HEAD, _CHUNK_TAIL = _cut_chunk()
