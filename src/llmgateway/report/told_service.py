"""What was served, in words: versions, availability, latency."""

from collections.abc import Iterator

from llmgateway.report.blocks import Block, Heading, Table, Text
from llmgateway.report.document import RouteReport
from llmgateway.report.figures import Share
from llmgateway.report.outcomes import Outcome
from llmgateway.report.say import NOTHING, Say, count, minute, said
from llmgateway.report.service import Version


def versions(route: RouteReport, say: Say) -> Iterator[Block]:
    """Which versions served, and when."""
    service = route.service
    yield Heading(say("versions"), 3)
    if not service.versions:
        yield Text(say("versions.none"))
        return
    columns = [
        say(f"versions.{name}") for name in ("name", "since", "until", "share", "available", "took", "first", "content")
    ]
    answered = service.available.count
    yield Table(
        columns,
        [_version(each, answered, say) for each in service.versions],
        frozenset({3, 4, 5, 6}),
        frozenset({1, 2, 5, 7}),
    )
    if service.versions_left_out:
        yield Text(say("versions.left_out", count=service.versions_left_out), is_aside=True)
    yield Text(say("versions.basis"), is_aside=True)


def _version(version: Version, answered: int, say: Say) -> list[str]:
    share = Share(version.answered, answered)
    return [
        said(version.name),
        NOTHING if version.first_at is None else minute(version.first_at),
        NOTHING if version.last_at is None else minute(version.last_at),
        f"{say.share(share)} ({count(version.answered)})",
        _with_interval(version.available, say),
        f"{say.half(version.took)} / {say.most(version.took)}",
        say.half(version.first_token),
        said(version.content)[:8],
    ]


def availability(route: RouteReport, say: Say) -> Iterator[Block]:
    """What came of the exchanges, and why some failed."""
    service = route.service
    yield Heading(say("availability"), 3)
    if not service.exchanges:
        yield Text(say("availability.none"))
        return
    rows = [
        [
            say(f"outcome.{what}"),
            count(service.outcomes[what]),
            say.share(Share(service.outcomes[what], service.exchanges)),
            say(f"outcome.{what}.means"),
        ]
        for what in Outcome
    ]
    columns = [say(f"availability.{name}") for name in ("what", "count", "share", "means")]
    yield Table(columns, rows, frozenset({1, 2}))
    yield Text(
        say("availability.basis", available=_with_interval(service.available, say), of=count(service.available.of))
    )
    if service.rescued:
        yield Text(say("availability.rescued", count=count(service.rescued)))
    if service.failures:
        causes = [[say.name("cause", code), said(code), count(number)] for code, number in service.failures]
        yield Table(
            [say("availability.cause"), say("availability.code"), say("availability.count")], causes, frozenset({2})
        )
    if service.replays:
        yield Text(say("availability.replays", count=count(service.replays)), is_aside=True)


def _with_interval(share: Share, say: Say) -> str:
    return f"{say.share(share)} {say.interval(share)}".strip()
