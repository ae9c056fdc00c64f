"""`/v1/realtime`: a conversation over a WebSocket, with the same mind as everywhere else. Text only.

aiohttp speaks the WebSocket, so that the gateway's own reading of frames is tested against another one.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from llmgateway.modelserver import answering, compose, reading
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import Answer, ApiError, Prompt, Turn
from llmgateway.modelserver.service import Service
from llmgateway.wire.jsoncodec import JsonError, decode, encode

MOST_TURNS: Final = 256
_PROTOCOL: Final = "realtime"

Event = dict[str, Any]
Take = Callable[["Session", Mapping[str, Any]], Iterator[Event]]


@dataclass(slots=True)
class Session:
    """One conversation. Events are pure: what comes in makes what goes out, and ids count up."""

    model: str
    knobs: Knobs
    turns: list[Turn] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def number(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers):06d}"

    def described(self) -> Event:
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{self.model}",
            "model": self.model,
            "output_modalities": ["text"],
            **self.settings,
        }

    def greeting(self) -> Event:
        return {"type": "session.created", "session": self.described()}

    def take(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """Answer one event of the client; an unknown or malformed one gets an `error`."""
        taker = _TAKERS.get(str(event.get("type")))
        if taker is None:
            yield _error(f"Unknown event type {str(event.get('type'))[:100]!r}.", event)
            return
        try:
            yield from taker(self, event)
        except ApiError as wrong:
            yield _error(str(wrong), event)


def _update(session: Session, event: Mapping[str, Any]) -> Iterator[Event]:
    kept = {name: value for name, value in reading.mapping(event.get("session")).items() if name != "model"}
    session.settings.update(kept)
    yield {"type": "session.updated", "session": session.described()}


def _create_item(session: Session, event: Mapping[str, Any]) -> Iterator[Event]:
    item = reading.mapping(event.get("item"))
    if len(session.turns) >= MOST_TURNS:
        raise ApiError(400, "The conversation is full.")
    session.turns.append(reading.turn(item.get("role", "user"), item.get("content")))
    made = {**item, "id": item.get("id") or session.number("item"), "object": "realtime.item", "status": "completed"}
    yield {"type": "conversation.item.added", "previous_item_id": None, "item": made}
    yield {"type": "conversation.item.done", "previous_item_id": None, "item": made}


def _create_response(session: Session, event: Mapping[str, Any]) -> Iterator[Event]:
    asked = reading.mapping(event.get("response"))
    instructions = asked.get("instructions") or session.settings.get("instructions")
    first = [Turn("system", instructions)] if isinstance(instructions, str) else []
    limit = reading.number(asked, "max_output_tokens") if asked.get("max_output_tokens") != "inf" else None
    prompt = Prompt(model=session.model, turns=(*first, *session.turns), limit=limit)
    digest = compose.digest(prompt, session.knobs.seed)
    (answer,) = compose.compose(prompt, session.knobs, digest)
    response, item = {"id": f"resp_{digest}", "object": "realtime.response"}, session.number("item")
    at = {"response_id": response["id"], "item_id": item, "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}
    yield {"type": "response.output_item.added", "output_index": 0, "response_id": response["id"], "item": _item(item)}
    for piece in answer.pieces:
        yield {"type": "response.output_text.delta", **at, "delta": piece}
    yield {"type": "response.output_text.done", **at, "text": answer.text}
    said = _item(item, answer)
    yield {"type": "response.output_item.done", "output_index": 0, "response_id": response["id"], "item": said}
    session.turns.append(Turn("assistant", answer.text))
    yield {
        "type": "response.done",
        "response": {**response, **_outcome(prompt, answer, session.knobs), "output": [said]},
    }


def _item(name: str, answer: Answer | None = None) -> Event:
    content = [] if answer is None else [{"type": "output_text", "text": answer.text}]
    status = "in_progress" if answer is None else "incomplete" if answer.finish == "length" else "completed"
    return {
        "id": name,
        "object": "realtime.item",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _outcome(prompt: Prompt, answer: Answer, knobs: Knobs) -> Event:
    used = compose.count_usage(prompt, (answer,), knobs)
    asked, said = used.input_tokens or 0, used.output_tokens or 0
    is_cut = answer.finish == "length"
    return {
        "status": "incomplete" if is_cut else "completed",
        "status_details": {"type": "incomplete", "reason": "max_output_tokens"} if is_cut else None,
        "usage": {
            "total_tokens": asked + said,
            "input_tokens": asked,
            "output_tokens": said,
            "input_token_details": {"text_tokens": asked, "audio_tokens": 0, "cached_tokens": used.cached_tokens or 0},
            "output_token_details": {"text_tokens": said, "audio_tokens": 0},
        },
    }


def _error(message: str, event: Mapping[str, Any]) -> Event:
    about = {"type": "invalid_request_error", "code": "invalid_event", "message": message, "param": None}
    return {"type": "error", "error": {**about, "event_id": event.get("event_id")}}


_TAKERS: Final[dict[str, Take]] = {
    "session.update": _update,
    "conversation.item.create": _create_item,
    "response.create": _create_response,
}


async def talk(service: Service, request: web.Request) -> web.StreamResponse:
    """Hold a conversation until the client closes. The model is in the query, with its knobs; errors come before it."""
    body = {"model": request.query.get("model")}
    service.record(request.method, request.path_qs, list(request.headers.items()), b"")
    knobs = service.turn(request.headers, body)
    service.check_model(body)
    await answering.begin(service, request, body, compose.dice(str(body)).randbytes(8).hex(), knobs)
    session = Session(str(body["model"]), knobs)
    line = web.WebSocketResponse(protocols=(_PROTOCOL,), max_msg_size=0)
    if not line.can_prepare(request):
        raise ApiError(426, "This endpoint is a WebSocket.")
    await line.prepare(request)
    numbers = count(1)
    await _say(line, session.greeting(), numbers)
    async for message in line:
        if message.type is not WSMsgType.TEXT:
            await line.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"text only")
            break
        for event in session.take(_parsed(message.data)):
            if event["type"] == "response.output_text.delta":
                service.tallies.tokens += 1
                await asyncio.sleep(1 / knobs.rate if knobs.rate else 0)
            await _say(line, event, numbers)
    return line


async def _say(line: web.WebSocketResponse, event: Event, numbers: "count[int]") -> None:
    await line.send_str(encode({**event, "event_id": f"event_{next(numbers):06d}"}).decode())


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return reading.mapping(decode(text.encode("utf-8", "replace")))
    except JsonError:
        return {}
