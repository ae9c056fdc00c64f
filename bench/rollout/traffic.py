"""Bad events as traffic brings them: steps of a ramp, outages, users who come back. Only bad ones are drawn. Pure."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random
from typing import Final

from bench.rollout.engine import THRESHOLD, Engine
from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import share

RAMP: Final = (0.01, 0.05, 0.25, 0.5)
STEP_REQUESTS: Final = 10_000
OUTAGE: Final = (6_000, 0.2)  # requests, and the share of them that fails
POOL: Final = 120_000  # users, of whom a few per cent ever have a bad event
MAX_REQUESTS: Final = 300
Event = tuple[float, bool]  # the candidate's share then, and whether it fell on the candidate


def poisson(mean: float, rng: Random) -> int:
    """A Poisson number; by the normal distribution where that is as good."""
    if mean > 500:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    left, number = rng.expovariate(1.0), 0
    while left < mean:
        left += rng.expovariate(1.0)
        number += 1
    return number


def ramp(base: float, ratio: float, rng: Random, *, has_outage: bool) -> Iterator[Event]:
    """Bad events of requests that are each a unit of their own, over the steps of `RAMP`; an outage hits somewhere."""
    begins = rng.randrange(STEP_REQUESTS * len(RAMP) - OUTAGE[0]) if has_outage else math.inf
    for number, weight in enumerate(RAMP):
        worse = weight * ratio + 1 - weight
        start, end = number * STEP_REQUESTS, (number + 1) * STEP_REQUESTS
        out = max(0.0, min(end, begins + OUTAGE[0]) - max(start, begins)) if has_outage else 0.0
        bad = poisson((STEP_REQUESTS - out) * base * worse + out * OUTAGE[1] * worse, rng)
        falls = share(weight, ratio)
        for _ in range(bad):
            yield weight, rng.random() < falls


@lru_cache(maxsize=2)
def users(seed: int = 1) -> list[tuple[float, ...]]:
    """Users who have a bad event at all: when, as shares of the time from their first request to their last.

    1 + Pareto(1.3) requests, at most 300, each bad with the user's own propensity, Beta(0.15, 10).
    """
    rng = Random(seed)
    found = []
    for _ in range(POOL):
        requests = min(MAX_REQUESTS, 1 + int(rng.paretovariate(1.3)))
        propensity = max(rng.betavariate(0.15, 10), 1e-12)
        bad, at = [], _gap(propensity, rng)
        while at < requests:
            bad.append((at + rng.random()) / requests)
            at += 1 + _gap(propensity, rng)
        if bad:
            found.append(tuple(bad))
    return found


def sticky(
    weights: Sequence[float], ratio: float, rng: Random, *, is_first_only: bool = True, count: int = 800
) -> Iterator[Event]:
    """Bad events of `count` users who stay where their hash puts them, over a ramp whose steps take equal times.

    `ratio` ≤ 1: the candidate is spared the rest. To count all events of a user, and not the first, is a mistake.
    """
    pool, steps, events = users(), len(weights), []
    for number in range(count):
        place, arrives = rng.random(), rng.random()
        for when in rng.choice(pool):
            at = arrives + when * (1 - arrives)
            weight = weights[min(steps - 1, int(at * steps))]
            if place < weight and rng.random() >= ratio:
                continue
            events.append((at, number, weight, place < weight))
            if is_first_only:
                break
    events.sort()
    for _, _, weight, is_candidate in events:
        yield weight, is_candidate


def rolled_back(events: Iterator[Event], engine: Engine) -> int | None:
    """After how many events the test for harm decides, looking after each one.

    E is only made where it can be over the threshold: its logarithm is at most n·kl(c/n, w), which for w ≤ 1/2 is at
    most ln 2 times the square of the standardised excess. And only a candidate's event can raise it.
    """
    counts: dict[float, list[int]] = {}
    excess = variance = 0.0
    for number, (weight, is_candidate) in enumerate(events, 1):
        counts.setdefault(weight, [0, 0])[is_candidate] += 1
        excess += is_candidate - weight
        variance += weight * (1 - weight)
        if not is_candidate or excess <= 0 or excess * excess * 0.7 < THRESHOLD * variance:
            continue
        if engine.harm([Draw(each, *counts[each]) for each in counts]) >= THRESHOLD:
            return number
    return None


def requests_until(bad: int, rate: float, rng: Random) -> float:
    """How many requests it takes until so many were bad."""
    return rng.gammavariate(bad, 1 / rate)


def _gap(rate: float, rng: Random) -> int:
    """How many requests go well before one that does not."""
    return int(math.log(1 - rng.random()) / math.log1p(-rate))
