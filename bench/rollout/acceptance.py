"""The eight simulations that the tests of staged rollouts have to pass, and the two of replays. Seeded."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from random import Random
from statistics import fmean, stdev
from typing import Final

from bench.faults.figure import Figure, at_least, at_most
from bench.rollout.engine import (
    ALPHA,
    MARGIN,
    RIGHT,
    THRESHOLD,
    Engine,
    Swap,
    crossed,
    exactly,
    harm_regions,
    safe_regions,
)
from bench.rollout.traffic import RAMP, ramp, requests_until, rolled_back, sticky
from llmgateway.rollout.counts import NOTHING, Arms, Draw
from llmgateway.rollout.eprocess import log_e, log_e_ceiling, share, value
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.grid import CLEAN, Grid

LOOKS: Final = 3_000  # bad events, with a look after each
BASES: Final = (0.002, 0.01, 0.05)
GIVEN_UP: Final = 60_000  # requests


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is simulated. `say` is told what is being done."""

    runs: int = 4_000
    seed: int = 1
    say: Callable[[str], None] = lambda _: None

    def rng(self, name: str) -> Random:
        """The same numbers for the same simulation, whatever else is run."""
        return Random(f"{self.seed} {name}")

    @property
    def limit(self) -> float:
        """What a rate of `ALPHA` may look like in so many runs: three standard errors more, in per cent."""
        return 100 * (ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / self.runs))


def percentile(values: Iterable[float | None], per_cent: float) -> float:
    """Nearest rank; None counts as never."""
    ordered = sorted(math.inf if each is None else each for each in values)
    return ordered[max(0, math.ceil(len(ordered) * per_cent / 100) - 1)]


def false_rollbacks(settings: Settings, engine: Engine = RIGHT) -> list[Figure]:
    """1. Looking after each bad event, a candidate that is no worse is seldom rolled back."""
    return [*_constant(settings, engine), *_ramps(settings, engine), *_stickies(settings, engine)]


def _constant(settings: Settings, engine: Engine) -> list[Figure]:
    found = {}
    for ratio, weight in product((1.0, 0.8), RAMP):
        settings.say(f"rolled back, ratio {ratio:g}, {100 * weight:g} % weight, every path")
        found[ratio, weight] = 100 * exactly(harm_regions(engine, weight, LOOKS), share(weight, ratio))
    figures = [
        at_most(f"rolled back, ratio 1, {100 * weight:g} % weight, exactly", found[1.0, weight], 100 * ALPHA, "%")
        for weight in RAMP
    ]
    worst = max(found[0.8, weight] for weight in RAMP)
    return [*figures, at_most("rolled back, ratio 0.8, the worst of these weights, exactly", worst, 100 * ALPHA, "%")]


def _ramps(settings: Settings, engine: Engine) -> list[Figure]:
    figures = []
    for ratio in (1.0, 0.8):
        found = []
        for base, has_outage in product(BASES, (False, True)):
            name = f"rolled back, ratio {ratio:g}, ramp, {100 * base:g} % bad" + (", outage" if has_outage else "")
            settings.say(name)
            rng = settings.rng(name)
            paths = (ramp(base, ratio, rng, has_outage=has_outage) for _ in range(settings.runs))
            found.append(_share(rolled_back(path, engine) for path in paths))
        name = f"rolled back, ratio {ratio:g}, ramp, the worst of 0.2, 1, 5 % bad, with an outage and without"
        figures.append(at_most(name, max(found), settings.limit, "%"))
    return figures


def _stickies(settings: Settings, engine: Engine) -> list[Figure]:
    figures = []
    for ratio in (1.0, 0.8):
        found = []
        for weights in (*((weight,) for weight in RAMP), RAMP):
            name = f"rolled back, ratio {ratio:g}, heavy users, {weights}"
            settings.say(name)
            rng = settings.rng(name)
            paths = (sticky(weights, ratio, rng) for _ in range(settings.runs))
            found.append(_share(rolled_back(path, engine) for path in paths))
        name = f"rolled back, ratio {ratio:g}, heavy users, the worst of 1, 5, 25, 50 % weight and ramp"
        figures.append(at_most(name, max(found), settings.limit, "%"))
    return figures


def false_promotions(settings: Settings) -> list[Figure]:
    """2. A candidate that is worse by the margin is seldom shown to do no harm."""
    figures = []
    for weight in (0.1, 0.5):
        settings.say(f"shown harmless at {weight:.0%}, every path")
        found = 100 * exactly(safe_regions(RIGHT, weight, MARGIN, LOOKS), share(weight, MARGIN))
        figures.append(
            at_most(f"shown harmless, ratio 1.5, {100 * weight:g} % weight, exactly", found, 100 * ALPHA, "%")
        )
    for weight in (0.1, 0.5):
        name = f"shown harmless, ratio 1.5 and at the ceiling, {100 * weight:g} % weight"
        settings.say(name)
        rng = settings.rng(name)
        runs = (shown_harmless(weight, MARGIN, 0.01 / MARGIN, 0.01, rng, 60_000) for _ in range(settings.runs))
        figures.append(at_most(name, _share(runs), settings.limit, "%"))
    return figures


