"""`llmgateway scores list`: what was said, the last first."""

from typing import Annotated

import typer

from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import full_time, json_text, one_line
from llmgateway.cli.scores.options import (
    NameOption,
    SinceOption,
    SourceOption,
    VersionOption,
    source,
    wanted,
    written,
)
from llmgateway.cli.tables import Column, identity, show, words
from llmgateway.domain.score import Score, State

_COLUMNS = (
    identity("said", rank=4),
    Column("exchange", least=36),  # an id is whole; a caller's reference may be long
    Column("of", rank=2),
    Column("name"),
    Column("value"),
    Column("by", rank=3),
    Column("state", rank=1),
    words("comment", rank=5),
)


def list_scores(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    exchange: Annotated[str | None, typer.Option(help="Only of this exchange, by its id.")] = None,
    route: options.RouteOption = None,
    version: VersionOption = None,
    name: NameOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what was said before, waits for its exchange, or was rejected.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many at most.")] = 50,
    before: Annotated[int | None, typer.Option(help="Go on behind this number: the next page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one line a score.")] = False,
) -> None:
    """List scores, the last to come first."""
    from llmgateway.store.shown import shown_score

    asked = wanted(
        route=route, version=version, name=name, source=source, since=since, exchange_id=exchange, every=every
    )
    path = options.store_path(config, data, route)
    found = options.with_reader(path, lambda reader: reader.scores(asked, limit=limit, before=before))
    if as_json:
        for score in found:
            typer.echo(json_text(shown_score(score)))
    else:
        _print(found, with_state=every)
    notes = lines.notes()
    if not found:
        notes.print("no score matches")
    if len(found) == limit:
        notes.print(f"more: --before {found[-1].seq}", style="dim")


def _print(scores: list[Score], *, with_state: bool) -> None:
    if not scores:
        return
    rows = []
    for score in scores:
        about = "/".join(filter(None, map(one_line, (score.route, score.version)))) or "?"
        cells = [
            full_time(score.at)[:19],
            one_line(score.exchange_id) or f"reference {one_line(score.reference)}",
            about,
            one_line(score.name),
            written(score),
            source(score),
            *([state(score)] if with_state else []),
            one_line(score.comment),
        ]
        rows.append(cells)
    show([column for column in _COLUMNS if with_state or column.title != "state"], rows)


def state(score: Score) -> str:
    """What became of it."""
    if score.state is State.VALID:
        return "current" if score.is_current else "earlier"
    return f"{score.state.value}: {score.reason.value}" if score.reason is not None else score.state.value
