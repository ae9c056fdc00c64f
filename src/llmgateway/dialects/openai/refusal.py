"""Answers in an operator's words, not a model's: chat completions, completions and responses, whole and as streams.

https://platform.openai.com/docs/api-reference/chat, …/completions, …/responses and …/responses-streaming.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from llmgateway.ports.dialect import Refusal, Wanted
from llmgateway.wire.jsoncodec import encode

_REASON: Final = "content_filter"
MAX_CHOICES: Final = 128  # of one answer, as OpenAI's API has it
_NO_TOKENS: Final = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_NO_TOKENS_OF_RESPONSES: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
Document = dict[str, Any]


def refusal(text: str, wanted: Wanted) -> Refusal | None:
    """See ports.dialect.Dialect. Embeddings, pictures and the like have no words."""
    make = _MAKERS.get(wanted.operation)
    return make(text, wanted) if make is not None else None


def _chat(text: str, wanted: Wanted) -> Refusal:
    message = {"role": "assistant", "content": text, "refusal": None}
    begun: Document = {"role": "assistant", "content": "", "refusal": None}
    steps: tuple[Document, ...] = ({"delta": begun}, {"delta": {"content": text}}, {"delta": {}})
    return _choices("chat.completion", "chatcmpl", {"message": message}, steps, wanted)


def _completion(text: str, wanted: Wanted) -> Refusal:
    return _choices("text_completion", "cmpl", {"text": text}, ({"text": text}, {"text": ""}), wanted)


def _choices(kind: str, prefix: str, said: Document, steps: tuple[Document, ...], wanted: Wanted) -> Refusal:
    head = {
        "id": f"{prefix}-{wanted.exchange_id}",
        "object": kind,
        "created": wanted.created,
        "model": wanted.model,
    }
    indices = range(_how_many(wanted.document))
    choices = [_choice(index, said, _REASON) for index in indices]
    whole = encode({**head, "choices": choices, "usage": _NO_TOKENS})
    if not wanted.is_stream:
        return Refusal(whole, None, _REASON)
    if kind == "chat.completion":
        head["object"] = "chat.completion.chunk"
    options = wanted.document.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage") is True
    chunks = [
        {**head, "choices": [_choice(index, step, _REASON if step is steps[-1] else None)]}
        for index in indices
        for step in steps
    ]
    if wants_usage:
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**head, "choices": [], "usage": _NO_TOKENS})
    events = b"".join(b"data: %b\n\n" % encode(chunk) for chunk in chunks)
    return Refusal(whole, events + b"data: [DONE]\n\n", _REASON)


def _choice(index: int, said: Document, reason: str | None) -> Document:
    return {"index": index, **said, "logprobs": None, "finish_reason": reason}


def _how_many(document: Mapping[str, Any]) -> int:
    """As many choices as were asked for, and for each of several prompts: programs look for all of them."""
    asked, prompt = document.get("n"), document.get("prompt")
    each = asked if isinstance(asked, int) and asked > 0 else 1
    is_several = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
    return min(MAX_CHOICES, each * len(prompt) if isinstance(prompt, list) and is_several else each)


def _response(text: str, wanted: Wanted) -> Refusal:
    begun = {
        "id": f"resp_{wanted.exchange_id}",
        "object": "response",
        "created_at": wanted.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": wanted.model,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    item = {"id": f"msg_{wanted.exchange_id}", "type": "message", "role": "assistant"}
    said = {**item, "status": "incomplete", "content": [_part(text)]}
    ended = {
        **begun,
        "status": "incomplete",
        "incomplete_details": {"reason": _REASON},
        "output": [said],
        "usage": _NO_TOKENS_OF_RESPONSES,
    }
    events = b"".join(_numbered(_steps(text, item, said, begun, ended))) if wanted.is_stream else None
    return Refusal(encode(ended), events, _REASON)


def _steps(text: str, item: Document, said: Document, begun: Document, ended: Document) -> Iterator[Document]:
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    started = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": started}
    yield {"type": "response.content_part.added", **at, "part": _part("")}
    yield {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []}
    yield {"type": "response.output_text.done", **at, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": _part(text)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": said}
    yield {"type": "response.incomplete", "response": ended}


def _numbered(steps: Iterator[Document]) -> Iterator[bytes]:
    for number, step in zip(count(), steps, strict=False):
        yield b"event: %b\ndata: %b\n\n" % (step["type"].encode(), encode({**step, "sequence_number": number}))


def _part(text: str) -> Document:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


_MAKERS: Final[Mapping[str, Callable[[str, Wanted], Refusal]]] = {
    "chat.completions": _chat,
    "completions": _completion,
    "responses": _response,
}
