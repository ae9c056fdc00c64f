"""A report in words: what is said of it, block by block, in one language. Pure."""

from collections.abc import Iterator

from llmgateway import __version__
from llmgateway.domain.review import ConcernState
from llmgateway.report import say as speaking
from llmgateway.report.blocks import Block, Heading, Plot, Text, Tile, Tiles
from llmgateway.report.document import Report, RouteReport
from llmgateway.report.plots import overview, sparks
from llmgateway.report.say import Say, count, minute, said
from llmgateway.report.service import Period
from llmgateway.report.told_people import changes, concerns, incidents, marks_of, reviews
from llmgateway.report.told_quality import guardrails, quality
from llmgateway.report.told_rollouts import rollouts, spans_of
from llmgateway.report.told_service import availability, versions


def told(report: Report, language: str) -> list[Block]:
    """Everything that the report says."""
    say = Say(language)
    blocks = list(_head(report, say))
    for route in report.routes:
        blocks += _route(report, route, say)
    return [*blocks, *_gateway(report, say), *_limits(report, say)]


def title_of(report: Report, say: Say) -> str:
    """What the report is called."""
    return say("title") if report.wanted.route is None else say("title.route", route=said(report.wanted.route))


def _head(report: Report, say: Say) -> Iterator[Block]:
    wanted = report.wanted
    yield Heading(title_of(report, say), 1)
    times = {"since": minute(wanted.since), "until": minute(wanted.until), "zone": speaking.zone(wanted.until)}
    yield Text(
        say("head.time", **times) + " " + say("head.made", at=minute(wanted.made_at), version=__version__),
        is_aside=True,
    )
    if (begins := report.kept.oldest_at) is not None and begins > wanted.since:
        yield Text(say("head.begins", at=minute(begins)))
    if not report.routes:
        yield Text(say("head.nothing"))


def _route(report: Report, route: RouteReport, say: Say) -> Iterator[Block]:
    if report.wanted.route is None:
        yield Heading(say("route", route=said(route.route)), 2)
    yield _tiles(route, say)
    yield _picture(report, route, say)
    for part in (versions, availability, quality, guardrails, rollouts):
        yield from part(route, say)
    yield from incidents(route.events, say)
    yield from reviews(route, say)
    yield from concerns(route, say)


def _tiles(route: RouteReport, say: Say) -> Tiles:
    service, found = route.service, route.findings.lines
    is_open = sum(each.state is ConcernState.OPEN for each in route.concerns.told)
    rolled_back = sum(each.state in {"rolled_back", "rolling_back"} for each in route.rollouts)
    enforced = count(sum(each.enforced for each in found))
    tiles = (
        ("exchanges", count(service.exchanges), {"count": count(service.available.count)}),
        ("available", say.share(service.available), {"interval": say.interval(service.available)}),
        ("p50", say.half(service.took), {"seconds": say.most(service.took)}),
        ("found", count(sum(each.exchanges for each in found)), {"count": enforced}),
        ("rollouts", count(len(route.rollouts)), {"count": rolled_back}),
        ("concerns", count(is_open), {"count": count(len(route.concerns.told) + route.concerns.left_out)}),
    )
    return Tiles([Tile(say(f"tile.{name}"), figure, say(f"tile.{name}.below", **more)) for name, figure, more in tiles])


def _picture(report: Report, route: RouteReport, say: Say) -> Plot:
    spans = spans_of(route.rollouts, report.wanted.until, say)
    marks = marks_of(route, report.events, report.changes)
    told = route.service.periods
    periods = [told.get(at, Period()) for at in range(report.periods.count)]
    volume = [float(each.exchanges) for each in periods]
    failed = [each.failed / max(1, each.answered + each.failed) for each in periods]
    lines = (
        f"{say('plot.volume')}: {sparks(volume)}",
        f"{say('plot.failed')}: {sparks(failed)}",
    )
    return Plot(say("plot.overview"), overview(route.service, report.periods, spans, marks, say), lines)


def _gateway(report: Report, say: Say) -> Iterator[Block]:
    """What is of no route."""
    yield Heading(say("whole"), 2)
    yield from incidents(report.events, say)
    yield from changes(report.changes, say)


def _limits(report: Report, say: Say) -> Iterator[Block]:
    yield Heading(say("limits"), 2)
    kept = report.kept
    if kept.deleted:
        yield Text(say("limits.deleted", count=count(kept.deleted)))
    yield Text(say("limits.texts", at=minute(kept.texts_at)) if kept.texts_at else say("limits.no_texts"))
    yield Text(say("limits.cost", **_priced(report)))
    if report.homeless:
        yield Text(say("limits.homeless", count=count(report.homeless)))
    if report.routes_left_out:
        yield Text(say("limits.routes", count=count(report.routes_left_out)))
    if report.is_cut:
        yield Text(say("limits.cut"))
    yield Text(say("limits.always"))


def _priced(report: Report) -> dict[str, str]:
    services = [route.service for route in report.routes]
    cost = sum(each.cost_usd for each in services)
    priced, of = (sum(getattr(each, name) for each in services) for name in ("priced", "exchanges"))
    return {"cost": f"{cost:,.2f}", "priced": count(priced), "of": count(of)}
