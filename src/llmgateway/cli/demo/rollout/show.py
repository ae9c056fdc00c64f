"""The show: two rollouts with real processes, real callers and pretend people, and what came of them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import tomlkit
import typer
from rich.console import Console

from llmgateway.cli.demo import screen as common
from llmgateway.cli.demo import setting
from llmgateway.cli.demo.evidence import read_log
from llmgateway.cli.demo.rollout import screen
from llmgateway.cli.demo.rollout.configuration import CHARACTERS, FAULTY_BACKEND, SOUND, published, staged
from llmgateway.cli.demo.rollout.crowd import Crowd
from llmgateway.cli.demo.rollout.desk import TIMEOUT_S, Desk
from llmgateway.cli.demo.rollout.play import Play
from llmgateway.cli.demo.rollout.scenes import ENGINEER, SCENES, UNWATCHED, WATCHED, Tempo
from llmgateway.cli.demo.rollout.telling import Telling
from llmgateway.cli.demo.rollout.verdict import Closing, closing
from llmgateway.cli.demo.setting import Setting
from llmgateway.cli.demo.stage import Stage, StuckError
from llmgateway.cli.files import write_private
from llmgateway.cli.report import Form, written
from llmgateway.config.minting import DEMO_KEY
from llmgateway.domain.clock import SystemClock
from llmgateway.report.collect import report
from llmgateway.report.wanted import WantedReport
from llmgateway.store.sqlite_reader import SqliteReader
from llmgateway.wire.jsoncodec import encode_pretty

PREFIX: Final = "llmgateway-trust-report-"
BEFORE_S: Final = 10.0  # so that nothing of it lies before the report's begin
LATER_S: Final = 0.1  # between two requests when the show is over


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What was asked for. A show: call it with a stage."""

    once: bool
    as_json: bool
    report: Path | None

    async def __call__(self, stage: Stage) -> bool:
        console = self._console()
        tempo = WATCHED if console.is_terminal else UNWATCHED
        with console.status("starting three pretend models and the gateway"):
            document = staged(tomlkit.parse(setting.example().read_text()), tempo)
            where = await stage.watched(stage.start(document, CHARACTERS))
        console.print(common.welcome(*screen.WELCOME))
        found = await stage.watched(_play(where, Telling(console), tempo))
        report = await stage.watched(_reported(where, found, self.report))
        if self.as_json:
            typer.echo(encode_pretty({**found.shown(), "report": str(report)}).decode())
        else:
            console.print(screen.closing(found))
            screen.show_report(console, report)
            common.show_next(console, where, DEMO_KEY, screen.commands(where), stays=not self.once)
        if not self.once:
            crowd = Crowd(where.url, DEMO_KEY, where.route, every_s=LATER_S, salt="later-")
            await stage.stack.enter_async_context(_asking(crowd))
        return found.is_sound

    def _console(self) -> Console:
        """Where the story is told: not among a program's JSON."""
        console = common.console(is_plain=self.as_json)
        console.quiet = self.as_json and not console.is_terminal
        return console


async def _play(where: Setting, telling: Telling, tempo: Tempo) -> Closing:
    crowd = Crowd(where.url, DEMO_KEY, where.route)
    limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=limit) as session:
        desk = Desk(session, where.admin_url, where.route)
        play = Play(desk, telling, crowd.seen, where.servers[FAULTY_BACKEND], tempo)
        async with _asking(crowd):
            good = await play.scene(SCENES[0])
            if good.state != SCENES[0].ends:
                raise StuckError(f"the first rollout is {good.state} after {good.seconds:.0f} s, not {SCENES[0].ends}")
            telling.say(f"{ENGINEER} publishes {SCENES[1].candidate} beside it, with no traffic")
            await desk.publish(published(where.config.read_text()), ENGINEER, "a newer model")
            bad = await play.scene(SCENES[1])
        await desk.turn(where.servers[FAULTY_BACKEND], SOUND)
    logged = await read_log(where.store, crowd.seen.asked)
    return closing((good, bad), logged.rows, crowd.seen, telling.seconds)


async def _reported(where: Setting, found: Closing, file: Path | None) -> Path:
    """Write the trust report on the time of the demo; it stays when the demo is over."""
    now = SystemClock.time()
    reader = SqliteReader(where.store)
    try:
        made = await report(reader, WantedReport(now - found.seconds - BEFORE_S, now, now))
    finally:
        await reader.close()
    try:
        place = file or Path(tempfile.mkstemp(prefix=PREFIX, suffix=".html")[1])
        write_private(place, written(made, Form.HTML, "en"))
    except OSError as error:
        raise StuckError(f"the trust report could not be written: {error}") from None
    return place


@asynccontextmanager
async def _asking(crowd: Crowd) -> AsyncIterator[None]:
    """Callers ask meanwhile; afterwards all have been answered, but where something went wrong."""
    asking = asyncio.ensure_future(crowd.run())
    try:
        yield
        crowd.is_over = True
        await asking
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