@lru_cache(maxsize=8)
def _enough_units(ceiling: float, most: int = 2_000) -> list[int]:
    """For each number of bad units, how many units put the absolute test over the threshold."""
    found, units = [], 0
    for bad in range(most):
        units = max(units, bad)
        step = 1
        while log_e_ceiling(bad, units + step, ceiling, CLEAN) < THRESHOLD:
            step *= 2
        low, high = units, units + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if log_e_ceiling(bad, middle, ceiling, CLEAN) >= THRESHOLD else (middle, high)
        units = high
        found.append(units)
    return found


def shown_harmless(
    weight: float, ratio: float, base: float, ceiling: float, rng: Random, requests: int
) -> float | None:
    """After how many requests both tests together show no harm: one of them has to be over the threshold for that."""
    bad_rate = (weight * ratio + 1 - weight) * base
    quiet = math.log1p(-bad_rate / (bad_rate + weight * (1 - ratio * base)))
    falls, relative, enough = share(weight, ratio), safe_regions(RIGHT, weight, MARGIN, LOOKS), _enough_units(ceiling)
    stable = candidate = units = 0
    while stable + candidate < len(relative) - 1 and units < requests * weight:
        before, units = units, units + int(math.log(1 - rng.random()) / quiet)
        low, high = relative[stable + candidate]
        if low <= candidate <= high or units >= enough[candidate]:
            found = _least_units(stable, candidate, (before, units), weight, ceiling)
            if found is not None:
                return found / weight
        is_candidate = rng.random() < falls
        candidate, stable, units = candidate + is_candidate, stable + (not is_candidate), units + is_candidate
    return None


