"""What shadows cost those who are waited for: `python -m bench.shadow [--quick] [--json]`.

Two gateways with one worker each: one copies nothing, the other has a route for every kind of shadow, each copying all
of it: well, dead, slow, hostile. Both get the same load in the same seconds, so that what else the machine does falls
on both, and the ratio of their 99th percentiles is what counts. The first row has no shadow on either side: it tells
how far two equals differ here. Exit status 0: no error, and each median ratio within the target.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep
from typing import Any, Final
from urllib.request import urlopen

import uvloop
from rich.console import Console

from bench import payload
from bench.load import Load, Spec
from bench.ports import free_port
from bench.process import Process, python
from bench.spread import Spread
from bench.table import Table
from llmgateway.config.minting import hash_of, mint_key

Report = dict[str, Any]

TARGET: Final = 1.05
NONE: Final = "r-no-shad"  # names as long as the one that the load generator writes
ROUTES: Final = {
    NONE: ("none", None),
    "r-healthy": ("well", "model"),
    "r-is-dead": ("dead: nobody listens", "dead"),
    "r-is-slow": ("slow: 10 s", "slow"),
    "r-resets0": ("hostile: RST", "rst"),
    "r-garbage": ("hostile: garbage", "garbage"),
    "r-endless": ("hostile: endless stream", "endless"),
}
CALM_S: Final = {"r-endless": 8.0}  # until what was begun is over
_SAMPLE: Final = re.compile(r"^llmgateway_shadow_(requests|left_out)_total\{(.*)\} (\S+)$", re.MULTILINE)

_CONFIG: Final = """
[server]
listen = "127.0.0.1:0"
workers = 1
[admin]
listen = "127.0.0.1:0"
[data]
dir = "{folder}/data"
{backends}
{routes}
[keys.bench]
hash = "{hash}"
"""
_BACKEND: Final = """
[backends.{name}]
provider = "openai"
base_url = "http://127.0.0.1:{port}/v1"
"""
_ROUTE: Final = """
[routes.{route}.versions.v1]
backends = ["model"]
weight = 1
"""
_SHADOW: Final = """
[routes.{route}.versions.v2]
backends = ["{backend}"]
weight = 0
[routes.{route}.shadow]
version = "v2"
share = 1
max_concurrent = {concurrent}
max_per_minute = 1_000_000
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a run. `rate` is requests a second to each gateway. Only concurrency bounds the copies, no budget does."""

    rounds: int = 7
    seconds: float = 8.0
    rate: float = 100.0
    concurrent: int = 16


QUICK: Final = Settings(rounds=3, seconds=3.0)


@dataclass(frozen=True, slots=True)
class RouteSpec(Spec):
    """A load on one route."""

    route: str = payload.ROUTE

    def request(self, number: int) -> bytes:
        return Spec.request(self, number).replace(f'"{payload.ROUTE}"'.encode(), f'"{self.route}"'.encode())


@dataclass(frozen=True, slots=True)
class Running:
    """One of the two gateways."""

    port: int
    admin_url: str


class Stage:
    """The backends and both gateways, for one run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-shadow-"))
        self._key = mint_key()
        self.plain: Running
        self.shadowed: Running

    def __enter__(self) -> "Stage":
        try:
            ports = {"dead": free_port()}
            for kinds in (["model"], ["slow", "rst", "garbage"], ["endless"]):  # whoever pours is alone with that
                ports |= self._stack.enter_context(python("bench.shadow_backends", *kinds)).line()
            self.plain = self._gateway("plain", ports, {})
            self.shadowed = self._gateway("shadowed", ports, {name: kind for name, (_, kind) in ROUTES.items() if kind})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _gateway(self, name: str, ports: Mapping[str, int], shadows: Mapping[str, str]) -> Running:
        folder = self.folder / name
        folder.mkdir()
        concurrent = self._settings.concurrent
        backends = [_BACKEND.format(name=kind, port=port) for kind, port in ports.items()]
        routes = [_ROUTE.format(route=route) for route in ROUTES]
        routes += [_SHADOW.format(route=each, backend=kind, concurrent=concurrent) for each, kind in shadows.items()]
        values = {"backends": "".join(backends), "routes": "".join(routes), "hash": hash_of(self._key)}
        config = folder / "config.toml"
        config.write_text(_CONFIG.format(folder=folder, **values))
        process = Process([sys.executable, "-m", "llmgateway", "serve", "--json", "--config", str(config)])
        facts = self._stack.enter_context(process).line()
        return Running(int(facts["url"].rpartition(":")[2]), facts["admin_url"])

    def load(self, route: str, seconds: float) -> tuple[Report, Report]:
        """Put the same load on a route of both gateways at once; the reports of the plain and the shadowed one."""
        headers = {"authorization": f"Bearer {self._key}"}
        spec = RouteSpec(port=0, seconds=seconds, rate=self._settings.rate, headers=headers, route=route)
        with ExitStack() as stack:
            generators = [
                stack.enter_context(python("bench.shadow", "--load", replace(spec, port=gateway.port).text()))
                for gateway in (self.plain, self.shadowed)
            ]
            plain, shadowed = (each.line(timeout=seconds + 120) for each in generators)
        sleep(CALM_S.get(route, 0.2))
        return plain, shadowed

    def copies(self) -> dict[str, dict[str, int]]:
        """Route → `requests` and `left_out`, from the metrics."""
        sleep(2.0)  # they are a second behind, and are kept for another
        with urlopen(f"{self.shadowed.admin_url}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        counts: dict[str, dict[str, int]] = {route: {"requests": 0, "left_out": 0} for route in ROUTES}
        for family, labels, number in _SAMPLE.findall(text):
            route = re.search(r'route="([^"]*)"', labels)
            if route is not None and route[1] in counts:
                counts[route[1]][family] += int(float(number))
        return counts


def measured(settings: Settings, say: Console) -> dict[str, Any]:
    """Run the rounds; figures by route."""
    reports: dict[str, list[tuple[Report, Report]]] = {route: [] for route in ROUTES}
    with Stage(settings) as stage:
        stage.load(NONE, 2.0)  # warm
        with say.status("") as status:
            for number, route in _turns(settings.rounds):
                status.update(f"round {number + 1} of {settings.rounds}: {ROUTES[route][0]}")
                reports[route].append(stage.load(route, settings.seconds))
        copies = stage.copies()
    return {route: _figures(reports[route]) | copies[route] for route in ROUTES}


def _turns(rounds: int) -> Iterator[tuple[int, str]]:
    """Each route once a round, every other round the other way about."""
    for number in range(rounds):
        order = list(ROUTES) if number % 2 == 0 else list(reversed(ROUTES))
        yield from ((number, route) for route in order)


def _figures(reports: list[tuple[Report, Report]]) -> dict[str, Any]:
    plain, own = [each for each, _ in reports], [each for _, each in reports]
    return {
        "answered": sum(each["done"] for each in own),
        "errors": sum(each["errors"] for each in own),
        "complaints": [complaint for each in own for complaint in each["complaints"]][:3],
        "p50": [each["latency"]["p50"] for each in own],
        "p99": [each["latency"]["p99"] for each in own],
        "plain_p99": [each["latency"]["p99"] for each in plain],
        "ratio": [b["latency"]["p99"] / a["latency"]["p99"] for a, b in reports],
    }


def holds(figures: Mapping[str, Any]) -> bool:
    """Whether the target is met on every route."""
    return all(not each["errors"] and Spread.of(each["ratio"]).median <= TARGET for each in figures.values())


def table(figures: Mapping[str, Any], settings: Settings) -> Table:
    """The figures, for people."""
    rows = [
        [
            ROUTES[route][0],
            Spread.of(each["p50"]).text(1, 1000),
            Spread.of(each["p99"]).text(1, 1000),
            Spread.of(each["plain_p99"]).text(1, 1000),
            Spread.of(each["ratio"]).text(3),
            str(each["errors"]),
            f"{each['answered']:,}",
            f"{each['requests']:,}",
            f"{each['left_out']:,}",
        ]
        for route, each in figures.items()
    ]
    return Table(
        f"Shadows at 100 %: the primary's latency in ms, {settings.rate:g} requests a second, a model of 50 ms",
        ["shadow", "p50", "p99", "p99 without", "ratio", "errors", "answers", "copies", "left out"],
        rows,
        [f"target: 0 errors, the median of the ratios at most {TARGET:g}"],
    )


async def _loaded(spec: RouteSpec) -> dict[str, Any]:
    return await Load(spec).run()


def main() -> int:
    """Run what the command line asks for; 1 if the target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow", description="Measure what shadows cost primaries.")
    parser.add_argument("--quick", action="store_true", help="short rounds: a first look")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the table goes to stderr")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        print(json.dumps(uvloop.run(_loaded(RouteSpec(**json.loads(asked.load))))), flush=True)
        return 0
    console = Console(stderr=asked.json, highlight=False)
    if not console.is_terminal:
        console.width = 140
    settings = QUICK if asked.quick else Settings()
    figures = measured(settings, console)
    table(figures, settings).show(console)
    if asked.json:
        print(json.dumps(figures))
    return 0 if holds(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
