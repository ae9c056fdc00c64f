"""`/v1/messages`: Anthropic's block shapes, whole and streamed, and its token count."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.domain.usage import Usage
from llmgateway.modelserver import compose, reading, refusals, tokens
from llmgateway.modelserver.prompt import Answer, ApiError, Form, Frame, Prompt, Tool, ToolCall, Turn, Written
from llmgateway.wire.jsoncodec import decode

_THOUGHT: Final = "The question first, then the answer."
_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}


def read(body: Mapping[str, Any]) -> Prompt:
    """Read a messages request, which must say `max_tokens`."""
    if body.get("max_tokens") is None:
        raise ApiError(400, "max_tokens: Field required", param="max_tokens")
    return read_prompt(body)


def read_prompt(body: Mapping[str, Any]) -> Prompt:
    """Read what a count and an answer have in common."""
    messages = reading.listed(body, "messages")
    if not messages:
        raise ApiError(400, "messages: at least one message is required", param="messages")
    turns = [reading.turn("system", body["system"])] if body.get("system") else []
    turns.extend(_turn(message) for message in messages)
    choice = reading.mapping(body.get("tool_choice"))
    return Prompt(
        model=body["model"],
        turns=tuple(turns),
        tools=tuple(_tools(body)),
        tool_choice=_choice(choice),
        is_parallel=not choice.get("disable_parallel_tool_use"),
        schema=_schema(reading.mapping(reading.mapping(body.get("output_config")).get("format"))),
        stop=reading.stops(body.get("stop_sequences")),
        limit=reading.number(body, "max_tokens"),
    )


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content")
    answers_tool = isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in content
    )
    return reading.turn("tool" if answers_tool else message.get("role"), content)


def _tools(body: Mapping[str, Any]) -> Iterator[Tool]:
    for tool in reading.listed(body, "tools"):
        if isinstance(name := tool.get("name"), str) and "input_schema" in tool:
            yield Tool(name, reading.mapping(tool["input_schema"]))


def _choice(choice: Mapping[str, Any]) -> str:
    match choice.get("type"):
        case "any":
            return "required"
        case "tool":
            return f"={choice.get('name')}"
        case "none":
            return "none"
        case _:
            return "auto"


def _schema(asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return reading.mapping(asked.get("schema")) if asked.get("type") == "json_schema" else None


def _usage(used: Usage) -> dict[str, Any]:
    """Anthropic's input count leaves out what came from the cache."""
    cached = used.cached_tokens or 0
    return {
        "input_tokens": (used.input_tokens or 0) - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": used.output_tokens or 0,
        "service_tier": "standard",
    }


def whole(written: Written) -> dict[str, Any]:
    """Write a message."""
    return {
        **_envelope(written),
        "content": _blocks(written),
        **_ending(written.answers[0]),
        "usage": _usage(written.usage),
    }


def _envelope(written: Written) -> dict[str, Any]:
    return {
        "id": f"msg_{written.digest}",
        "type": "message",
        "role": "assistant",
        "model": written.prompt.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _ending(answer: Answer) -> dict[str, Any]:
    if answer.stopped_by is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": answer.stopped_by}
    return {"stop_reason": _STOP_REASONS[answer.finish], "stop_sequence": None}


def _thinks(written: Written) -> bool:
    return reading.mapping(written.body.get("thinking")).get("type") in {"enabled", "adaptive"}


def _blocks(written: Written) -> list[dict[str, Any]]:
    answer = written.answers[0]
    blocks: list[dict[str, Any]] = []
    if _thinks(written):
        blocks.append({"type": "thinking", "thinking": _THOUGHT, "signature": written.digest})
    if answer.pieces:
        blocks.append({"type": "text", "text": answer.text})
    return [*blocks, *(_tool_use(call, decode(call.arguments)) for call in answer.calls)]


def _tool_use(call: ToolCall, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": arguments}


def frames(written: Written) -> Iterator[Frame]:
    """Write the events of a streamed message. The last count of tokens is the true one."""
    answer = written.answers[0]
    begun = {**_usage(written.usage), "output_tokens": 1}
    yield _frame("message_start", message={**_envelope(written), "usage": begun})
    yield _frame("ping")
    for index, (block, deltas) in enumerate(_streamed(written)):
        yield _frame("content_block_start", index=index, content_block=block)
        for delta in deltas:
            yield _frame("content_block_delta", cost=1, index=index, delta=delta)
        yield _frame("content_block_stop", index=index)
    yield _frame("message_delta", delta=_ending(answer), usage=_usage(written.usage))
    yield _frame("message_stop")


def _frame(kind: str, cost: int = 0, **fields: Any) -> Frame:
    return Frame({"type": kind, **fields}, event=kind, tokens=cost, is_last=kind == "message_stop")


def _streamed(written: Written) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    answer = written.answers[0]
    if _thinks(written):
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in tokens.pieces(_THOUGHT)]
        signed = {"type": "signature_delta", "signature": written.digest}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]
    if answer.pieces:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in answer.pieces]
    for call in answer.calls:
        parts = tokens.pieces(call.arguments)
        yield _tool_use(call, {}), [{"type": "input_json_delta", "partial_json": part} for part in parts]


def count(body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v1/messages/count_tokens`."""
    return {"input_tokens": compose.input_tokens(read_prompt(body))}


FORM = Form(read=read, whole=whole, frames=frames, refuse=refusals.anthropic)
