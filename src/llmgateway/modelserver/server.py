"""The model server itself: its table of endpoints, how it starts and stops. Tests start it in their own loop."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from llmgateway.modelserver import (
    answering,
    catalogue,
    chat,
    completions,
    media,
    messages,
    realtime,
    refusals,
    responses,
    uploads,
    vectors,
)
from llmgateway.modelserver.prompt import ApiError
from llmgateway.modelserver.service import MOST_BODY_BYTES, Service, Settings

Endpoint = Callable[[Service, web.Request], Awaitable[web.StreamResponse]]
_OPEN_PATHS: Final = frozenset({"/health", "/mock/requests"})
_GRACE_S: Final = 0.2


async def _models(service: Service, request: web.Request) -> web.StreamResponse:
    for_anthropic = catalogue.is_anthropic(request.path, dict(request.headers))
    names = service.settings.models
    if name := request.match_info.get("name"):
        return web.json_response(catalogue.model(names, name, for_anthropic=for_anthropic))
    return web.json_response(catalogue.models(names, for_anthropic=for_anthropic))


async def _count_tokens(service: Service, request: web.Request) -> web.StreamResponse:
    return await answering.make(service, request, messages.count)


async def _response(service: Service, request: web.Request) -> web.StreamResponse:
    name = request.match_info["id"]
    is_deletion = request.method == "DELETE"
    found = service.responses.take(name) if is_deletion else service.responses.get(name)
    if found is None:
        raise ApiError(404, "There is no such response.", param="response_id")
    if is_deletion:
        return web.json_response({"id": name, "object": "response", "deleted": True})
    return web.json_response(found)


async def _health(service: Service, _request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok", **asdict(service.tallies)})


async def _recorded(service: Service, _request: web.Request) -> web.StreamResponse:
    return web.json_response(list(service.recorded))


async def _knobs(service: Service, request: web.Request) -> web.StreamResponse:
    """Have the model behave otherwise from now on: an object of knobs by name. Those it leaves out stay."""
    return web.json_response(service.turn_all(answering.parse(await request.read())))


async def _echo(service: Service, request: web.Request) -> web.StreamResponse:
    """Show a request as it came in, for any method: what passes through a gateway unaltered can be seen here."""
    raw = await request.read()
    echo = Service(Settings(record=1))
    echo.record(request.method, request.path_qs, list(request.headers.items()), raw)
    service.record(request.method, request.path_qs, list(request.headers.items()), raw)
    return web.json_response(echo.recorded[-1])


_TABLE: Final[tuple[tuple[str, str, Endpoint], ...]] = (
    ("POST", "/v1/chat/completions", partial(answering.generate, form=chat.FORM)),
    ("POST", "/v1/completions", partial(answering.generate, form=completions.FORM)),
    ("POST", "/v1/responses", partial(answering.generate, form=responses.FORM)),
    ("GET", "/v1/responses/{id}", _response),
    ("DELETE", "/v1/responses/{id}", _response),
    ("POST", "/v1/messages", partial(answering.generate, form=messages.FORM)),
    ("POST", "/v1/messages/count_tokens", _count_tokens),
    ("GET", "/v1/realtime", realtime.talk),
    ("POST", "/v1/embeddings", partial(answering.make, maker=vectors.embeddings)),
    ("POST", "/v1/rerank", partial(answering.make, maker=vectors.rerank)),
    ("POST", "/v1/moderations", partial(answering.make, maker=media.moderations, model="omni-moderation-latest")),
    ("POST", "/v1/images/generations", partial(answering.make, maker=media.images)),
    ("POST", "/v1/audio/speech", partial(answering.make, maker=media.speech)),
    ("POST", "/v1/audio/transcriptions", uploads.transcribe),
    ("POST", "/v1/audio/translations", uploads.transcribe),
    ("POST", "/v1/files", uploads.create),
    ("GET", "/v1/files", uploads.listing),
    ("GET", "/v1/files/{id}", uploads.show),
    ("GET", "/v1/files/{id}/content", uploads.content),
    ("DELETE", "/v1/files/{id}", uploads.delete),
    ("GET", "/v1/models", _models),
    ("GET", "/v1/models/{name:.+}", _models),
    ("GET", "/health", _health),
    ("GET", "/mock/requests", _recorded),
    ("PUT", "/mock/knobs", _knobs),
    ("*", "/v1/mock/echo{rest:.*}", _echo),
)


def application(service: Service) -> web.Application:
    """Build the application: the table, and errors in the dialect of whoever asked."""
    app = web.Application(client_max_size=MOST_BODY_BYTES, middlewares=[_guard(service)])
    for method, path, endpoint in _TABLE:
        app.router.add_route(method, path, partial(endpoint, service))
    return app


def _guard(service: Service) -> Middleware:
    tallies = service.tallies

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in _OPEN_PATHS:
            return await handler(request)
        tallies.requests += 1
        tallies.active += 1
        try:
            service.authorize(request.headers)
            return await handler(request)
        except ApiError as error:
            return _refusal(request, error)
        except web.HTTPException as error:
            return _refusal(request, ApiError(error.status, f"{error.reason}: {request.method} {request.path[:200]}"))
        except (asyncio.CancelledError, ConnectionError):  # the caller left: the generation stops here
            tallies.cancelled += 1
            raise
        finally:
            tallies.active -= 1

    return guard


def _refusal(request: web.Request, error: ApiError) -> web.Response:
    for_anthropic = catalogue.is_anthropic(request.path, dict(request.headers))
    body = refusals.anthropic(error) if for_anthropic else refusals.openai(error)
    headers = {"x-request-id": "req_refused", "request-id": "req_refused"}
    if isinstance(error, answering.MockError) and error.retry_after:
        headers["retry-after"] = f"{error.retry_after:g}"
    return web.json_response(body, status=error.status, headers=headers)


class ModelServer:
    """A model server in the running loop: `async with ModelServer(Settings()) as server: server.url`."""

    def __init__(self, settings: Settings) -> None:
        self.service = Service(settings)
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://{self.service.settings.host}:{self.port}"

    async def start(self) -> None:
        """Listen; raises OSError where the port is taken."""
        settings = self.service.settings
        runner = web.AppRunner(
            application(self.service), handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE_S
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the socket and whatever still runs."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
