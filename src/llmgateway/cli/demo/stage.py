"""Where shows play: models and the gateway as processes, watched, and cleared away however the show ends."""

import asyncio
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import typer

from llmgateway.cli.demo import setting
from llmgateway.cli.demo.children import START_S, Child, ChildDiedError
from llmgateway.config.minting import DEMO_KEY, hash_of
from llmgateway.wire.jsoncodec import decode

T = TypeVar("T")
PREFIX: Final = "lgw-demo-"  # short: the folder stands in the commands that are printed
TRIES: Final = 3  # at finding two ports for the gateway that nobody else takes meanwhile
_TAKEN: Final = "is in use"  # what `serve` says of a port
_INTERRUPTED: Final = 130
# How the pretend models are: those that come later are quicker and say less.
QUIET: Final = ("--latency", "0.03", "--rate", "500", "--knob", "jitter=0.6")
BRISK: Final = ("--latency", "0.015", "--rate", "900", "--knob", "jitter=0.6", "--knob", "verbosity=0.6")


class EndedError(Exception):
    """Somebody pressed Ctrl-C, or asked the demo to stop."""


class StuckError(Exception):
    """The show can't go on; the message says why."""


Show = Callable[["Stage"], Awaitable[bool]]
"""What is played; tells whether everything went as it should."""


def perform(show: Show, *, once: bool) -> int:
    """Play a show and, unless `once`, serve on until somebody ends it; returns the exit code."""
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            return asyncio.run(_perform(show, Path(folder), once=once))
    except (ChildDiedError, StuckError) as failed:
        typer.echo(f"error: {failed}", err=True)
        return 1


async def _perform(show: Show, folder: Path, *, once: bool) -> int:
    has_ended = False
    async with AsyncExitStack() as stack:
        stage = Stage(folder, stack)
        stack.enter_context(_signals(stage.over))
        try:
            is_sound = await show(stage)
            has_ended = True
            if not once:
                await stage.watched(asyncio.Event().wait())
        except EndedError:
            return 0 if has_ended else _INTERRUPTED
    return 0 if is_sound else 1


@dataclass(slots=True)
class Stage:
    """The folder of one show, its processes, and its end. What `stack` holds is undone when it is over."""

    folder: Path
    stack: AsyncExitStack
    children: list[Child] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, document: Any, characters: Mapping[str, tuple[str, ...]]) -> setting.Setting:
        """Start a pretend model for each backend that has a character, then the gateway; both answer afterwards."""
        models = {name: await self._model(document, name, each) for name, each in characters.items()}
        ports = {name: await self._port(name, model, characters[name]) for name, model in models.items()}
        where, gateway = await self._gateway(document, ports)
        await self.watched(_ready(where, gateway))  # watched again: the gateway is one of the children by now
        return where

    async def _gateway(self, document: Any, ports: dict[str, int]) -> tuple[setting.Setting, Child]:
        """Start the gateway. Another program may be quicker to take a port that was free: then there are others."""
        for left in reversed(range(TRIES)):
            where = setting.prepare(document, self.folder, ports, hash_of(DEMO_KEY))
            arguments = ["serve", "--json", "--config", str(where.config)]
            gateway = await self._child("llmgateway serve", arguments, _secrets())
            try:
                await self.watched(gateway.first_line())
            except ChildDiedError as died:
                if not left or _TAKEN not in str(died):
                    raise
                self.children.remove(gateway)
                continue
            return where, gateway
        raise AssertionError("the last try returns or raises")

    async def _model(self, document: Any, name: str, character: tuple[str, ...], port: int | None = None) -> Child:
        wanted = setting.free_port(setting.default_port(document, name)) if port is None else port
        arguments = ["model-server", "--port", str(wanted), "--json", "--until-eof", *character]
        return await self._child(f"model server {name}", arguments, {})

    async def _port(self, name: str, model: Child, character: tuple[str, ...]) -> int:
        """Where it listens: if the port that was free is another's by now, where the system has it listen."""
        try:
            line = await model.first_line()
        except ChildDiedError:
            self.children.remove(model)
            line = await (await self._model(None, name, character, port=0)).first_line()
        return int(decode(line)["port"])

    async def _child(self, name: str, arguments: list[str], environ: dict[str, str]) -> Child:
        child = await Child.start(name, arguments, environ)
        self.stack.push_async_callback(child.stop)
        self.children.append(child)
        return child

    async def watched(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work; raises EndedError when the demo is to stop, ChildDiedError when a child is gone."""
        doing = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self.over.wait())
        deaths = [asyncio.ensure_future(child.died()) for child in self.children]
        try:
            await asyncio.wait([doing, ending, *deaths], return_when=asyncio.FIRST_COMPLETED)
            for death in deaths:
                if death.done():
                    death.result()
            if not doing.done():
                raise EndedError
            return doing.result()
        finally:
            for task in (doing, ending, *deaths):
                task.cancel()
            await asyncio.gather(doing, ending, *deaths, return_exceptions=True)


@contextmanager
def _signals(over: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, over.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _secrets() -> dict[str, str]:
    """Values for the variables that the example may name."""
    token = secrets.token_urlsafe(24)
    wanted = {"LLMGATEWAY_ADMIN_TOKEN": token, "ONE_API_KEY": "not-needed"}
    return {name: value for name, value in wanted.items() if name not in os.environ}


async def _ready(where: setting.Setting, gateway: Child) -> None:
    """Wait until both listeners say they are ready; raises ChildDiedError when that takes too long."""
    until = time.monotonic() + START_S
    limit = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=limit) as session:
        for url in (where.url, where.admin_url):
            while not await _says_ready(session, f"{url}/readyz"):
                if time.monotonic() > until:
                    words = await gateway.last_words()
                    raise ChildDiedError(f"{gateway.name} was not ready within {START_S:.0f} s ({url}/readyz){words}")
                await asyncio.sleep(0.05)


async def _says_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as reply:
            return reply.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
