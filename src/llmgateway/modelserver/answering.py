"""The one way a request becomes a reply: read it, turn the knobs, have the trouble, write the answer, deliver it."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from llmgateway.modelserver import compose, delivery, refusals
from llmgateway.modelserver.delivery import Manner
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import ApiError, Form, Written
from llmgateway.modelserver.service import Service
from llmgateway.wire.jsoncodec import JsonError, decode, encode

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been read. `fault` is what is to go wrong with the reply, or empty."""

    request: web.Request
    body: dict[str, Any]
    knobs: Knobs
    digest: str
    fault: str

    def manner(self, tokens: int = 0, count: Callable[[], None] = lambda: None, error: Any = None) -> Manner:
        """Say how to deliver the reply."""
        names = {"x-request-id": f"req_{self.digest}", "request-id": f"req_{self.digest}"}
        return Manner(
            knobs=self.knobs,
            fault=self.fault,
            seed=self.digest,
            headers=names,
            tokens=tokens,
            error=error,
            count=count,
        )


def parse(raw: bytes) -> dict[str, Any]:
    """Read a body that must be a JSON object."""
    try:
        body = decode(raw)
    except JsonError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return body


async def take(service: Service, request: web.Request) -> dict[str, Any]:
    """Read and remember a request with a JSON body, once it has shown the key."""
    raw = await request.read()
    service.record(request.method, request.path_qs, list(request.headers.items()), raw)
    return parse(raw)


async def begin(service: Service, request: web.Request, body: dict[str, Any], digest: str, knobs: Knobs) -> Call:
    """Wait as long as the knobs say, then raise the error they ask for, or settle which fault is to come."""
    fails, fault = service.trouble(knobs, digest)
    await asyncio.sleep(delivery.jittered(knobs.latency, knobs, digest))
    if fails:
        raise MockError(knobs)
    return Call(request, body, knobs, digest, fault)


class MockError(ApiError):
    """The error that was asked for; `retry_after` is for its header."""

    def __init__(self, knobs: Knobs) -> None:
        super().__init__(knobs.error, f"This error was asked for ({knobs.error}).", code="mock_error")
        self.retry_after = knobs.retry_after


async def generate(service: Service, request: web.Request, form: Form) -> web.StreamResponse:
    """Answer a request for text, whole or streamed."""
    body = await take(service, request)
    knobs = service.turn(request.headers, body)
    service.check_model(body)
    prompt = form.read(body)
    digest = compose.digest(prompt, knobs.seed)
    call = await begin(service, request, body, digest, knobs)
    if (other := await delivery.instead(request, call.fault)) is not None:
        return other
    answers = compose.compose(prompt, knobs, digest)
    usage = compose.count_usage(prompt, answers, knobs)
    written = Written(prompt=prompt, body=body, answers=answers, usage=usage, digest=digest)
    return await _deliver(service, call, form, written)


async def _deliver(service: Service, call: Call, form: Form, written: Written) -> web.StreamResponse:
    error = form.refuse(ApiError(500, "The model broke down in the middle of its answer.", code="mock_error"))
    length = (written.usage.output_tokens or 0) - (written.usage.reasoning_tokens or 0)

    def count_one() -> None:
        service.tallies.tokens += 1

    manner = call.manner(length, count_one, error)
    reply = form.whole(written)
    if reply.get("object") == "response":
        service.responses.put(reply["id"], reply, len(str(reply)))
    if written.body.get("stream") is True:
        return await delivery.stream(call.request, form.frames(written), form.done, manner)
    service.tallies.tokens += length
    if call.fault == "no-usage":
        delivery.strip_usage(reply)
    return await delivery.whole(call.request, encode(reply), _JSON, manner)


Maker = Callable[[Mapping[str, Any]], dict[str, Any] | tuple[bytes, str]]


async def make(service: Service, request: web.Request, maker: Maker, model: str | None = None) -> web.StreamResponse:
    """Answer a request whose reply is a plain function of its body. `model` stands in where the body names none."""
    body = await take(service, request)
    knobs = service.turn(request.headers, body)
    if model is not None:
        body.setdefault("model", model)
    service.check_model(body)
    made = await asyncio.to_thread(maker, body)  # thousands of embeddings take a while
    return await finish(service, request, body, knobs, made)


async def finish(
    service: Service, request: web.Request, body: dict[str, Any], knobs: Knobs, made: dict[str, Any] | tuple[bytes, str]
) -> web.StreamResponse:
    """Deliver what was made, with the knobs' trouble."""
    content, content_type = (encode(made), _JSON) if isinstance(made, dict) else made
    call = await begin(service, request, body, hashlib.blake2b(content, digest_size=16).hexdigest(), knobs)
    if (other := await delivery.instead(request, call.fault)) is not None:
        return other
    error = refusals.openai(ApiError(500, "The model broke down.", code="mock_error"))
    return await delivery.whole(request, content, content_type, call.manner(error=error))
