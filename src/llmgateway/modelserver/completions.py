"""`/v1/completions`: OpenAI's older text shapes."""

from collections.abc import Iterator, Mapping
from typing import Any

from llmgateway.modelserver import chat, reading, refusals
from llmgateway.modelserver.prompt import CREATED, ApiError, Form, Frame, Prompt, Turn, Written


def read(body: Mapping[str, Any]) -> Prompt:
    """Read a completion request; several prompts are answered as one."""
    asked = body.get("prompt", "")
    texts = asked if isinstance(asked, list) else [asked]
    if not all(isinstance(text, str | int | list) for text in texts):
        raise ApiError(400, "'prompt' must be a text, or an array of texts or token ids.", param="prompt")
    return Prompt(
        model=body["model"],
        turns=(Turn("user", "\n".join(str(text) for text in texts)),),
        stop=reading.stops(body.get("stop")),
        limit=reading.number(body, "max_tokens"),
        choices=reading.number(body, "n", most=chat.MOST_CHOICES) or 1,
    )


def _envelope(written: Written) -> dict[str, Any]:
    return {
        "id": f"cmpl-{written.digest}",
        "object": "text_completion",
        "created": CREATED,
        "model": written.prompt.model,
        "system_fingerprint": chat.fingerprint(written.prompt.model),
    }


def _choice(number: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": number, "text": text, "logprobs": None, "finish_reason": reason}


def whole(written: Written) -> dict[str, Any]:
    """Write a completion."""
    choices = [_choice(number, answer.text, chat.finish(answer)) for number, answer in enumerate(written.answers)]
    return {**_envelope(written), "choices": choices, "usage": chat.usage(written.usage)}


def frames(written: Written) -> Iterator[Frame]:
    """Write the chunks of a streamed completion."""
    envelope = _envelope(written)
    for number, answer in enumerate(written.answers):
        for piece in answer.pieces:
            yield Frame({**envelope, "choices": [_choice(number, piece, None)]}, tokens=1)
        yield Frame({**envelope, "choices": [_choice(number, "", chat.finish(answer))]})
    if reading.mapping(written.body.get("stream_options")).get("include_usage") is True:
        yield Frame({**envelope, "choices": [], "usage": chat.usage(written.usage)})


FORM = Form(read=read, whole=whole, frames=frames, refuse=refusals.openai, done=b"data: [DONE]\n\n")
