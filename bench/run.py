"""One run of the benchmark: a backend, the contenders that are installed, and how sections put load on them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from bench import contenders, payload
from bench.contenders import Contender, Direct, Gateway
from bench.load import Spec
from bench.process import BenchError, Process, python

Report = dict[str, Any]
FAILED_SHARE = 0.001  # of the requests of a run, above which its figures mean nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how often. The same for all contenders but the slow ones, which take a fraction of the load."""

    rounds: int = 5
    seconds: float = 6.0  # of one round
    rate: float = 800.0  # requests a second
    slow_rate: float = 20.0
    streams: int = 100
    chunks: int = 250  # of one stream
    many: int = 1000  # streams at once
    many_seconds: float = 12.0
    stalled: int = 1000
    idle_seconds: float = 20.0
    starts: int = 5
    kills: int = 20  # of each kind


QUICK = Settings(rounds=2, seconds=2.0, chunks=100, many_seconds=6.0, idle_seconds=5.0, starts=2, kills=2)


class Bench:
    """What a section works with. Starts everything in its `with` block and ends it there."""

    def __init__(self, settings: Settings, say: Callable[[str], None], only: Iterable[str] = ()) -> None:
        self.settings = settings
        self.say = say
        self.skipped: dict[str, str] = {}
        self._only = frozenset(only)
        self._stack = ExitStack()
        self._sent: dict[Contender, int] = {}
        self.contenders: dict[str, Contender] = {}
        self.backend: Process
        self.backend_port = 0

    def __enter__(self) -> Self:
        self.backend = self._stack.enter_context(python("bench.backend"))
        self.backend_port = int(self.backend.line()["port"])
        for each in contenders.ALL:
            if self._only and each.name.lower().split()[0] not in self._only and each not in {Direct, Gateway}:
                continue
            reason = each.missing()
            if reason is None:
                self.say(f"starting {each.name}")
                self.contenders[each.name] = self._stack.enter_context(each(self.backend_port))
            else:
                self.skipped[each.name] = reason
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def gateway(self) -> Gateway:
        found = self.contenders[Gateway.name]
        assert isinstance(found, Gateway)
        return found

    def quick_ones(self) -> list[Contender]:
        """Those that can take the whole load."""
        return [each for each in self.contenders.values() if not each.is_slow]

    def rounds(self, among: Iterable[Contender], what: str) -> Iterator[Contender]:
        """Take turns, A B A B, so that what else the machine does falls on all of them."""
        for number in range(self.settings.rounds):
            for contender in among:
                self.say(f"{what}: round {number + 1} of {self.settings.rounds}, {contender.name}")
                yield contender

    def load(self, contender: Contender, spec: Spec) -> Report:
        """Put a load on a contender and return the generator's report; BenchError if too much of it failed."""
        with self.loading(contender, spec) as generator:
            report = generator.line(timeout=spec.seconds + 120)
        return self.checked(contender, report)

    def loading(self, contender: Contender, spec: Spec) -> Process:
        """Start a load generator against a contender."""
        return python("bench.load", replace(spec, port=contender.port, headers=dict(contender.headers)).text())

    def checked(self, contender: Contender, report: Report) -> Report:
        """Count what was sent, and take no figures from a load that failed."""
        self.owe(contender, report["sent"])
        if report["errors"] > FAILED_SHARE * report["sent"]:
            raise BenchError(f"{contender.name}: {report['errors']} of {report['sent']} failed: {report['complaints']}")
        return report

    def owe(self, contender: Contender, exchanges: int) -> None:
        """Remember that a contender got requests that it may have to log."""
        self._sent[contender] = self._sent.get(contender, 0) + exchanges

    def drained(self, contender: Contender) -> None:
        """Wait until a contender has done all it owes."""
        contender.drained(self._sent.get(contender, 0))

    def measured(self, contender: Contender, spec: Spec, per: int = 1) -> Report:
        """Put a load on and add `us`: processor μs of all its processes, ingestion drained, for each of `per` parts
        of a request. `split` has the same by role. Nothing is subtracted.
        """
        before = contender.cpu()
        report = self.load(contender, spec)
        self.drained(contender)
        used = contender.cpu().since(before)
        parts = report["done"] * per
        split: dict[str, float] = {}
        for pid, seconds in used.items():
            role = contender.role(pid)
            split[role] = split.get(role, 0.0) + seconds * 1e6 / parts
        return {**report, "us": sum(split.values()), "split": split}

    def tried(self, contender: Contender, spec: Spec, per: int = 1) -> Report:
        """As `measured`, for contenders that may not be able to: {"failed": why} then."""
        try:
            return self.measured(contender, spec, per)
        except BenchError as error:
            if contender.name == Gateway.name:
                raise
            return {"failed": str(error)[:300]}

    def warm_up(self) -> None:
        """Let everybody load what they load late, and fill their pools."""
        for contender in self.contenders.values():
            self.say(f"warming up {contender.name}")
            self.owe(contender, 0)
            rate = self.settings.slow_rate if contender.is_slow else self.settings.rate
            self.load(contender, Spec(contender.port, rate=rate, seconds=2.0))

    def unary(self, contender: Contender) -> Spec:
        """An open loop of whole answers, at the rate that all contenders but the slow ones have in common."""
        rate = self.settings.slow_rate if contender.is_slow else self.settings.rate
        return Spec(contender.port, rate=rate, seconds=self.settings.seconds)

    def streams(self, contender: Contender, count: int, rate: int, seconds: float) -> Spec:
        """So many streams at once, each token a chunk; whoever has its last begins another until time is up."""
        length = self.settings.chunks if rate != payload.FULL_SPEED else 4 * self.settings.chunks
        spread = min(seconds / 2, length / rate) if rate else 0.0
        return Spec(
            contender.port,
            mode="closed",
            seconds=seconds,
            connections=count,
            chunks=length,
            chunk_rate=rate,
            spread_s=spread,
        )


def by_name(rounds: Iterable[tuple[Contender, Report]]) -> Mapping[str, list[Report]]:
    """Gather the rounds' reports by contender."""
    gathered: dict[str, list[Report]] = {}
    for contender, report in rounds:
        gathered.setdefault(contender.name, []).append(report)
    return gathered
