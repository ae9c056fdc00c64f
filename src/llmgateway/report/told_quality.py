"""What was said of answers, and what guardrails found, in words."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from llmgateway.domain.score import IDENTITY, DataType, SourceKind
from llmgateway.drawing.intervals import Bar
from llmgateway.report import charts
from llmgateway.report.blocks import Block, Heading, Plot, Table, Text
from llmgateway.report.document import RouteReport
from llmgateway.report.figures import Share
from llmgateway.report.findings import Finding
from llmgateway.report.plots import colours_of
from llmgateway.report.quality import Agreement, Quality
from llmgateway.report.say import NOTHING, Say, count, percent, said
from llmgateway.store.scoresummary import Summary

SOURCES: Final = tuple(SourceKind)


def quality(route: RouteReport, say: Say) -> Iterator[Block]:
    """Scores by source, and how far judges agree with people."""
    found = route.quality
    yield Heading(say("quality"), 3)
    if found.lines:
        yield from _plot(route, say)
        columns = [say(f"quality.{name}") for name in ("source", "name", "version", "figure", "interval", "scores")]
        yield Table(columns, [_line(each, say) for each in found.lines], frozenset({3, 4, 5}), frozenset({4}))
        if found.lines_left_out:
            yield Text(say("quality.left_out", count=count(found.lines_left_out)), is_aside=True)
        yield Text(say("quality.basis"), is_aside=True)
    silent = [say(f"source.{kind}") for kind in SOURCES if kind not in {each.source_kind for each in found.lines}]
    if silent:
        yield Text(say("quality.silent", sources=say("and").join(silent)))
    yield from _agreements(found, say)


def _plot(route: RouteReport, say: Say) -> Iterator[Plot]:
    """Shares of yes, and of categories: a group for each thing that was said by one kind of source."""
    shares = [each for each in route.quality.lines if each.figure is not None and each.data_type is not DataType.NUMBER]
    groups = [
        charts.Group(title, [(_version(each, say), _bar(each)) for each in same])
        for title, same in groupby(shares, key=lambda each: f"{say(f'source.{each.source_kind}')}: {_name(each)}")
    ]
    if groups:
        title = say("quality.plot")
        yield Plot(title, charts.shares(title, groups[: charts.MAX_ROWS], colours_of(route.service)))


def _bar(line: Summary) -> Bar:
    assert line.figure is not None
    low, high = line.interval or (0.0, 1.0)
    return Bar(line.figure, low, high)


def _name(line: Summary) -> str:
    """What is said, and of categories which one."""
    return said(line.name) if line.category is None else f"{said(line.name)} = {said(line.category)}"


def _version(line: Summary, say: Say) -> str:
    return said(line.version) or say("versions.unnamed")


def _line(line: Summary, say: Say) -> list[str]:
    figure, between = NOTHING, ""
    if line.figure is not None:
        is_mean = line.data_type is DataType.NUMBER
        figure = f"{line.figure:.4g}" if is_mean else percent(line.figure, line.of)
        if line.interval is not None:
            low, high = line.interval
            ends = (f"{low:.4g}", f"{high:.4g}") if is_mean else (percent(low, line.of, "{}"), percent(high, line.of))
            between = say("interval", low=ends[0], high=ends[1])
    meaning = say(f"figure.{line.data_type}", figure=figure)
    return [say(f"source.{line.source_kind}"), _name(line), _version(line, say), meaning, between, count(line.of)]


def _agreements(found: Quality, say: Say) -> Iterator[Block]:
    if not found.agreements:
        return
    yield Heading(say("agreement"), 4)
    columns = [say(f"agreement.{name}") for name in ("judge", "name", "answers", "same", "kappa")]
    yield Table(columns, [_agreement(each, say) for each in found.agreements], frozenset({2, 3, 4}))
    yield Text(say("agreement.basis"), is_aside=True)


def _agreement(each: Agreement, say: Say) -> list[str]:
    same = f"{say.share(each.same)} {say.interval(each.same)}".strip()
    kappa = NOTHING if each.kappa is None else f"{each.kappa:.2f}"
    judge = said(f"{each.judge}{IDENTITY}{each.identity}" if each.identity else each.judge)
    return [judge, said(each.name), count(each.same.of), same, kappa]


def guardrails(route: RouteReport, say: Say) -> Iterator[Block]:
    """What guardrails found, and what followed."""
    found, asked = route.findings, route.service.exchanges
    yield Heading(say("guardrails"), 3)
    if not found.lines:
        yield Text(say("guardrails.none"))
        return
    title = say("guardrails.plot")
    lines = _by_kind(found.lines, say)[: charts.MAX_ROWS]
    yield Plot(title, charts.counts(title, lines, (say("guardrails.enforced"), say("guardrails.observed"))))
    names = ("guardrail", "kind", "stage", "action", "enforced", "observed", "share")
    columns = [say(f"guardrails.{name}") for name in names]
    yield Table(columns, [_finding(each, asked, say) for each in found.lines], frozenset({4, 5, 6}))
    if found.left_out:
        yield Text(say("guardrails.left_out", count=count(found.left_out)), is_aside=True)
    yield Text(say("guardrails.basis", of=count(asked)), is_aside=True)


def _by_kind(lines: Iterable[Finding], say: Say) -> list[charts.Count]:
    """How often what was found, in requests and answers together."""
    counts: dict[str, charts.Count] = {}
    for each in lines:
        title = f"{said(each.kind)}, {say.name('action', each.action)}"
        told = counts.get(title, charts.Count(title, 0, 0))
        counts[title] = charts.Count(title, told.enforced + each.enforced, told.observed + each.observed)
    return sorted(counts.values(), key=lambda each: -(each.enforced + each.observed))


def _finding(found: Finding, asked: int, say: Say) -> list[str]:
    return [
        said(found.guardrail),
        said(found.kind),
        say.name("stage", found.stage),
        say.name("action", found.action),
        count(found.enforced),
        count(found.observed),
        say.share(Share(min(found.exchanges, asked), asked)),
    ]
