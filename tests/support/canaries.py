"""Secrets and addresses that are found again wherever they come out, and places of an exchange to put them in."""

import json
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
from tests.support.bypass import chat_delta, completion, event, nested, on_disk, streamed, whole
from tests.support.plane import Plane
from tests.support.wire_backend import reply

from llmgateway.app.control import build_control
from llmgateway.app.parts import Started
from llmgateway.ports.store import Wanted

OK = whole(completion("fine"))
DONE = b"data: [DONE]\n\n"
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Canary(NamedTuple):
    """`value` is planted; `core` is what is looked for."""

    place: str
    value: str
    core: str


def canaries(place: str) -> tuple[Canary, Canary]:
    """A token and an address for a place, like no others."""
    draw = random.Random(place)
    secret = "".join(draw.choice(_LETTERS) for _ in range(48))
    name = "".join(draw.choice("abcdefghkmnprstuvwz") for _ in range(12))
    return Canary(place, f"sk-proj-{secret}", secret[10:30]), Canary(place, f"{name}@corp-mail.com", name)


class Ask(NamedTuple):
    """One exchange: what is asked, and what the backend answers (each reply once, the last one again and again)."""

    document: Any = None
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    replies: tuple[bytes, ...] = (OK,)
    method: str = "POST"
    body: bytes = b""

    @property
    def content(self) -> bytes:
        return self.body or (json.dumps(self.document).encode() if self.document is not None else b"")


def chat(content: Any = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "assistant", "messages": [{"role": "user", "content": content}], **more}


def _headers(**headers: str) -> Ask:
    return Ask(chat(), headers={name.replace("_", "-"): value for name, value in headers.items()})


REQUESTS: dict[str, Callable[[str], Ask]] = {
    "content": lambda it: Ask(chat(f"take {it} please")),
    "part": lambda it: Ask(chat([{"type": "text", "text": f"take {it}"}])),
    "system": lambda it: Ask({"model": "assistant", "messages": [{"role": "system", "content": f"use {it}"}]}),
    "speaker": lambda it: Ask({"model": "assistant", "messages": [{"role": "user", "name": it, "content": "a"}]}),
    "role": lambda it: Ask({"model": "assistant", "messages": [{"role": it, "content": "a"}]}),
    "tool_result": lambda it: Ask({"model": "assistant", "messages": [{"role": "tool", "content": nested([it], 3)}]}),
    "arguments": lambda it: Ask(chat(tool_calls=[{"function": {"arguments": nested({"a": it}, 2)}}])),
    "tool_description": lambda it: Ask(chat(tools=[{"function": {"name": "f", "description": f"with {it}"}}])),
    "schema": lambda it: Ask(chat(response_format={"json_schema": {"schema": {"properties": {it: {"enum": [it]}}}}})),
    "prediction": lambda it: Ask(chat(prediction={"type": "content", "content": it})),
    "stop": lambda it: Ask(chat(stop=[it])),
    "logit_bias": lambda it: Ask(chat(logit_bias={it: 1})),
    "user": lambda it: Ask(chat(user=it)),
    "safety_identifier": lambda it: Ask(chat(safety_identifier=it)),
    "session": lambda it: Ask(chat(metadata={"session_id": it})),
    "metadata_value": lambda it: Ask(chat(metadata={"team": f"of {it}"})),
    "metadata_key": lambda it: Ask(chat(metadata={it: "a"})),
    "model": lambda it: Ask({**chat(), "model": f"gpt-x {it}"}),
    "unknown_member": lambda it: Ask(chat(more=[{"deep": it}])),
    "responses": lambda it: Ask({"model": "assistant", "input": it, "instructions": it}, "/v1/responses"),
    "conversation": lambda it: Ask({"model": "assistant", "input": "a", "conversation": it}, "/v1/responses"),
    "embeddings": lambda it: Ask({"model": "assistant", "input": ["a", it]}, "/v1/embeddings"),
    "messages": lambda it: Ask({**chat(it), "model": "claude", "system": it}, "/v1/messages"),
    "user_id": lambda it: Ask({**chat(), "model": "claude", "metadata": {"user_id": it}}, "/v1/messages"),
    "user_agent": lambda it: _headers(user_agent=f"app/1 {it}"),
    "x_request_id": lambda it: _headers(x_request_id=it),
    "idempotency_key": lambda it: _headers(idempotency_key=it),
    "query": lambda it: Ask(chat(), f"/v1/chat/completions?note={quote(it)}"),
    "path": lambda it: Ask(path=f"/v1/files/{it}", method="GET"),
    "path_escaped": lambda it: Ask(path=f"/v1/files/{quote(it, safe='')}", method="GET"),
    "path_unknown": lambda it: Ask(chat(), path=f"/v1/new/{it}"),
    "version": lambda it: _headers(x_llmgateway_version=it),
    "route": lambda it: Ask({"input": "a"}, "/v1/embeddings", {"x-llmgateway-route": it}),
    "unknown_model": lambda it: Ask({**chat(it, user=it, metadata={it: it}), "model": f"no {it}"}),
    "no_json": lambda it: Ask(body=f'{{"model": "assistant", "text": "{it}"'.encode()),
    "no_json_escaped": lambda it: Ask(
        body=f'{{"text": "{it}"'.replace("@", "\\u0040").replace("-", "\\u002d").encode()
    ),
    "twice": lambda it: Ask(body=f'{{"model": "{it}", "model": "assistant", "text": "{it}"}}'.encode()),
    "no_string": lambda it: Ask({**chat(it), "model": [it]}),
    "wrong_metadata": lambda it: Ask(chat(it, metadata=it)),
    "wrong_media": lambda it: Ask(body=it.encode(), headers={"content-type": f"text/{quote(it)}"}),
    "too_deep": lambda it: Ask(body=b'{"a":' * 2000 + json.dumps(it).encode() + b"}" * 2000),
    "no_endpoint": lambda it: Ask(chat(it), f"/V1/Chat/Completions/{it}"),
    "no_method": lambda it: Ask(method="PUT", path=f"/v1/chat/completions/{it}", body=json.dumps([it]).encode()),
}


