"""What the tests share that try to get past a route's guardrails: two things to hide, and readers that see all of it.

NUMBER is redacted and WORD blocked on every route. `said` reads bytes as generously as any program might that gets them.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.plane import CONFIG, Answer, Plane, plane
from tests.support.wire_backend import Step, WireBackend, chunk, chunked_head, expect, forever, reply, send

NUMBER, WORD = "5551234", "forbidden"
GUARDRAILS = """
[guardrails]
baseline = ["numbers", "words"]
hold = "0.3s"
[guardrails.numbers]
use = "runs"
least = 7
[guardrails.words]
use = "word"
word = "forbidden"
action = "block"
"""
GUARDED = CONFIG.replace("[backends.one]", GUARDRAILS + "[backends.one]", 1)
JSON = ("content-type", "application/json")
SSE = ("content-type", "text/event-stream")
CHATS = "/v1/chat/completions"
CHAT = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}
DONE = b"data: [DONE]\n\n"


def said(content: bytes) -> str:
    """The bytes as text, and behind it everything that strings in it say, however deep JSON is put into JSON."""
    texts = [content.decode("utf-8", "replace")]
    for line in (content, *content.replace(b"data:", b"\n").splitlines()):
        try:
            texts += _strings(json.loads(line.decode("utf-8-sig", "replace")))
        except ValueError:
            continue
    return "\n".join(texts)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value
        try:
            yield from _strings(json.loads(value))
        except ValueError:
            pass
    else:
        yield str(value)


def answers(*replies: bytes) -> list[Step]:
    """A script that gives these replies in order, the last one for ever."""
    first = [step for each in replies[:-1] for step in (expect(), send(each))]
    return [*first, forever(expect(), send(replies[-1]))]


def whole(document: Any, *, media: str = "application/json", status: str = "200 OK") -> bytes:
    """A whole reply; bytes as they are, anything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return reply(body, status=status, headers=[("content-type", media)])


def streamed(events: bytes, media: str = "text/event-stream") -> bytes:
    return chunked_head(("content-type", media)) + chunk(events) + chunk(b"")


def event(document: Any, name: str = "") -> bytes:
    """One event; bytes as they are, anything else as JSON."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


def chat_delta(index: int = 0, finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m1", "choices": [choice]})


def completion(text: str, **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def nested(value: Any, depth: int) -> str:
    """`value` as JSON in a string in JSON …, every character of the innermost strings escaped."""
    text = json.dumps(value)
    for _ in range(depth - 1):
        text = json.dumps({"more": text})
    return text


def escaped(text: str) -> str:
    """JSON's longest spelling of a text."""
    return "".join(f"\\u{ord(each):04X}" for each in text)


@asynccontextmanager
async def guarded(
    tmp_path: Path, *scripts: list[Step], config: str = GUARDED, two: str = "http://127.0.0.1:9"
) -> AsyncIterator[tuple[WireBackend, Plane]]:
    """A backend with these scripts, one a connection, behind a plane that guards every route."""
    async with WireBackend(*scripts) as backend, plane(tmp_path, backend.url, two, config=config) as running:
        yield backend, running


def on_disk(folder: Path) -> bytes:
    """Every byte of every file in there."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def got(tmp_path: Path, make: Callable[[str], bytes], body: Any = None, path: str = CHATS) -> list[Answer]:
    """What a caller gets of replies made with the number and with the word, in neither of which these may be."""
    seen = []
    for text in (NUMBER, WORD):
        async with guarded(tmp_path / text, answers(make(text))) as (_, running):
            answer = await running.post(path, body or CHAT)
            await running.quiet()
            assert text not in said(answer.body)
            assert text.encode() not in on_disk(tmp_path / text)
            seen.append(answer)
    return seen
