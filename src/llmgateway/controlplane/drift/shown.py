"""How drift watch stands, for people, programs and /metrics."""

import math
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from llmgateway.config.drift import Drift
from llmgateway.controlplane.drift.books import Books
from llmgateway.controlplane.drift.eras import Place
from llmgateway.controlplane.drift.feature import Feature
from llmgateway.controlplane.drift.signal import Signal
from llmgateway.controlplane.drift.signs import SIGNALS
from llmgateway.controlplane.drift.watched import FEATURES, Watched
from llmgateway.controlplane.labels import Labels
from llmgateway.rollout.drift import THRESHOLD

_ALARM: Final = math.log(THRESHOLD)


class DriftFigures(NamedTuple):
    """What /metrics shows, by route and name."""

    scores: list[tuple[tuple[str, str], float]]
    alarms: list[tuple[tuple[str, str], int]]


def figures(books: Books, settings: Drift, labels: Labels) -> DriftFigures:
    """For /metrics: of each route the version that stands worst."""
    names = [str(each) for each in (*settings.signals, *settings.features)]
    scores: dict[tuple[str, str], float] = {}
    alarms: dict[tuple[str, str], int] = {}
    for place, watched in books.current():
        for name in names:
            key = labels.route(place.route), name
            scores[key] = max(scores.get(key, 0.0), score(watched, name))
            alarms.setdefault(key, 0)
    for (route, name), count in books.alarms.items():
        key = labels.route(route), name
        alarms[key] = alarms.get(key, 0) + count
    return DriftFigures(sorted(scores.items()), sorted(alarms.items()))


def score(watched: Watched, name: str) -> float:
    """How near an alarm is: 0 is nothing at all, 1 and more is one."""
    signal = watched.signals.get(name)
    if signal is not None:
        return 0.0 if signal.watch is None else max(0.0, math.log(signal.watch.evidence) / _ALARM)
    last, limit = watched.features[name].last, watched.features[name].limit
    return 0.0 if last is None or not limit else last.psi / limit


def status(every: Iterable[tuple[Place, Watched]], settings: Drift, route: str | None = None) -> list[dict[str, Any]]:
    """A line for each version, of one route or of all."""
    return [
        {
            "route": place.route,
            "version": place.version,
            "id": place.id,
            "state": "learning" if watched.is_learning else "watching",
            "exchanges": watched.asked,
            "answered": watched.answered,
            "missing": watched.missing,
            "signals": [_signal(name, watched) for name in SIGNALS if name in settings.signals],
            "features": [_feature(name, watched) for name in FEATURES if name in settings.features],
        }
        for place, watched in every
        if route in {None, place.route}
    ]


def _signal(name: str, watched: Watched) -> dict[str, Any]:
    signal = watched.signals[name]
    return {
        "name": name,
        "state": _state(signal),
        "bad_in_window": signal.bad,
        "window": signal.window,
        "bad_since": signal.later,
        "since": watched.events(name) - signal.window if signal.is_frozen else 0,
        "reference": signal.reference,
        "evidence": None if signal.watch is None else signal.watch.evidence,
        "score": score(watched, name),
        "event": None if signal.alarm is None else signal.alarm["id"],
        "text": None if signal.alarm is None else signal.alarm["text"],
    }


def _state(signal: Signal) -> str:
    if not signal.is_frozen:
        return "learning"
    if signal.watch is None:
        return "too_high"  # so much was bad in the window that no rise could be told
    return "alarm" if signal.alarm is not None else "calm"


def _feature(name: str, watched: Watched) -> dict[str, Any]:
    feature = watched.features[name]
    return {
        "name": name,
        "state": _state_of(feature, is_learning=watched.is_learning),
        "psi": None if feature.last is None else feature.last.psi,
        "p": None if feature.last is None else feature.last.p,
        "limit": feature.limit,
        "score": score(watched, name),
        "event": None if feature.warning is None else feature.warning["id"],
        "text": None if feature.warning is None else feature.warning["text"],
    }


def _state_of(feature: Feature, *, is_learning: bool) -> str:
    if is_learning:
        return "learning"
    if feature.ends is None:
        return "too_few"  # counts in the window: embeddings have no length of a reply
    return "moved" if feature.warning is not None else "calm"
