"""What shadows cost those who are waited for: `python -m bench.shadow [--quick] [--json]`.

One gateway with one worker has a route without a shadow and, beside it, the same route with shadows of every kind, each
copying everything: well, dead, slow, hostile. Rounds take turns, so that what else the machine does falls on all of
them; a round's 99th percentile is held against that of the route without a shadow in the same round.
Exit status 0: no error, and each median ratio within the target.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any, Final
from urllib.request import urlopen

import uvloop
from rich.console import Console

from bench import payload
from bench.contenders.base import free_port
from bench.load import Load, Spec
from bench.process import Process, python
from bench.spread import Spread
from bench.table import Table
from llmgateway.config.minting import hash_of, mint_key

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
    """Of a run. `rate` is requests a second; copies have no budget to speak of, so only concurrency bounds them."""

    rounds: int = 7
    seconds: float = 8.0
    rate: float = 200.0
    concurrent: int = 16


QUICK: Final = Settings(rounds=3, seconds=3.0)


@dataclass(frozen=True, slots=True)
class RouteSpec(Spec):
    """A load on one route."""

    route: str = payload.ROUTE

    def request(self, number: int) -> bytes:
        return Spec.request(self, number).replace(f'"{payload.ROUTE}"'.encode(), f'"{self.route}"'.encode())


class Stage:
    """The backends and the gateway, for one run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-shadow-"))
        self.headers: dict[str, str] = {}
        self.port = 0
        self._admin = ""

    def __enter__(self) -> "Stage":
        try:
            ports = {"dead": free_port()}
            for kinds in (["model"], ["slow", "rst", "garbage"], ["endless"]):  # whoever pours is alone with that
                ports |= self._stack.enter_context(python("bench.shadow_backends", *kinds)).line()
            facts = self._stack.enter_context(self._gateway(ports)).line()
        except BaseException:
            self.__exit__()
            raise
        self.port = int(facts["url"].rpartition(":")[2])
        self._admin = facts["admin_url"]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _gateway(self, ports: Mapping[str, int]) -> Process:
        key = mint_key()
        self.headers = {"authorization": f"Bearer {key}"}
        routes = [_ROUTE.format(route=route) for route in ROUTES]
        routes += [
            _SHADOW.format(route=route, backend=backend, concurrent=self._settings.concurrent)
            for route, (_, backend) in ROUTES.items()
            if backend is not None
        ]
        backends = [_BACKEND.format(name=name, port=port) for name, port in ports.items()]
        config = self.folder / "config.toml"
        config.write_text(
            _CONFIG.format(folder=self.folder, backends="".join(backends), routes="".join(routes), hash=hash_of(key))
        )
        return Process([sys.executable, "-m", "llmgateway", "serve", "--json", "--config", str(config)])

    def load(self, route: str, seconds: float) -> dict[str, Any]:
        """Put the load on a route; the generator's report."""
        spec = RouteSpec(port=self.port, seconds=seconds, rate=self._settings.rate, headers=self.headers, route=route)
        with python("bench.shadow", "--load", spec.text()) as generator:
            report = generator.line(timeout=seconds + 120)
        sleep(CALM_S.get(route, 0.2))
        return report

    def copies(self) -> dict[str, dict[str, int]]:
        """Route → `requests` and `left_out`, from the metrics."""
        sleep(2.0)  # they are a second behind, and are kept for another
        with urlopen(f"{self._admin}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        counts: dict[str, dict[str, int]] = {route: {"requests": 0, "left_out": 0} for route in ROUTES}
        for family, labels, number in _SAMPLE.findall(text):
            route = re.search(r'route="([^"]*)"', labels)
            if route is not None and route[1] in counts:
                counts[route[1]][family] += int(float(number))
        return counts


def measured(settings: Settings, say: Console) -> dict[str, Any]:
    """Run the rounds; figures by route."""
    reports: dict[str, list[dict[str, Any]]] = {route: [] for route in ROUTES}
    with Stage(settings) as stage:
        stage.load(NONE, 2.0)  # warm
        with say.status("") as status:
            for number, route in _turns(settings.rounds):
                status.update(f"round {number + 1} of {settings.rounds}: {ROUTES[route][0]}")
                reports[route].append(stage.load(route, settings.seconds))
        copies = stage.copies()
    return {route: _figures(reports[route], reports[NONE]) | copies[route] for route in ROUTES}


def _turns(rounds: int) -> Iterator[tuple[int, str]]:
    """Each route once a round, every other round the other way about."""
    for number in range(rounds):
        order = list(ROUTES) if number % 2 == 0 else list(reversed(ROUTES))
        yield from ((number, route) for route in order)


def _figures(own: list[dict[str, Any]], without: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [a["latency"]["p99"] / b["latency"]["p99"] for a, b in zip(own, without, strict=True)]
    return {
        "answered": sum(each["done"] for each in own),
        "errors": sum(each["errors"] for each in own),
        "complaints": [complaint for each in own for complaint in each["complaints"]][:3],
        "p50": [each["latency"]["p50"] for each in own],
        "p99": [each["latency"]["p99"] for each in own],
        "ratio": ratios,
    }


def holds(figures: Mapping[str, Any]) -> bool:
    """Whether the target is met on every route."""
    return all(not each["errors"] and Spread.of(each["ratio"]).median <= TARGET for each in figures.values())


def table(figures: Mapping[str, Any], settings: Settings) -> Table:
    """The figures, for people."""
    rows = [
        [
            ROUTES[route][0],
            Spread.of(each["p50"]).text(2, 1000),
            Spread.of(each["p99"]).text(2, 1000),
            "" if route == NONE else Spread.of(each["ratio"]).text(3),
            str(each["errors"]),
            f"{each['answered']:,}",
            f"{each['requests']:,}",
            f"{each['left_out']:,}",
        ]
        for route, each in figures.items()
    ]
    return Table(
        f"Shadows at 100 %: the primary's latency in ms, {settings.rate:g} requests a second, a model of 50 ms",
        ["shadow", "p50", "p99", "p99 to none", "errors", "answers", "copies", "left out"],
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
