"""Rollouts in words: what was brought in, how it went, who said yes and why."""

from collections.abc import Iterator, Sequence
from typing import Final

from llmgateway.report.blocks import Block, Heading, Quote, Table, Text
from llmgateway.report.document import RouteReport
from llmgateway.report.figures import Share
from llmgateway.report.plots import COLOURS, FAILED, Span
from llmgateway.report.rollouts import Judged, Move, RolloutStory
from llmgateway.report.say import Say, count, minute, said, second
from llmgateway.rollout.states import Event

_COLOURS: Final = {"rolled_back": FAILED, "rolling_back": FAILED, "aborted": FAILED, "succeeded": "#2e7d32"}


def rollouts(route: RouteReport, say: Say) -> Iterator[Block]:
    """Each rollout with its moves."""
    yield Heading(say("rollouts"), 3)
    if not route.rollouts:
        yield Text(say("rollouts.none"))
    for story in route.rollouts:
        yield from _story(story, say)


def spans_of(stories: Sequence[RolloutStory], until: float, say: Say) -> list[Span]:
    """Rollouts as they stand in the picture."""
    return [
        Span(each.created_at, each.ended_at or until, _title(each, say), _COLOURS.get(each.state, COLOURS[0]))
        for each in stories
    ]


def _title(story: RolloutStory, say: Say) -> str:
    return f"{said(story.stable)} → {said(story.candidate)}: {say.name('state', story.state)}"


def _story(story: RolloutStory, say: Say) -> Iterator[Block]:
    yield Heading(_title(story, say), 4)
    yield Text(
        say(
            "rollouts.about",
            candidate=said(story.candidate),
            stable=said(story.stable),
            by=said(story.creator),
            at=minute(story.created_at),
            content=said(story.content)[:12],
        )
    )
    if story.moves_left_out:
        yield Text(say("rollouts.left_out", count=story.moves_left_out), is_aside=True)
    columns = [say(f"rollouts.{name}") for name in ("at", "move", "weight", "who", "why")]
    yield Table(columns, [_move(each, say) for each in story.moves], frozenset({2}), frozenset({0}))
    yield from _judged(story, say)
    for approval in story.approvals:
        yield Text(
            say("rollouts.approved", by=said(approval.by), at=second(approval.at), content=said(approval.content)[:12])
        )
    for move in story.moves:
        if move.event == Event.PROMOTE:
            yield Quote(said(move.reason), say("rollouts.promoted", by=_who(move, say), at=minute(move.at)))


def _judged(story: RolloutStory, say: Say) -> Iterator[Block]:
    """What the candidate was judged by, beside the stable version."""
    if not story.judged:
        return
    names = (said(story.stable), said(story.candidate))
    columns = [say("rollouts.metric"), *(say("rollouts.bad", version=name) for name in names)]
    yield Table(columns, [_compared(each, say) for each in story.judged], frozenset({1, 2}))
    yield Text(say("rollouts.basis"), is_aside=True)


def _compared(judged: Judged, say: Say) -> list[str]:
    sides = (judged.stable, judged.candidate)
    return [said(judged.metric), *(_bad(each, say) for each in sides)]


def _bad(share: Share, say: Say) -> str:
    told = f"{count(share.count)} / {count(share.of)}"
    return f"{told} = {say.share(share)} {say.interval(share)}" if share.of else told


def _move(move: Move, say: Say) -> list[str]:
    to = say.name("state", move.to_state)
    if move.pause:
        to = f"{to} ({say.name('pause', move.pause)})"
    happened = say.name("event", move.event)
    reason = say("rollouts.below") if move.event == Event.PROMOTE else said(move.reason)
    return [second(move.at), f"{happened} → {to}", f"{100 * move.weight:g} %", _who(move, say), reason]


def _who(move: Move, say: Say) -> str:
    return said(move.actor) or say("gateway")
