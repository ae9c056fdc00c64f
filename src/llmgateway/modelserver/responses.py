"""`/v1/responses`: OpenAI's item shapes, whole and as the full sequence of events."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from llmgateway.domain.usage import Usage
from llmgateway.modelserver import chat, reading, refusals, tokens
from llmgateway.modelserver.prompt import CREATED, Answer, ApiError, Form, Frame, Prompt, ToolCall, Turn, Written


def read(body: Mapping[str, Any]) -> Prompt:
    """Read a responses request; instructions come first, as a system turn."""
    turns = [Turn("system", body["instructions"])] if isinstance(body.get("instructions"), str) else []
    asked = body.get("input", "")
    if isinstance(asked, str):
        turns.append(Turn("user", asked))
    else:
        turns.extend(_turn(item) for item in reading.listed(body, "input"))
    if not turns:
        raise ApiError(400, "'input' must not be empty.", param="input")
    return Prompt(
        model=body["model"],
        turns=tuple(turns),
        tools=tuple(chat.read_tools(body)),
        tool_choice=chat.read_choice(body.get("tool_choice")),
        is_parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(reading.mapping(reading.mapping(body.get("text")).get("format"))),
        limit=reading.number(body, "max_output_tokens"),
    )


def _turn(item: Mapping[str, Any]) -> Turn:
    match item.get("type", "message"):
        case "function_call_output":
            return reading.turn("tool", item.get("output"))
        case "function_call":
            return Turn("assistant", f"{item.get('name')} {item.get('arguments')}")
        case _:
            return reading.turn(item.get("role", "user"), item.get("content"))


def _schema(asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match asked.get("type"):
        case "json_schema":
            return reading.mapping(asked.get("schema"))
        case "json_object":
            return {}
        case _:
            return None


def _usage(used: Usage) -> dict[str, Any]:
    asked, said = used.input_tokens or 0, used.output_tokens or 0
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": used.cached_tokens or 0, "cache_write_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens or 0},
        "total_tokens": asked + said,
    }


def _envelope(written: Written) -> dict[str, Any]:
    body = written.body
    return {
        "id": f"resp_{written.digest}",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": written.prompt.model,
        "output": [],
        "parallel_tool_calls": written.prompt.is_parallel,
        "previous_response_id": body.get("previous_response_id"),
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "metadata": body.get("metadata") or {},
        "usage": None,
    }


def whole(written: Written) -> dict[str, Any]:
    """Write a finished response."""
    answer = written.answers[0]
    is_cut = answer.finish == "length"
    return {
        **_envelope(written),
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "output": _items(written, answer),
        "usage": _usage(written.usage),
    }


def _items(written: Written, answer: Answer) -> list[dict[str, Any]]:
    if answer.calls:
        return [_call_item(call, call.arguments, "completed") for call in answer.calls]
    status = "incomplete" if answer.finish == "length" else "completed"
    return [_message_item(written, status, [_part(answer.text)])]


def _message_item(written: Written, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    name = f"msg_{written.digest}"
    return {"id": name, "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(call: ToolCall, arguments: str, status: str) -> dict[str, Any]:
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "call_id": f"call_{call.id}",
        "name": call.name,
        "arguments": arguments,
        "status": status,
    }


def frames(written: Written) -> Iterator[Frame]:
    """Write every event of a streamed response, numbered in order."""
    numbers = count()
    for payload, cost in _events(written):
        kind = payload["type"]
        is_last = kind in {"response.completed", "response.incomplete"}
        yield Frame({**payload, "sequence_number": next(numbers)}, event=kind, tokens=cost, is_last=is_last)


def _events(written: Written) -> Iterator[tuple[dict[str, Any], int]]:
    answer, started, ended = written.answers[0], _envelope(written), whole(written)
    yield {"type": "response.created", "response": started}, 0
    yield {"type": "response.in_progress", "response": started}, 0
    if answer.calls:
        for index, call in enumerate(answer.calls):
            yield from _call_events(index, call)
    else:
        yield from _message_events(written, answer)
    yield {"type": f"response.{ended['status']}", "response": ended}, 0


def _message_events(written: Written, answer: Answer) -> Iterator[tuple[dict[str, Any], int]]:
    done = _items(written, answer)[0]
    at = {"item_id": done["id"], "output_index": 0, "content_index": 0}
    started = _message_item(written, "in_progress", [])
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}, 0
    yield {"type": "response.content_part.added", **at, "part": _part("")}, 0
    for piece in answer.pieces:
        yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}, 1
    yield {"type": "response.output_text.done", **at, "text": answer.text, "logprobs": []}, 0
    yield {"type": "response.content_part.done", **at, "part": _part(answer.text)}, 0
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}, 0


def _call_events(index: int, call: ToolCall) -> Iterator[tuple[dict[str, Any], int]]:
    at = {"item_id": f"fc_{call.id}", "output_index": index}
    started = _call_item(call, "", "in_progress")
    yield {"type": "response.output_item.added", "output_index": index, "item": started}, 1
    for piece in tokens.pieces(call.arguments):
        yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}, 1
    yield {"type": "response.function_call_arguments.done", **at, "name": call.name, "arguments": call.arguments}, 0
    done = _call_item(call, call.arguments, "completed")
    yield {"type": "response.output_item.done", "output_index": index, "item": done}, 0


FORM = Form(read=read, whole=whole, frames=frames, refuse=refusals.openai)
