"""The first show, `llmgateway demo`: send a mix of requests, read the log, and show what it says."""

import time
from dataclasses import dataclass
from pathlib import Path

import tomlkit
import typer
from rich.console import Console

from llmgateway.cli.demo import evidence, screen, setting, traffic
from llmgateway.cli.demo.stage import BRISK, QUIET, Stage
from llmgateway.cli.demo.traffic import Outcome
from llmgateway.config.minting import DEMO_KEY
from llmgateway.wire.jsoncodec import encode_pretty


@dataclass(frozen=True, slots=True)
class Tour:
    """What was asked for. A show: call it with a stage."""

    once: bool
    as_json: bool
    requests: int
    config: Path | None

    async def __call__(self, stage: Stage) -> bool:
        console = screen.console(is_plain=self.as_json)
        with console.status("starting two pretend models and the gateway"):
            document = tomlkit.parse((self.config or setting.example()).read_text())
            characters = dict(zip(document["backends"], (QUIET, BRISK), strict=False))
            where = await stage.watched(stage.start(document, characters))
        if not self.as_json:
            console.print(screen.welcome())
        start = time.perf_counter()
        outcomes = await stage.watched(self._send(console, where))
        seconds = time.perf_counter() - start
        with console.status("reading the log"):
            logged = await stage.watched(evidence.read_log(where.store, len(outcomes)))
        summary = evidence.summarize(outcomes, logged, where, seconds)
        if self.as_json:
            typer.echo(encode_pretty(evidence.as_json(summary, where, logged.sample)).decode())
            return summary.is_sound
        console.print(screen.report(summary, logged, where))
        commands = screen.first_commands(where, DEMO_KEY)
        screen.show_next(console, where, DEMO_KEY, commands, stays=not self.once)
        return summary.is_sound

    async def _send(self, console: Console, where: setting.Setting) -> list[Outcome]:
        requests = traffic.plan(self.requests)
        with screen.progress(console) as bar:
            task = bar.add_task("sending real requests", total=len(requests))
            return await traffic.send(requests, where.url, DEMO_KEY, where.route, lambda _: bar.advance(task))
