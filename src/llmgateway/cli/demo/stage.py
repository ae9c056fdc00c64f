"""The order of the demo: start, send, read the log, show, serve, and clear everything away, however it ends."""

import asyncio
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import tomlkit
import typer
from rich.console import Console

from llmgateway.cli.demo import evidence, screen, setting, traffic
from llmgateway.cli.demo.children import START_S, Child, ChildDiedError
from llmgateway.cli.demo.traffic import Outcome
from llmgateway.config.minting import DEMO_KEY, hash_of
from llmgateway.wire.jsoncodec import decode, encode_pretty

T = TypeVar("T")
PREFIX: Final = "lgw-demo-"  # short: the folder stands in the commands that are printed
_WIDEST: Final = 80
_INTERRUPTED: Final = 130
# What the two models are like: the second is quicker and says less.
_CHARACTERS: Final = (
    ("--latency", "0.03", "--rate", "500", "--knob", "jitter=0.6"),
    ("--latency", "0.015", "--rate", "900", "--knob", "jitter=0.6", "--knob", "verbosity=0.6"),
)


@dataclass(frozen=True, slots=True)
class Play:
    """What was asked for."""

    once: bool
    as_json: bool
    requests: int
    config: Path | None


class EndedError(Exception):
    """Somebody pressed Ctrl-C, or asked the demo to stop."""


def perform(play: Play) -> int:
    """Run the demo; returns the exit code."""
    plain = play.as_json or not sys.stdout.isatty()
    console = Console(stderr=play.as_json, highlight=False, width=_WIDEST if plain else None)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            return asyncio.run(_Stage(play, console, Path(folder)).run())
    except ChildDiedError as died:
        typer.echo(f"error: {died}", err=True)
        return 1


@dataclass(slots=True)
class _Stage:
    play: Play
    console: Console
    folder: Path
    children: list[Child] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        has_reported = False
        with _signals(self.over):
            async with AsyncExitStack() as stack:
                try:
                    is_sound = await self._show(stack)
                    has_reported = True
                    if not self.play.once:
                        await self._watched(asyncio.Event().wait())
                except EndedError:
                    return 0 if has_reported else _INTERRUPTED
        return 0 if is_sound else 1

    async def _show(self, stack: AsyncExitStack) -> bool:
        """Tells whether everything went as it should."""
        with self.console.status("starting two pretend models and the gateway"):
            where = await self._watched(self._start(stack))
        if not self.play.as_json:
            self.console.print(screen.welcome())
        start = time.perf_counter()
        outcomes = await self._watched(self._send(where))
        seconds = time.perf_counter() - start
        with self.console.status("reading the log"):
            logged = await self._watched(evidence.read_log(where.store, len(outcomes)))
        summary = evidence.summarize(outcomes, logged, where, seconds)
        if self.play.as_json:
            typer.echo(encode_pretty(evidence.as_json(summary, where, logged.sample)).decode())
            return summary.is_sound
        self.console.print(screen.report(summary, logged, where))
        screen.show_next(self.console, where, DEMO_KEY, stays=not self.play.once)
        return summary.is_sound

    async def _start(self, stack: AsyncExitStack) -> setting.Setting:
        document = tomlkit.parse((self.play.config or setting.example()).read_text())
        names = list(document["backends"])
        ports = {}
        for name, character in zip(names, _CHARACTERS, strict=False):
            wanted = setting.free_port(setting.default_port(document, name))
            ports[name] = await self._start_model(stack, name, wanted, character)
        where = setting.prepare(document, self.folder, ports, hash_of(DEMO_KEY))
        gateway = await self._child(stack, "llmgateway serve", ["serve", "--config", str(where.config)], _secrets())
        gateway.keep_output()
        await self._watched(_ready(where, gateway))  # watched again: the gateway is one of the children by now
        return where

    async def _start_model(self, stack: AsyncExitStack, name: str, port: int, character: tuple[str, ...]) -> int:
        arguments = ["model-server", "--port", str(port), "--json", "--until-eof", *character]
        child = await self._child(stack, f"model server {name}", arguments, {})
        return int(decode(await child.first_line())["port"])

    async def _child(self, stack: AsyncExitStack, name: str, arguments: list[str], environ: dict[str, str]) -> Child:
        child = await Child.start(name, arguments, environ)
        stack.push_async_callback(child.stop)
        self.children.append(child)
        return child

    async def _send(self, where: setting.Setting) -> list[Outcome]:
        requests = traffic.plan(self.play.requests)
        with screen.progress(self.console) as bar:
            task = bar.add_task("sending real requests", total=len(requests))
            return await traffic.send(requests, where.url, DEMO_KEY, where.route, lambda _: bar.advance(task))

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
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
