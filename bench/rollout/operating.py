"""What an operator may expect: how long detections and promotions take, where plans end, when drift is noticed."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import median
from typing import Final

from bench.faults.figure import Figure, at_most
from bench.rollout.acceptance import LOOKS, Settings, detected, percentile, shown_harmless
from bench.rollout.engine import RIGHT, THRESHOLD, Region, crossed, harm_regions, regions, safe_regions
from bench.rollout.traffic import RAMP, rolled_back, sticky
from llmgateway.rollout.counts import Draw
from llmgateway.rollout.drift import Watch
from llmgateway.rollout.eprocess import log_e, log_mean, share
from llmgateway.rollout.grid import UNEQUAL
from llmgateway.rollout.psi import shift, threshold

PLAN: Final = ((0.05, 100), (0.25, 200), (0.5, 2_700))  # weight, and bad events at it
SRM: Final = math.log(1_000)
METRICS: Final = 6


def told(name: str, measured: str) -> Figure:
    """A figure that nothing is asked of."""
    return Figure(name, "", measured, None)


def detection_times(settings: Settings) -> list[Figure]:
    """Requests until a rollback, at a base rate of 1 %."""
    figures = []
    for ratio in (1.5, 2.0, 3.0, 10.0):
        for weight in (0.05, 0.1, 0.5):
            name = f"rolled back, ratio {ratio:g}, {100 * weight:g} % weight: requests, median (90 of 100)"
            settings.say(name)
            found = detected(weight, ratio, 0.01, settings)
            figures.append(told(name, f"{percentile(found, 50):,.0f} ({percentile(found, 90):,.0f})"))
    return figures


def promotion_times(settings: Settings) -> list[Figure]:
    """Bad events, and requests, until a candidate that is no worse is shown to do no harm."""
    figures = []
    for margin in (1.5, 2.0):
        for weight in (0.5, 0.1):
            name = f"shown harmless by the ratio alone, margin {margin:g}, {100 * weight:g} % weight: bad events"
            settings.say(name)
            rng, decided = settings.rng(name), safe_regions(RIGHT, weight, margin, LOOKS)
            found = [crossed(decided, weight, rng.random) for _ in range(settings.runs)]
            figures.append(told(name, f"{percentile(found, 50):,.0f} ({percentile(found, 90):,.0f})"))
    for base in (0.002, 0.005, 0.01):
        name = f"shown harmless, {100 * base:g} % bad, ceiling 1 %, 50 % weight: requests"
        settings.say(name)
        rng = settings.rng(name)
        runs = max(200, settings.runs // 4)
        waited = [shown_harmless(0.5, 1.0, base, 0.01, rng, 300_000) for _ in range(runs)]
        figures.append(told(name, f"{percentile(waited, 50):,.0f} ({percentile(waited, 90):,.0f})"))
    return figures


def whole_plans(settings: Settings) -> list[Figure]:
    """Steps of 5, 25 and 50 %, the relative test, both tests after every bad event: where does it end?"""
    harm = regions(lambda c, n: RIGHT.harm(_along(c, n)), LOOKS)
    harmless = regions(lambda c, n: RIGHT.relative(_along(c, n)), LOOKS)
    first = sum(events for _, events in PLAN[:-1])
    harmless = [(1, 0)] * (first + 1) + harmless[first + 1 :]  # only the last step leads to a promotion
    figures = []
    for ratio, least_promoted, least_rolled in ((0.8, 95, 0), (1.0, 93, 0), (1.25, 0, 0), (1.5, 0, 93), (2.0, 0, 99)):
        name = f"whole plan, ratio {ratio:g}: promoted / rolled back / neither"
        settings.say(name)
        rng = settings.rng(name)
        ends = [_end(harm, harmless, ratio, rng.random) for _ in range(settings.runs)]
        promoted, rolled, neither = (
            100 * ends.count(each) / len(ends) for each in ("promoted", "rolled back", "neither")
        )
        holds = promoted >= least_promoted and rolled >= least_rolled if least_promoted or least_rolled else None
        target = f"≥ {least_promoted} % promoted" if least_promoted else f"≥ {least_rolled} % rolled back"
        shown = f"{promoted:.1f} / {rolled:.1f} / {neither:.1f} %"
        figures.append(Figure(name, "" if holds is None else target, shown, holds))
    return figures


def _along(candidate: int, n: int) -> list[Draw]:
    """The first `n` bad events of the plan; only the candidate's sum matters, so it is put where there is room."""
    draws = []
    for weight, events in PLAN:
        here = min(events, n)
        mine = min(candidate, here)
        draws.append(Draw(weight, here - mine, mine))
        n, candidate = n - here, candidate - mine
    return draws


def _end(harm: Sequence[Region], harmless: Sequence[Region], ratio: float, random: Callable[[], float]) -> str:
    candidate = n = 0
    for weight, events in PLAN:
        falls = share(weight, ratio)
        for _ in range(events):
            n += 1
            candidate += random() < falls
            if harm[n][0] <= candidate <= harm[n][1]:
                return "rolled back"
            if harmless[n][0] <= candidate <= harmless[n][1]:
                return "promoted"
    return "neither"