def _error(it: str, status: str) -> bytes:
    return whole({"error": {"message": f"so {it} it is", "param": it}}, status=status)


def _late(it: str) -> bytes:
    """A complaint whose secret stands where it is cut."""
    return whole(("x" * 480 + " " + it + " " + "y" * 700).encode(), status="500 Broken")


def _in_two(it: str, **more: Any) -> bytes:
    return chat_delta(content=f"so {it[:9]}", **more) + chat_delta(content=f"{it[9:]} ok", **more)


STREAM = chat(stream=True)
REPLIES: dict[str, Callable[[str], Ask]] = {
    "content": lambda it: Ask(chat(), replies=(whole(completion(f"so {it} it is")),)),
    "reasoning": lambda it: Ask(chat(), replies=(whole(completion("a", reasoning=it)),)),
    "arguments": lambda it: Ask(chat(), replies=(whole(completion("a", tool_calls=[{"function": {"arguments": nested({"a": it}, 3)}}])),)),
    "logprobs": lambda it: Ask(chat(logprobs=True), replies=(whole({**completion("a"), "logprobs": {"content": [{"token": each} for each in (it[:20], it)]}}),)),
    "model": lambda it: Ask(chat(), replies=(whole({**completion("a"), "model": it}),)),
    "id": lambda it: Ask(chat(), replies=(whole({**completion("a"), "id": it}),)),
    "fingerprint": lambda it: Ask(chat(), replies=(whole({**completion("a"), "system_fingerprint": f"is {it}"}),)),
    "embeddings": lambda it: Ask({"model": "assistant", "input": "a"}, "/v1/embeddings", replies=(whole({"data": [it]}),)),
    "text": lambda it: Ask({"model": "gpt-voice", "input": "a"}, "/v1/audio/speech", replies=(whole(f"so {it}".encode(), media="text/plain"),)),
    "lines": lambda it: Ask({"model": "assistant", "input": "a"}, "/v1/new", replies=(whole(f'{{"a": "{it}"}}\n'.encode() * 2, media="application/x-ndjson"),)),
    "utf16": lambda it: Ask({"model": "gpt-voice", "input": "a"}, "/v1/audio/speech", replies=(whole(f"so {it}".encode("utf-16"), media="text/plain"),)),
    "error_400": lambda it: Ask(chat(), replies=(_error(it, "400 Bad Request"),)),
    "error_401": lambda it: Ask(chat(), replies=(_error(it, "401 Unauthorized"),)),
    "error_500": lambda it: Ask(chat(), replies=(_error(it, "500 Broken"),)),
    "error_then_ok": lambda it: Ask(chat(), replies=(_error(it, "500 Broken"), OK)),
    "error_escaped": lambda it: Ask(chat(), replies=(whole(f'{{"error": "{it}", "x": NaN}}'.replace("@", "\\u0040").replace("-", "\\u002d").encode(), status="500 Broken"),)),
    "error_cut": lambda it: Ask(chat(), replies=(_late(it),)),
    "error_in_a_200": lambda it: Ask(chat(), replies=(whole({"error": {"message": it}}),)),
    "stream": lambda it: Ask(STREAM, replies=(streamed(_in_two(it) + chat_delta(finish="stop") + DONE),)),
    "stream_cut": lambda it: Ask(STREAM, replies=(streamed(_in_two(it)),)),
    "stream_error": lambda it: Ask(STREAM, replies=(streamed(chat_delta(content="a") + event({"error": {"message": it}})),)),
    "stream_error_first": lambda it: Ask(STREAM, replies=(streamed(event({"error": {"message": it}})),)),
    "stream_transcript": lambda it: Ask(STREAM, replies=(streamed(chat_delta(audio={"transcript": it[:9]}) + chat_delta(audio={"transcript": it[9:]}) + chat_delta(finish="stop") + DONE),)),
    "header": lambda it: Ask(chat(), replies=(reply(json.dumps(completion("a")).encode(), headers=[("content-type", "application/json"), ("x-note", it)]),)),
    "header_given": lambda it: Ask(chat(), replies=(reply(json.dumps(completion("a")).encode(), headers=[("content-type", f"application/json; note={it}"), ("x-ratelimit-reset", it), ("x-request-id", it), ("retry-after", quote(it, safe=""))]),)),
    "header_of_a_stream": lambda it: Ask(STREAM, replies=(reply(chat_delta(finish="stop") + DONE, headers=[("content-type", "text/event-stream"), ("x-ratelimit-reset", it)]),)),
}  # fmt: skip


