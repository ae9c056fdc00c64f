"""`llmgateway logs list`: exchanges, newest first, a page at a time."""

from typing import Annotated, Final

import typer

from llmgateway.cli import knownroutes
from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import json_text
from llmgateway.cli.logs.search import PAGE, Walk, add_details, walk
from llmgateway.config.problems import did_you_mean, quoted
from llmgateway.ports.store import Row, StoreReader, Wanted

# What is refused before it is known who asks.
_NAMELESS: Final = frozenset(
    {"bad_request", "conflicting_credentials", "headers_too_large", "invalid_api_key", "not_found", "uri_too_long"}
)


def list_exchanges(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    route: options.RouteOption = None,
    version: options.VersionOption = None,
    key: options.KeyOption = None,
    user: options.UserOption = None,
    tag: options.TagOption = None,
    status: options.StatusOption = None,
    error: options.ErrorOption = None,
    guardrail: options.GuardrailOption = None,
    verdict: options.VerdictOption = None,
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    shadow: options.ShadowOption = False,
    text: options.TextOption = None,
    scan: options.ScanOption = options.SCAN,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many at most.")] = 50,
    before: Annotated[str | None, typer.Option(help="Go on behind this id: the next page.")] = None,
    as_json: options.JsonOption = False,
) -> None:
    """List exchanges, newest first."""
    wanted = options.wanted(
        route=route,
        version=version,
        key=key,
        user=user,
        tag=tag,
        status=status,
        error=error,
        guardrail=guardrail,
        verdict=verdict,
        since=since,
        until=until,
        shadow=shadow,
    )
    plan = Walk(wanted, limit=limit, before=_cursor(before), text=text, scan=scan)
    path = options.store_path(config, data, route)
    rows, hint = options.with_reader(path, lambda reader: _found(reader, plan, with_details=as_json))
    if as_json:
        for row in rows:
            typer.echo(json_text(row))
    else:
        _print(rows)
    _note(plan, rows, limit, hint)


def _cursor(text: str | None) -> str | None:
    """Where the page before ended. Anything that is no id would look like the beginning or the end of the log."""
    from llmgateway.domain.ids import is_exchange_id

    if text is not None and not is_exchange_id(text.lower()):
        raise typer.BadParameter("has to be the id of an exchange", param_hint="--before")
    return text and text.lower()


async def _found(reader: StoreReader, plan: Walk, *, with_details: bool) -> tuple[list[Row], str]:
    """The rows, and where there are none what may be wrong with the names that were asked for."""
    from rich.progress import Progress

    notes = lines.notes()
    with Progress(console=notes, transient=True, disable=plan.text is None or not notes.is_terminal) as progress:
        task = progress.add_task("looking into bodies", total=plan.scan)
        rows = [row async for row in walk(reader, plan, lambda count: progress.update(task, advance=count))]
    if with_details:
        for at in range(0, len(rows), PAGE):
            await add_details(reader, rows[at : at + PAGE])
    return rows, "" if rows else await _unheard_of(reader, plan.wanted)


async def _unheard_of(reader: StoreReader, wanted: Wanted) -> str:
    """The end of a sentence about a name that nothing in the newest part of the log has: it may be a typo."""
    newest = await reader.page(Wanted(route=wanted.route, shadow=None), limit=knownroutes.LOOKED_AT)
    if wanted.user is not None and wanted.user not in {row["user"] for row in newest}:
        return f"; the newest {len(newest):,} have no user {quoted(wanted.user)}"
    for what, name, column in (("version", wanted.version, "served_version"), ("key", wanted.key, "key")):
        known = {row[column] for row in newest if row[column]}
        if name is not None and name not in known:
            return f"; the newest {len(newest):,} have no {what} {quoted(name)}{did_you_mean(name, known)}"
    return await _no_verdict(reader, newest, wanted.guardrail) or _never_logged(wanted.error)


async def _no_verdict(reader: StoreReader, newest: list[Row], guardrail: str | None) -> str:
    if guardrail is None:
        return ""
    verdicts = await reader.verdicts([row["seq"] for row in newest])
    known = {verdict["guardrail"] for each in verdicts.values() for verdict in each}
    if guardrail in known:
        return ""
    nothing_of = f"in the newest {len(newest):,} {quoted(guardrail)} has found nothing"
    return f"; {nothing_of}{did_you_mean(guardrail, known)}"


def _never_logged(error: str | None) -> str:
    """Of whom nobody knows there is no record: the log can't answer, and another figure can."""
    if error not in _NAMELESS:
        return ""
    return f"; nobody knows who gets {error}, so it is only counted: llmgateway_refused_total in /metrics"


def _print(rows: list[Row]) -> None:
    out = lines.console()
    columns = lines.chosen(out.width)
    if rows:
        out.print(lines.heading(columns))
    for row in rows:
        out.print(lines.line(row, columns, is_cut=out.is_terminal))


def _note(plan: Walk, rows: list[Row], limit: int, hint: str) -> None:
    notes = lines.notes()
    if plan.is_cut:
        notes.print(
            f"--text looked through the newest {plan.scanned:,} exchanges of these filters; --scan looks further",
            style="dim",
        )
    elif not rows:
        notes.print(f"no exchange matches{hint}")
    if len(rows) == limit:
        notes.print(f"more: --before {rows[-1]['id']}", style="dim")
