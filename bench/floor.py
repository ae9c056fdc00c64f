"""What a request costs at the least: `python -m bench.floor [--rounds 5] [--seconds 4]`.

The bare proxy takes on, one after the other, what no gateway of this kind can do without; what the gateway takes beyond
the last row is its own code. Whole-process processor time at 800 requests a second, taking turns, beside nginx.
"""

import argparse
import sys
from contextlib import ExitStack
from statistics import median
from typing import ClassVar, Final

from rich.console import Console

from bench.contenders import Contender
from bench.contenders.bare import Bare
from bench.load import Spec
from bench.process import Process
from bench.run import QUICK, Bench
from bench.spread import TIMES, Spread

FLOORS: Final = ("", "task", "task,journal", "task,journal,json")


class Floor(Bare):
    """The bare proxy with some features."""

    features: ClassVar[str]

    def start(self) -> None:
        self.process = Process([sys.executable, "-m", "bench.floorproxy", str(self.backend), self.features])
        self.port = int(self.process.line()["port"])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.floor", description="What a request costs at the least.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args()
    console = Console(highlight=False)
    with console.status("starting") as status, Bench(QUICK, status.update, ["nginx"]) as bench, ExitStack() as stack:
        among: dict[str, Contender] = {"nginx": bench.contenders["nginx"]}
        for features in FLOORS:
            kind = type("Floor", (Floor,), {"features": features, "name": f"floor {features}"})
            made = among[f"bare Python {features and 'with '}{features.replace(',', ', ')}"] = stack.enter_context(
                kind(bench.backend_port)
            )
            bench.load(made, bench.unary(made))
        among["llmgateway"] = bench.gateway
        bench.warm_up()
        took: dict[str, list[float]] = {name: [] for name in among}
        for _ in range(asked.rounds):
            for name, contender in among.items():
                bench.drained(contender)
                report = bench.measured(
                    contender, Spec(contender.port, rate=bench.settings.rate, seconds=asked.seconds)
                )
                took[name].append(report["us"])
    least = median(took["nginx"])
    for name, each in took.items():
        console.print(f"{name:<42} {Spread.of(each).text(1):>22} μs  {median(each) / least:5.1f} {TIMES} nginx")


if __name__ == "__main__":
    main()
