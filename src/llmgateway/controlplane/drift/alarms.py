"""What is told of drift, as events: in a sentence, with the figures it rests on."""

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.controlplane.drift.eras import Place
from llmgateway.controlplane.drift.watched import Watched
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.undo import UndoAct

_WORDS: Final = {
    "error": "failed exchanges",
    "refusal": "refusals",
    "truncated": "truncated answers",
    "blocked": "blocked answers",
    "prompt_length": "the length of prompts",
    "reply_length": "the length of replies",
    "finish_reason": "how answers end",
    "language": "the languages of answers",
}


class Sink(Protocol):
    """Where events go (`controlplane/events.py`)."""

    def note(self, event: GatewayEvent) -> None: ...
    def clear(self, event_id: str, at: float) -> None: ...


class Cause(NamedTuple):
    """The exchange that made it sure. Counted again after a crash, it makes the same event of it."""

    seq: int
    at: float  # Unix seconds


def risen(place: Place, name: str, watched: Watched, cause: Cause) -> GatewayEvent:
    """The share of a signal has risen."""
    signal = watched.signals[name]
    bad, among = signal.share(watched.events(name))
    reference = signal.reference or 0.0
    text = (
        f"More {_WORDS[name]} of version {place.version} of route {place.route}: {bad:,} of {among:,} since it began, "
        f"where at most {reference:.2%} was usual."
    )
    figures = {
        "bad": bad,
        "events": among,
        "reference": reference,
        "window": signal.window,
        "exchanges": list(signal.exchanges),
        "evidence": None if signal.watch is None else signal.watch.evidence,
    }
    return _event(place, cause, EventSeverity.ALARM, text, figures | {"signal": name})


def moved(place: Place, name: str, watched: Watched, cause: Cause) -> GatewayEvent:
    """A distribution has moved."""
    feature = watched.features[name]
    assert feature.last is not None
    psi, limit = feature.last.psi, feature.limit
    text = (
        f"Not what it was for version {place.version} of route {place.route}: {_WORDS[name]}. "
        f"Population stability index {psi:.2f}, where {limit:.2f} is told."
    )
    figures = {"psi": psi, "p": feature.last.p, "limit": limit, "window": sum(feature.before)}
    return _event(place, cause, EventSeverity.WARNING, text, figures | {"signal": name})


def _event(place: Place, cause: Cause, severity: EventSeverity, text: str, figures: Mapping[str, Any]) -> GatewayEvent:
    made_of = "\0".join((*place, figures["signal"], str(cause.seq))).encode("utf-8", "replace")
    return GatewayEvent(
        id=f"drift-{blake2b(made_of, digest_size=8).hexdigest()}",
        at=cause.at,
        kind=EventKind.DRIFT,
        action="risen" if severity is EventSeverity.ALARM else "moved",
        severity=severity,
        text=text,
        route=place.route,
        version=place.version,
        figures=figures,
        undo={"act": UndoAct.DRIFT.value, "route": place.route, "version": place.version, "id": place.id},
    )


def kept(event: GatewayEvent) -> dict[str, Any]:
    """An event as it is kept beside what raised it."""
    return {name: value for name, value in asdict(event).items() if value is not None}


def kept_event(state: Mapping[str, Any]) -> GatewayEvent:
    """The event that `kept` described."""
    return GatewayEvent(**{**state, "kind": EventKind(state["kind"]), "severity": EventSeverity(state["severity"])})
