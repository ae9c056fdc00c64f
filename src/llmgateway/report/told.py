"""A report in words: what is said of it, block by block, in one language. Pure."""

from collections.abc import Iterator

from llmgateway import __version__
from llmgateway.report import say as speaking
from llmgateway.report.blocks import Block, Heading, Plot, Text, Tile, Tiles
from llmgateway.report.document import Report, RouteReport
from llmgateway.report.plots import overview, sparks
from llmgateway.report.say import Say, count, minute, said
from llmgateway.report.told_rollouts import rollouts, spans_of
from llmgateway.report.told_service import availability, versions


def told(report: Report, language: str) -> list[Block]:
    """Everything that the report says."""
    say = Say(language)
    blocks = list(_head(report, say))
    for route in report.routes:
        blocks += _route(report, route, say)
    return [*blocks, *_limits(report, say)]


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
    if not report.routes:
        yield Text(say("head.nothing"))


def _route(report: Report, route: RouteReport, say: Say) -> Iterator[Block]:
    if report.wanted.route is None:
        yield Heading(say("route", route=said(route.route)), 2)
    yield _tiles(route, say)
    yield _picture(report, route, say)
    yield from versions(route, say)
    yield from availability(route, say)
    yield from rollouts(route, say)


def _tiles(route: RouteReport, say: Say) -> Tiles:
    service = route.service
    return Tiles(
        [
            Tile(
                say("tile.exchanges"),
                count(service.exchanges),
                say("tile.answered", count=count(service.available.count)),
            ),
            Tile(say("tile.available"), say.share(service.available), say.interval(service.available)),
            Tile(say("tile.p50"), say.half(service.took), say("tile.p95", seconds=say.most(service.took))),
            Tile(say("tile.rollouts"), count(len(route.rollouts)), say("tile.rolled_back", count=_rolled_back(route))),
        ]
    )


def _rolled_back(route: RouteReport) -> int:
    return sum(each.state in {"rolled_back", "rolling_back"} for each in route.rollouts)


def _picture(report: Report, route: RouteReport, say: Say) -> Plot:
    periods = report.periods
    spans = spans_of(route.rollouts, report.wanted.until, say)
    volume = [float(each.exchanges) for each in route.service.periods.values()]
    failed = [each.failed / max(1, each.answered + each.failed) for each in route.service.periods.values()]
    lines = (
        f"{say('plot.volume')}: {sparks(volume, max(volume, default=0.0))}",
        f"{say('plot.failed')}: {sparks(failed, max(failed, default=0.0))}",
    )
    return Plot(say("plot.overview"), overview(route.service, periods, spans, (), say), lines)


def _limits(report: Report, say: Say) -> Iterator[Block]:
    yield Heading(say("limits"), 2)
    kept = report.kept
    if kept.oldest_at is not None and kept.oldest_at > report.wanted.since:
        yield Text(say("limits.begins", at=minute(kept.oldest_at)))
    if kept.deleted:
        yield Text(say("limits.deleted", count=count(kept.deleted)))
    yield Text(say("limits.texts", at=minute(kept.texts_at)) if kept.texts_at else say("limits.no_texts"))
    if report.homeless:
        yield Text(say("limits.homeless", count=count(report.homeless)))
    if report.routes_left_out:
        yield Text(say("limits.routes", count=count(report.routes_left_out)))
    yield Text(say("limits.always"))
