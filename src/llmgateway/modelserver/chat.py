"""`/v1/chat/completions`: OpenAI's shapes, whole and streamed."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from llmgateway.domain.usage import Usage
from llmgateway.modelserver import reading, refusals, tokens
from llmgateway.modelserver.prompt import CREATED, Answer, ApiError, Form, Frame, Prompt, Tool, ToolCall, Written

MOST_CHOICES = 16


def read(body: Mapping[str, Any]) -> Prompt:
    """Read a chat request."""
    messages = reading.listed(body, "messages")
    if not messages:
        raise ApiError(400, "'messages' must hold at least one message.", param="messages")
    return Prompt(
        model=body["model"],
        turns=tuple(reading.turn(message.get("role"), message.get("content")) for message in messages),
        tools=tuple(read_tools(body)),
        tool_choice=read_choice(body.get("tool_choice")),
        is_parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema(reading.mapping(body.get("response_format"))),
        stop=reading.stops(body.get("stop")),
        limit=reading.number(body, "max_completion_tokens", "max_tokens"),
        choices=reading.number(body, "n", most=MOST_CHOICES) or 1,
    )


def read_tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    """Read function tools, nested as chat has them or flat as responses has them."""
    for tool in reading.listed(body, "tools"):
        function = reading.mapping(tool.get("function", tool))
        if tool.get("type", "function") == "function" and isinstance(name := function.get("name"), str):
            yield Tool(name, reading.mapping(function.get("parameters")))


def read_choice(value: Any) -> str:
    """Read `tool_choice`, nested or flat."""
    if isinstance(value, dict):
        name = reading.mapping(value.get("function", value)).get("name")
        return f"={name}" if name else "auto"
    return value if isinstance(value, str) else "auto"


def _schema(asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match asked.get("type"):
        case "json_schema":
            return reading.mapping(reading.mapping(asked.get("json_schema")).get("schema"))
        case "json_object":
            return {}
        case _:
            return None


def usage(used: Usage) -> dict[str, Any]:
    """Put token counts as chat does."""
    asked, said = used.input_tokens or 0, used.output_tokens or 0
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": used.cached_tokens or 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens or 0, "audio_tokens": 0},
    }


def finish(answer: Answer) -> str:
    """Name the end of an answer as OpenAI does; a refusal in words is an ordinary stop there."""
    return "stop" if answer.finish == "refusal" else answer.finish


def fingerprint(model: str) -> str:
    """Name what answers, as OpenAI does: the same for all answers of a model."""
    return f"fp_{hashlib.blake2b(model.encode('utf-8', 'replace'), digest_size=5).hexdigest()}"


def _envelope(written: Written, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{written.digest}",
        "object": kind,
        "created": CREATED,
        "model": written.prompt.model,
        "system_fingerprint": fingerprint(written.prompt.model),
        "service_tier": "default",
    }


def whole(written: Written) -> dict[str, Any]:
    """Write a chat completion."""
    choices = [
        {"index": number, "message": _message(answer), "logprobs": None, "finish_reason": finish(answer)}
        for number, answer in enumerate(written.answers)
    ]
    return {**_envelope(written, "chat.completion"), "choices": choices, "usage": usage(written.usage)}


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None, "annotations": []}
    if answer.calls:
        message["tool_calls"] = [_tool_call(call, call.arguments) for call in answer.calls]
    return message


def _tool_call(call: ToolCall, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": arguments}}


def frames(written: Written) -> Iterator[Frame]:
    """Write the chunks of a streamed chat completion; the usage comes last, and only for those who asked."""
    envelope = _envelope(written, "chat.completion.chunk")
    wants_usage = reading.mapping(written.body.get("stream_options")).get("include_usage") is True
    if wants_usage:
        envelope["usage"] = None
    for number, answer in enumerate(written.answers):
        for delta, cost in _deltas(answer):
            yield Frame({**envelope, "choices": [_choice(number, delta, None)]}, tokens=cost)
        yield Frame({**envelope, "choices": [_choice(number, {}, finish(answer))]})
    if wants_usage:
        yield Frame({**envelope, "choices": [], "usage": usage(written.usage)})


def _choice(number: int, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": number, "delta": delta, "logprobs": None, "finish_reason": reason}


def _deltas(answer: Answer) -> Iterator[tuple[dict[str, Any], int]]:
    yield {"role": "assistant", "content": None if answer.calls else "", "refusal": None}, 0
    for piece in answer.pieces:
        yield {"content": piece}, 1
    for number, call in enumerate(answer.calls):
        yield {"tool_calls": [{"index": number, **_tool_call(call, "")}]}, 1
        for piece in tokens.pieces(call.arguments):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, 1


FORM = Form(read=read, whole=whole, frames=frames, refuse=refusals.openai, done=b"data: [DONE]\n\n")