def several_metrics(settings: Settings) -> list[Figure]:
    """Six metrics of a candidate that is no worse in any: the mean of their E, and what it would be without."""
    settings.say("six metrics")
    rng, weight, events = settings.rng("six metrics"), 0.1, 300
    mean = alone = 0
    for _ in range(settings.runs // 4):
        counts, logs = [[0, 0] for _ in range(METRICS)], [0.0] * METRICS
        has_mean = has_alone = False
        for number in range(METRICS * events):
            metric = number % METRICS
            counts[metric][rng.random() < weight] += 1
            logs[metric] = _known(weight, *counts[metric])
            has_alone = has_alone or logs[metric] >= THRESHOLD
            has_mean = has_mean or (max(logs) >= THRESHOLD and log_mean(logs) >= THRESHOLD)
        mean, alone = mean + has_mean, alone + has_alone
    runs = settings.runs // 4
    return [
        at_most(
            "rolled back, six metrics, ratio 1", 100 * mean / runs, 5 + 300 * math.sqrt(0.05 * 0.95 / runs), "%", 1
        ),
        told("… if each could do it alone at 20, as it must not", f"{100 * alone / runs:.1f} %"),
    ]


@lru_cache(maxsize=200_000)
def _known(weight: float, stable: int, candidate: int) -> float:
    return RIGHT.harm([Draw(weight, stable, candidate)])


def heavy_users(settings: Settings) -> list[Figure]:
    """What counting every bad event of a user, and not the first, would do."""
    settings.say("heavy users, every event")
    rng = settings.rng("every event")
    runs = [rolled_back(sticky(RAMP, 1.0, rng, is_first_only=False), RIGHT) for _ in range(settings.runs)]
    found = 100 * sum(each is not None for each in runs) / len(runs)
    return [told("rolled back, ratio 1, heavy users, ramp, every event counted, as it must not", f"{found:.1f} %")]


def mismatches(settings: Settings) -> list[Figure]:
    """Assignments at 10 % weight of which the candidate's get lost, with a look each 200."""
    figures = []
    runs = min(settings.runs, 200)
    for lost in (0.0, 0.1, 0.2):
        name = f"assignments, {100 * lost:g} % of the candidate's lost"
        settings.say(name)
        rng = settings.rng(name)
        found = [_mismatch(lost, rng.gauss, 200_000 if not lost else 100_000) for _ in range(runs)]
        if not lost:
            alarms = sum(each is not None for each in found)
            figures.append(
                Figure(f"{name}: alarms in 200,000", "≤ 1 in 100", f"{alarms} of {runs}", alarms <= runs / 100)
            )
        else:
            figures.append(told(f"{name}: noticed after", f"{percentile(found, 50):,.0f}"))
    return figures


def _mismatch(lost: float, gauss: Callable[[float, float], float], assignments: int, weight: float = 0.1) -> int | None:
    stable = candidate = 0
    falls = share(weight, 1 - lost)
    for seen in range(200, assignments + 1, 200):
        ours = round(gauss(200 * falls, math.sqrt(200 * falls * (1 - falls))))
        stable, candidate = stable + 200 - ours, candidate + ours
        if log_e([Draw(weight, stable, candidate)], 1.0, UNEQUAL) >= SRM:
            return seen
    return None


def drifts(settings: Settings) -> list[Figure]:
    """The e-CUSUM at a reference rate of 2 %, and the calibrated PSI."""
    figures = []
    runs = min(settings.runs, 400)
    for rate, events in ((0.02, 30_000), (0.03, 100_000), (0.04, 100_000)):
        name = f"drift from 2 % to {100 * rate:g} %"
        settings.say(name)
        rng = settings.rng(name)
        found = [_alarm(rate, events, rng.random) for _ in range(runs)]
        if rate > 0.02:
            figures.append(
                told(f"{name}: noticed after", f"{percentile(found, 50):,.0f} ({percentile(found, 90):,.0f})")
            )
        else:
            alarms = 100 * sum(each is not None for each in found) / runs
            figures.append(at_most("no drift from 2 %: alarms in 30,000 events", alarms, 10.0, "%", 1))
    settings.say("PSI")
    rng, limit = settings.rng("psi"), threshold(200, 200, 10)
    indices = [shift(_binned(rng.random), _binned(rng.random)).psi for _ in range(settings.runs)]
    above, habitual = (100 * sum(each > bar for each in indices) / len(indices) for bar in (limit, 0.1))
    figures.append(at_most("PSI, nothing changed, n = m = 200: above the 1 % threshold", above, 1.6, "%"))
    return [*figures, told("… above the habitual 0.1", f"{habitual:.0f} %")]


def _alarm(rate: float, events: int, random: Callable[[], float]) -> int | None:
    watch, seen, gap = Watch(0.02), 0, math.log1p(-rate)
    while True:
        good = int(math.log(1 - random()) / gap)
        seen += good + 1
        if seen > events:
            return None
        watch = watch.ran(good, is_bad=True)
        if watch.is_alarmed:
            return seen


def _binned(random: Callable[[], float]) -> list[int]:
    counts = [0] * 10
    for _ in range(200):
        counts[int(10 * random())] += 1
    return counts


def bad_events(settings: Settings) -> list[Figure]:
    """How many bad events it takes to find twice as many, which is what detection costs at any base rate."""
    figures = []
    for weight in (0.05, 0.1, 0.5):
        rng = settings.rng(f"bad events {weight}")
        decided = harm_regions(RIGHT, weight, LOOKS)
        found = [crossed(decided, share(weight, 2.0), rng.random) or LOOKS for _ in range(settings.runs)]
        figures.append(
            told(f"rolled back, ratio 2, {100 * weight:g} % weight: bad events, median", f"{median(found):,.0f}")
        )
    return figures


SIMULATIONS: Final[dict[str, Callable[[Settings], list[Figure]]]] = {
    "detection": detection_times,
    "events": bad_events,
    "promotion": promotion_times,
    "plan": whole_plans,
    "metrics": several_metrics,
    "users": heavy_users,
    "srm": mismatches,
    "drift": drifts,
}
