"""Requests made to cost much: the raw corpus of tests/fixtures/http, and bodies after rows C18 to C32. Pure."""

import json
from collections.abc import Iterator
from typing import Final

from tests.fixtures.http.hostile import HOSTILE

MIB: Final = 1024 * 1024
_HEAD: Final = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
)
_TALK: Final = '"messages":[{"role":"user","content":"hi"}]'


def corpus() -> Iterator[tuple[str, bytes]]:
    """Names and whole requests."""
    for name, raw in HOSTILE.items():
        yield name, raw.replace(b"Host: g\r\n", b"Host: 127.0.0.1\r\n", 1)  # a gateway without keys knows no other
    for name, body in bodies().items():
        yield name, _HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    yield "900k chunks of one byte", _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 900_000
    yield "chunks of 64 bytes, 8 MiB", _chunked(b"x" * 64, 8 * MIB // 64)
    yield "a form of 10,000 parts", _form(b"--b\r\ncontent-disposition: form-data; name=x\r\n\r\ny\r\n" * 10_000)
    yield "a form of dashes", _form(b"--b\r\n" + b"-" * (4 * MIB))
    yield (
        "a form without an end, 8 MiB",
        _form(b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n' + b"y" * 8 * MIB),
    )


def bodies() -> dict[str, bytes]:
    """Bodies of JSON, and of what is none."""
    return {
        "nested 100,000 deep": b"[" * 100_000,
        "nested objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "9 MiB of objects": b'{"model":"assistant","x":[' + b"{}," * (3 * MIB) + b"{}]}",
        "9 MiB of numbers": b'{"model":"assistant","x":[' + b"1," * (4 * MIB) + b"1]}",
        "16 MiB of text": _object('"x":"' + "y" * (16 * MIB) + '"'),
        "16 MiB of escapes": _object('"x":"' + '\\"' * (8 * MIB) + '"'),
        "4 MiB of \\u": _object('"x":"' + "\\u0041" * (4 * MIB // 6) + '"'),
        "8 MiB of quotes": b'{"model":"assistant",' + b'"",' * (8 * MIB // 3),
        "16 MiB of blanks": b'{"model":"assistant",' + b" " * (16 * MIB) + _TALK.encode() + b"}",
        "16 MiB of line ends": b'{"model":"assistant",' + b"\n" * (16 * MIB) + _TALK.encode() + b"}",
        "100,000 names": _object(",".join(f'"k{at}":1' for at in range(60_000))),
        "a name of 1 MiB": _object('"' + "k" * MIB + '":1'),
        "a number of 5,000 digits": _object('"seed":' + "9" * 5_000),
        "a number of 1 MiB": _object('"seed":' + "9" * MIB),
        "10,000 metadata keys": _object('"metadata":{' + ",".join(f'"k{at}":"v"' for at in range(10_000)) + "}"),
        "10,000 tools": _object('"tools":[' + ",".join('{"type":"function"}' for _ in range(10_000)) + "]"),
        "10,000 messages": json.dumps(
            {"model": "assistant", "messages": [{"role": "user", "content": "x" * 400}] * 10_000}
        ).encode(),
        "a model of 10 KiB": json.dumps({"model": "x" * 10_240, "messages": []}).encode(),
        "a model of 1 MiB": json.dumps({"model": "*" * MIB, "messages": []}).encode(),
        "a user of 1 MiB": _object('"user":"' + "u" * MIB + '"'),
        "surrogates": _object('"x":"' + "\\ud800" * 100_000 + '"'),
        "invalid UTF-8": b'{"model":"assistant","x":"' + b"\xff" * MIB + b'"}',
        "duplicates": _object(",".join('"stream":false' for _ in range(50_000))),
        "UTF-16": json.dumps({"model": "assistant"}).encode("utf-16"),
        "two documents": _object('"a":1') * 1000,
        "a million of n": _object('"n":1000000,"max_tokens":1000000000000'),
    }


def _object(members: str) -> bytes:
    return f'{{"model":"assistant",{members},{_TALK}}}'.encode()


def _chunked(piece: bytes, count: int) -> bytes:
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(piece), piece) * count + b"0\r\n\r\n"


def _form(body: bytes) -> bytes:
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    return head + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n" % len(body) + body