def _least_units(stable: int, candidate: int, between: tuple[int, int], weight: float, ceiling: float) -> int | None:
    """Among how many units the candidate was shown harmless between two bad events; None where it was not."""
    draws = [Draw(weight, stable, candidate)]

    def is_shown(units: int) -> bool:
        return RIGHT.harmless(draws, candidate, units, ceiling) >= THRESHOLD

    low, high = between
    if not is_shown(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_shown(middle) else (middle + 1, high)
    return low


def detection(settings: Settings, engine: Engine = RIGHT) -> list[Figure]:
    """3. Twice as many bad events are found soon: at 10 % weight, with one request in a hundred bad."""
    settings.say("twice as bad")
    found = detected(0.1, 2.0, 0.01, settings, engine)
    missed = 100 * sum(each > GIVEN_UP for each in found) / len(found)
    return [
        at_most("requests until twice as bad is found, median", percentile(found, 50), 10_000, digits=0),
        at_most("requests until twice as bad is found, 90 of 100", percentile(found, 90), 25_000, digits=0),
        at_most("twice as bad not found in 60,000 requests", missed, 1.0, "%"),
    ]


def detected(weight: float, ratio: float, base: float, settings: Settings, engine: Engine = RIGHT) -> list[float]:
    """After how many requests many rollouts are rolled back; infinite where `LOOKS` bad events don't do it."""
    rng = settings.rng(f"detected {weight} {ratio} {base}")
    decided, falls = harm_regions(engine, weight, LOOKS), share(weight, ratio)
    rate = (weight * ratio + 1 - weight) * base
    found = (crossed(decided, falls, rng.random) for _ in range(settings.runs))
    return [math.inf if n is None else requests_until(n, rate, rng) for n in found]


def all_fail(settings: Settings, engine: Engine = RIGHT) -> list[Figure]:
    """4. A candidate that always fails is out within five failures."""
    settings.say("always failing")
    figures = []
    for weight in (0.01, 0.05, 0.1):
        until = next((n for n in range(1, 100) if engine.harm([Draw(weight, 0, n)]) >= THRESHOLD), None)
        figures.append(
            at_most(f"failures until an always failing candidate is out, {100 * weight:g} % weight", until, 5)
        )
    return figures


def mutants(settings: Settings) -> list[Figure]:
    """5. With the arms swapped the simulations fail, which is how they are known to look."""
    settings.say("arms swapped")
    few = Settings(min(settings.runs, 200), settings.seed)
    swapped, counts = Engine(Swap.ARMS), Engine(Swap.COUNTS)
    return [
        _noticed("arms swapped: simulation 3 fails", detection(few, swapped)),
        _noticed("arms swapped: simulation 4 fails", all_fail(few, swapped)),
        _noticed("counts swapped: simulation 1 fails", _constant(few, counts)),
    ]


def _noticed(name: str, figures: list[Figure]) -> Figure:
    fails = sum(not each.holds for each in figures)
    return Figure(name, "yes", "yes" if fails else "no", bool(fails))


def mean_under_the_null(settings: Settings) -> list[Figure]:
    """6. E is one on average while the candidate is no worse."""
    figures = []
    for weight in (0.1, 0.5):
        settings.say(f"mean of E at {weight:.0%}")
        rng, events = settings.rng(f"mean {weight}"), 12
        known = [value(RIGHT.harm([Draw(weight, events - c, c)])) for c in range(events + 1)]
        found = [known[sum(rng.random() < weight for _ in range(events))] for _ in range(5 * settings.runs)]
        off = abs(fmean(found) - 1) / (stdev(found) / math.sqrt(len(found)))
        figures.append(at_most(f"mean of E, {100 * weight:g} % weight: standard errors from 1", off, 4.0, digits=1))
    return figures


def split(settings: Settings) -> list[Figure]:
    """7. Counted by four workers in any order, E is the same."""
    settings.say("split over workers")
    rng, worst = settings.rng("split"), 0.0
    weights = dict(enumerate(RAMP))
    for _ in range(50):
        events = [(epoch := rng.randrange(len(RAMP)), rng.random() < RAMP[epoch]) for _ in range(300)]
        whole = _counted(events, weights)
        rng.shuffle(events)
        parts = [_counted(events[number::4], weights) for number in range(4)]
        rng.shuffle(parts)
        together = Evidence()
        for part in parts:
            together = together.plus(part)
        one, other = (RIGHT.harm(each.bad_draws("error")) for each in (whole, together))
        worst = max(worst, abs(one - other))
    return [Figure("four workers in any order: difference of log E", "≤ 1e-9", f"{worst:.0e}", worst <= 1e-9)]


def _counted(events: list[tuple[int, bool]], weights: dict[int, float]) -> Evidence:
    counts: dict[int, Arms] = {}
    for epoch, is_candidate in events:
        one = Arms(candidate=1) if is_candidate else Arms(stable=1)
        counts[epoch] = counts.get(epoch, NOTHING).plus(one)
    return Evidence(weights=weights, bad={"error": counts})


def closed_form(settings: Settings) -> list[Figure]:
    """8. With a beta prior, at one weight, the mixture is a quotient of beta functions."""
    settings.say("closed form")
    worst, points = 0.0, 4_000
    for weight in (0.1, 0.5):
        shares = [(number + 0.5) / points for number in range(points)]
        ratios = (q / (1 - q) * (1 - weight) / weight for q in shares)
        grid = Grid.weighed(ratios, (q**2 * (1 - q) ** 3 for q in shares))
        for stable, candidate in ((1, 0), (0, 3), (9, 2), (60, 20), (20, 60)):
            beta = _log_beta(3 + candidate, 4 + stable) - _log_beta(3, 4)
            exact = beta - candidate * math.log(weight) - stable * math.log1p(-weight)
            worst = max(worst, abs(log_e([Draw(weight, stable, candidate)], 1.0, grid) - exact))
    return [Figure("closed form: difference of log E", "≤ 1e-5", f"{worst:.0e}", worst <= 1e-5)]


def pairs(settings: Settings) -> list[Figure]:
    """Replays: two equal versions are not told apart, and a loss of 60 to 40 is."""
    settings.say("pairs")
    decided = regions_of_pairs()
    rng = settings.rng("pairs")
    equal = [crossed(decided, 0.5, rng.random) for _ in range(200)]
    quiet = 100 * sum(each is None for each in equal) / len(equal)
    lost = [crossed(decided, 0.6, rng.random) for _ in range(settings.runs)]
    return [
        at_most("A/A replays called worse within 2,000 pairs, exactly", 100 * exactly(decided, 0.5), 100 * ALPHA, "%"),
        at_least("200 A/A replays without a verdict", quiet, 95.0, "%", digits=1),
        at_most("pairs until a loss of 60 to 40 is found, median", percentile(lost, 50), 200, digits=0),
    ]


def regions_of_pairs() -> list[tuple[int, int]]:
    """Where a replay's verdict is "worse"."""
    return harm_regions(RIGHT, 0.5, 2_000)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _share(found: Iterable[float | None]) -> float:
    """Of how many, in per cent, something came."""
    outcomes = [each is not None for each in found]
    return 100 * sum(outcomes) / len(outcomes)


SIMULATIONS: Final[dict[str, Callable[[Settings], list[Figure]]]] = {
    "1": false_rollbacks,
    "2": false_promotions,
    "3": detection,
    "4": all_fail,
    "5": mutants,
    "6": mean_under_the_null,
    "7": split,
    "8": closed_form,
    "pairs": pairs,
}
