"""What the commands that read scores have in common: their filters, and how a value is written."""

from typing import Annotated

import typer

from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import one_line
from llmgateway.domain.score import DataType, Score, SourceKind
from llmgateway.ports.scores import WantedScores

SOURCES = tuple(SourceKind)

VersionOption = Annotated[str | None, typer.Option(help="Only of this version, the assigned one.")]
NameOption = Annotated[str | None, typer.Option(help="Only under this name.")]
SourceOption = Annotated[str | None, typer.Option(help=f"Only of this kind of source: {', '.join(SOURCES)}.")]
SinceOption = Annotated[str | None, typer.Option(help="Said from then on: 15m, 2h, 3d ago, or 2026-11-23T09:30.")]


def wanted(
    *,
    route: str | None,
    version: str | None,
    name: str | None,
    source: str | None,
    since: str | None,
    exchange_id: str | None = None,
    every: bool = False,
) -> WantedScores:
    """Read the filters; raises typer.BadParameter."""
    if source is not None and source not in SOURCES:
        raise typer.BadParameter(f"{source!r} is none of {', '.join(SOURCES)}", param_hint="--source")
    return WantedScores(
        exchange_id=exchange_id.strip().lower() if exchange_id else None,
        route=route,
        version=version,
        name=name,
        source_kind=SourceKind(source) if source else None,
        since=options.moment(since, "--since"),
        every=every,
    )


def written(score: Score) -> str:
    """A score's value on one line."""
    if score.value is None:
        return "(forgotten)"
    if isinstance(score.value, bool):
        return "yes" if score.value else "no"
    return f"{score.value:g}" if score.data_type is DataType.NUMBER else one_line(score.value)


def source(score: Score) -> str:
    """Who said it."""
    run = f" (run {one_line(score.run)})" if score.run else ""
    return f"{score.source_kind.value} {one_line(score.source_id)}{run}"
