"""`llmgateway report`: what the log says to somebody who asks whether the service can be relied on."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from llmgateway.cli.files import write_private
from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import json_text, many_lines, one_line
from llmgateway.domain.clock import SystemClock

if TYPE_CHECKING:
    from llmgateway.report.document import Report
    from llmgateway.report.wanted import WantedReport

SINCE: Final = "30d"


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


_SUFFIXES: Final = {
    ".html": Form.HTML, ".htm": Form.HTML, ".md": Form.MARKDOWN, ".markdown": Form.MARKDOWN, ".txt": Form.MARKDOWN,
    ".json": Form.JSON,
}  # fmt: skip


class Language(StrEnum):
    EN = "en"
    JA = "ja"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("report")(report)


def report(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    route: Annotated[
        str | None, typer.Option(help="Only this route; without it all of them, the busiest first.")
    ] = None,
    since: Annotated[str, typer.Option(help="From then on: 15m, 2h, 30d ago, or 2026-11-23T09:30.")] = SINCE,
    until: options.UntilOption = None,
    language: Annotated[Language, typer.Option(help="The language it is written in.")] = Language.EN,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="What it is written as. Default: by the name of --output, else markdown."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; without it, it is printed.")
    ] = None,
) -> None:
    """Say which versions served, how available they were, what was found, and who decided what: a trust report."""
    wanted = _wanted(since, until, route)
    found = _found(options.store_path(config, data, route), wanted)
    if route is not None and not found.routes[0].service.exchanges:
        lines.notes().print(f"nobody asked for {one_line(route)} in this time", style="yellow")
    chosen = Form.JSON if as_json else form or _by_name(output)
    text = written(found, chosen, language.value)
    if output is None:
        typer.echo(many_lines(text), nl=False)
        return
    write_private(output, text)
    lines.notes().print(f"report in {output}", style="dim")


def written(found: "Report", form: Form, language: str) -> str:
    """The report in one of its forms."""
    from llmgateway.report.html import render_html
    from llmgateway.report.markdown import render_markdown

    match form:
        case Form.HTML:
            return render_html(found, language)
        case Form.MARKDOWN:
            return render_markdown(found, language)
        case Form.JSON:
            return json_text(found.shown(), pretty=True) + "\n"


def _by_name(output: Path | None) -> Form:
    if output is None or not output.suffix:
        return Form.MARKDOWN
    if output.suffix.lower() not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise typer.BadParameter(f"{output.name}: a report is {known}; --format says it for other names")
    return _SUFFIXES[output.suffix.lower()]


def _wanted(since: str, until: str | None, route: str | None) -> "WantedReport":
    from llmgateway.report.wanted import WantedReport

    now = SystemClock.time()
    begin, end = options.moment(since, "--since", now), options.moment(until, "--until", now)
    assert begin is not None
    wanted = WantedReport(begin, now if end is None else min(end, now), now, route)
    if wanted.since >= wanted.until:
        raise typer.BadParameter("it has to be before --until, and before now", param_hint="--since")
    return wanted


def _found(path: Path, wanted: "WantedReport") -> "Report":
    """Look everything up, and show what is looked at."""
    from llmgateway.report.collect import report as collected

    notes = lines.notes()
    with notes.status("reading the log", spinner="line") as status:
        return options.with_reader(
            path, lambda reader: collected(reader, wanted, lambda what: status.update(f"reading: {what}"))
        )
