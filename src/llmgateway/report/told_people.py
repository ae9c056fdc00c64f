"""What happened, and what people said and did about it, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from llmgateway.domain.event import EventSeverity, GatewayEvent
from llmgateway.domain.review import Concern
from llmgateway.ports.generations import GenerationHead
from llmgateway.report.blocks import Block, Heading, Table, Text
from llmgateway.report.document import RouteReport
from llmgateway.report.people import WAITING, Changes, Some
from llmgateway.report.plots import Mark
from llmgateway.report.say import NOTHING, Say, count, minute, percent, said, second


def incidents(events: Some[GatewayEvent], say: Say) -> Iterator[Block]:
    """What the gateway noticed or did by itself."""
    yield Heading(say("incidents"), 3)
    if not events.told:
        yield Text(say("incidents.none"))
        return
    if events.left_out:
        yield Text(say("incidents.left_out", count=count(events.left_out)), is_aside=True)
    columns = [say(f"incidents.{name}") for name in ("at", "severity", "what", "about", "outcome")]
    yield Table(columns, [_event(each, say) for each in events.told], whole=frozenset({0}))
    yield Text(say("incidents.basis"), is_aside=True)


def _event(event: GatewayEvent, say: Say) -> list[str]:
    about = " ".join(filter(None, (said(event.version), said(event.backend)))) or NOTHING
    kind = say.name("kind", event.kind)
    severity = say.name("severity", event.severity)
    return [second(event.at), severity, f"{kind}: {said(event.text)}", about, _became(event, say)]


def _became(event: GatewayEvent, say: Say) -> str:
    """What has become of it."""
    parts = []
    if event.severity is EventSeverity.ALARM:
        cleared = event.cleared_at
        parts.append(say("incidents.lasts") if cleared is None else say("incidents.cleared", at=second(cleared)))
    if event.undone_at is not None:
        parts.append(say("incidents.undone", by=said(event.undone_by), at=second(event.undone_at)))
    return " ".join(parts) or NOTHING


def reviews(route: RouteReport, say: Say) -> Iterator[Block]:
    """What people looked at, how far they agree, and what holds of answers drawn at random."""
    found = route.reviews
    yield Heading(say("reviews"), 3)
    if not found.by_reason and not found.reviews:
        yield Text(say("reviews.none"))
        return
    yield Text(say("reviews.about", reviews=count(found.reviews), reviewers=count(found.reviewers)))
    rows = [[say.name("reason", reason), *_standing(states)] for reason, states in found.by_reason.items()]
    columns = [say(f"reviews.{name}") for name in ("reason", "done", "waiting", "skipped")]
    if rows:
        yield Table(columns, rows, frozenset({1, 2, 3}))
    for each in found.agreement:
        yield Text(_agreed(each, say))
    yield from _random(route, say)


def _standing(states: Mapping[str, int]) -> list[str]:
    waiting = sum(states.get(state, 0) for state in WAITING)
    return [count(states.get("done", 0)), count(waiting), count(states.get("skipped", 0))]


def _agreed(told: Mapping[str, Any], say: Say) -> str:
    items = told["items"]
    same = f"{percent(told['share'], items)} {_between(told, items, say)}"
    alpha = NOTHING if told["alpha"] is None else f"{told['alpha']:.2f}"
    return say("reviews.agreed", question=said(told["question"]), items=count(items), same=same, alpha=alpha)


def _random(route: RouteReport, say: Say) -> Iterator[Block]:
    rows = [
        [
            said(line["version"]),
            said(line["question"]),
            said(answer),
            percent(each["share"], line["items"]),
            _between(each, line["items"], say),
            f"{count(each['count'])} / {count(line['items'])}",
        ]
        for line in route.reviews.random_sample
        for answer, each in line["labels"].items()
    ]
    if rows:
        yield Heading(say("random"), 4)
        columns = [say(f"random.{name}") for name in ("version", "question", "answer", "share", "interval", "items")]
        yield Table(columns, rows, frozenset({3, 4, 5}))
        yield Text(say("random.basis"), is_aside=True)


def _between(told: Mapping[str, Any], of: int, say: Say) -> str:
    low, high = told["interval"]
    return say("interval", low=percent(low, of, "{}"), high=percent(high, of))


def concerns(route: RouteReport, say: Say) -> Iterator[Block]:
    """What people have against a version, and what became of it."""
    found = route.concerns
    yield Heading(say("concerns"), 3)
    if not found.told:
        yield Text(say("concerns.none"))
        return
    columns = [say(f"concerns.{name}") for name in ("at", "by", "severity", "about", "text", "outcome")]
    yield Table(columns, [_concern(each, say) for each in found.told], whole=frozenset({0}))
    if found.left_out:
        yield Text(say("concerns.left_out", count=count(found.left_out)), is_aside=True)
    yield Text(say("concerns.basis"), is_aside=True)


def _concern(concern: Concern, say: Say) -> list[str]:
    outcome = say(f"concerns.{concern.state}")
    if concern.closed_at is not None:
        closed = {"by": said(concern.closed_by), "at": minute(concern.closed_at), "why": said(concern.closed_reason)}
        outcome = say("concerns.closed", outcome=outcome, **closed)
    elif concern.owner:
        outcome = say("concerns.owned", outcome=outcome, owner=said(concern.owner))
    about = said(concern.version) or say("concerns.route")
    severity = say.name("weight", concern.severity)
    return [minute(concern.at), said(concern.by), severity, about, said(concern.text), outcome]


def changes(found: Changes, say: Say) -> Iterator[Block]:
    """What was changed in the configuration, by whom and why."""
    yield Heading(say("changes"), 3)
    if not found.heads.told:
        yield Text(say("changes.none"))
        return
    authors = say("and").join(f"{said(author)} {count(made)}" for author, made in found.by_author.items())
    yield Text(say("changes.about", count=count(found.made), authors=authors, refused=count(found.refused)))
    columns = [say(f"changes.{name}") for name in ("number", "at", "by", "why", "outcome")]
    yield Table(columns, [_change(each, say) for each in found.heads.told], frozenset({0}), frozenset({1}))
    if found.heads.left_out:
        yield Text(say("changes.left_out", count=count(found.heads.left_out)), is_aside=True)


def _change(head: GenerationHead, say: Say) -> list[str]:
    outcome = say("changes.in_force") if head.refused is None else say("changes.refused", why=said(head.refused))
    return [str(head.number), second(head.at), said(head.author), said(head.reason) or NOTHING, outcome]


def marks_of(route: RouteReport, general: Some[GatewayEvent], found: Changes) -> list[Mark]:
    """What happened at a moment, as it stands in the picture."""
    marks = [
        Mark(each.at, "alarm" if each.severity is EventSeverity.ALARM else "event", said(each.text))
        for each in (*route.events.told, *general.told)
    ]
    marks += [Mark(each.at, "concern", said(each.text)) for each in route.concerns.told]
    marks += [Mark(each.at, "change", said(each.reason)) for each in found.heads.told if each.refused is None]
    return marks