@dataclass
class Searched:
    """Texts by where they were found."""

    texts: dict[str, str] = field(default_factory=dict)

    def holds(self, canary: Canary) -> list[str]:
        """Where it is."""
        return [where for where, text in self.texts.items() if canary.core in text]


def _plain(content: bytes) -> str:
    """What it says, also where it says that with two bytes a character."""
    return content.replace(b"\0", b"").decode("latin-1")


async def search(running: Plane, folder: Path, log: str) -> Searched:
    """All that is kept and shown of the exchanges so far, once the control plane has taken them in."""
    journal = "\n".join(f"{record.meta} {record.blobs}" for record in running.records())
    found = Searched({"journal": journal, "log": log, "disk before": _plain(on_disk(folder))})
    snapshot = running.worker.gateway.in_force.snapshot
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control, ingester, store = build_control(Started(folder / "config.toml", "", snapshot), listener)
        await control.start()
        try:
            await ingester.drained()
            rows = await store.page(Wanted(), limit=1000)
            numbers = [row["seq"] for row in rows]
            found.texts["store"] = f"{rows} {await store.attempts(numbers)} {await store.bodies(numbers)}"
            port = listener.getsockname()[1]
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
                for path in ("/metrics", "/admin/v1/exchanges?limit=100", "/admin/v1/overview"):
                    async with http.get(path) as answer:
                        found.texts[path] = await answer.text()
        finally:
            await control.stop()
            await store.close()
    found.texts["disk"] = _plain(on_disk(folder))
    return found
