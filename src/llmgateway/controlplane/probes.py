"""Control asks backends by itself whether they are well, where the configuration says so. Never on a request's path.

A probe goes to the backend's own URL with its own credential, follows no redirect, reads a bounded answer, and has one
deadline for all of it. What its outcome means is decided in `backends`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlunsplit

import aiohttp

from llmgateway.config.snapshot import Backend, ProbeKind
from llmgateway.controlplane.backends import Backends
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.tls import client_context
from llmgateway.ports.provider import Provider

MAX_ANSWER_BYTES: Final = 64 * 1024
LOOK_S: Final = 0.1  # how often it is seen who is due
AT_ONCE: Final = 20  # probes under way

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: dict[str, Any] | None = None


def question(backend: Backend, provider: Provider) -> Question:
    """Write the probe of a backend."""
    kind, url = backend.health.probe, backend.url
    headers = {name.decode(): value.decode() for name, value in provider.defaults()}
    headers |= dict(backend.headers)
    if backend.api_key is not None:
        headers |= {name.decode(): value.decode() for name, value in provider.credential(backend.api_key.reveal())}

    def at(path: str) -> str:
        return urlunsplit((url.scheme, url.netloc, path, "", ""))

    base = url.path.rstrip("/")
    if kind is ProbeKind.HEALTH:
        return Question("GET", at(str(PurePosixPath(base or "/x").with_name("health"))), headers)
    if kind is ProbeKind.MODELS:
        return Question("GET", at(provider.target(base, "/v1/models")), headers)
    path = "/v1/messages" if provider.dialect == "anthropic" else "/v1/chat/completions"
    body = {
        "model": backend.health.probe_model,
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    return Question("POST", at(provider.target(base, path)), headers, body)


def _is_wanted(backend: Backend) -> bool:
    return backend.health.probe is not ProbeKind.NONE and not backend.is_drained


def judge(status: int) -> bool:
    """Whether that status says that the backend works; one at its rate limit does."""
    return 200 <= status < 300 or status == 429


class Probes:
    """Asks each backend that wants it in its interval. `run` until cancelled; `configure` after a reload."""

    def __init__(
        self, backends: Backends, share: Callable[[], None], provider: Callable[[str], Provider], clock: Clock
    ) -> None:
        self._backends = backends
        self._share = share
        self._provider = provider
        self._clock = clock
        self._due: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def configure(self) -> None:
        """Forget whose turn it is: everyone who is to be probed is probed soon."""
        self._due.clear()
        self._wake.set()

    async def run(self) -> None:
        """Probe until cancelled. Sleeps while nobody is to be probed."""
        try:
            while True:
                self._wake.clear()
                wanted = [entry.backend for entry in self._backends if _is_wanted(entry.backend)]
                for backend in wanted:
                    self._consider(backend)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S if wanted else None):
                        await self._wake.wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _consider(self, backend: Backend) -> None:
        now = self._clock.monotonic()
        if now < self._due.get(backend.name, 0.0) or backend.name in self._running or len(self._running) >= AT_ONCE:
            return
        self._due[backend.name] = now + backend.health.probe_interval_s
        task = asyncio.get_running_loop().create_task(self._probe(backend), name=f"probe {backend.name}")
        self._running[backend.name] = task
        task.add_done_callback(lambda _: self._running.pop(backend.name, None))

    async def _probe(self, backend: Backend) -> None:
        try:
            async with asyncio.timeout(backend.health.probe_timeout_s):
                status = await ask(backend, question(backend, self._provider(backend.provider)))
            is_ok, detail = judge(status), f"status {status}"
        except TimeoutError:
            is_ok, detail = False, "no answer in time"
        except GatewayError as error:
            is_ok, detail = False, error.message
        except (aiohttp.ClientError, OSError, ValueError) as error:
            is_ok, detail = False, type(error).__name__  # its text may quote an address, a header or a credential
        except Exception:
            log.exception("the probe of backend %s failed", backend.name)
            is_ok, detail = False, "the probe itself failed"
        self._backends.probed(backend.name, detail, self._clock.monotonic(), is_ok=is_ok)
        self._share()


async def ask(backend: Backend, question: Question) -> int:
    """Send it, read the answer to its end or to the bound; the status. Raises what aiohttp and TLS raise."""
    context: Any = True
    if backend.url.scheme == "https":
        context = await asyncio.to_thread(client_context, backend.ca_file)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False) as session,
        session.request(
            question.method,
            question.url,
            headers={**question.headers, "accept-encoding": "identity"},
            json=question.body,
            allow_redirects=False,
            ssl=context,
            proxy=backend.proxy,
            max_line_size=32 * 1024,
            max_field_size=32 * 1024,
        ) as reply,
    ):
        left = MAX_ANSWER_BYTES
        while left > 0 and (piece := await reply.content.read(left)):
            left -= len(piece)
        return reply.status
