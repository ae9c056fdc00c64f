"""`llmgateway logs show`: one exchange with its attempts, its timing, its verdicts, its scores, and what was said."""

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, NoReturn

import typer

from llmgateway.cli.errors import fail
from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.pairs import print_pair
from llmgateway.cli.logs.printable import dollars, full_time, json_text, many_lines, one_line, seconds, size
from llmgateway.cli.logs.scores import print_scores
from llmgateway.cli.logs.verdicts import print_verdicts
from llmgateway.domain.score import Score
from llmgateway.ports.store import Body, Row, StoreReader, Wanted
from llmgateway.routing.comparison import Comparison, compare
from llmgateway.store.shown import shown_body, shown_score
from llmgateway.wire.jsoncodec import JsonError, decode, encode_pretty

if TYPE_CHECKING:
    from rich.console import Console

LAST: Final = "last"
SHOWN_CHARACTERS: Final = 20_000  # of each body
BAR: Final = 40
LISTED: Final = 5  # ids that a beginning may stand for


class Found(NamedTuple):
    """An exchange, what was said in it and of it, and the other side of its pair where there is one."""

    row: Row
    bodies: list[Body]
    pair: Comparison | None
    scores: list[Score]


def show(
    exchange_id: Annotated[str, typer.Argument(metavar="ID", help="The exchange's id, its beginning, or `last`.")],
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    full: Annotated[bool, typer.Option("--full", help="Print bodies whole, however long.")] = False,
    as_json: options.JsonOption = False,
) -> None:
    """Show one exchange: facts, verdicts, scores, attempts, timing, request and reply."""
    path = options.store_path(config, data)
    row, bodies, pair, scores = options.with_reader(path, lambda reader: _find(reader, exchange_id.strip().lower()))
    if as_json:
        more = {
            "scores": [shown_score(score) for score in scores],
            "bodies": [shown_body(body) for body in bodies],
            "comparison": pair.shown() if pair else None,
        }
        typer.echo(json_text(row | more, pretty=True))
        return
    out = lines.console()
    _print_facts(out, row)
    print_verdicts(out, row)
    print_scores(out, scores)
    _print_attempts(out, row)
    if pair is not None:
        print_pair(out, pair)
    for body in bodies:
        _print_body(out, body, limit=None if full else SHOWN_CHARACTERS)


async def _find(reader: StoreReader, exchange_id: str) -> Found:
    if exchange_id == LAST:
        newest = await reader.page(Wanted(shadow=False), limit=1)
        if not newest:
            fail("the log is empty")
        exchange_id = newest[0]["id"]
    row = await reader.exchange(exchange_id)
    if row is None:
        row = await reader.exchange(await _completed(reader, exchange_id))
    if row is None:
        _unknown(exchange_id)
    return await _with_pair(reader, row)


async def _with_pair(reader: StoreReader, row: Row) -> Found:
    """Add what was said and the pair. A copy's request is its primary's, and kept there alone."""
    said, scores = await _said(reader, row), await reader.scores_of(row["seq"])
    if row["shadow_of"] is None:
        copies = await reader.page(Wanted(shadow_of=row["id"]), limit=1)
        return Found(row, said, compare(row, copies[0]) if copies else None, scores)
    primary = await reader.exchange(row["shadow_of"])
    if primary is None:
        return Found(row, said, None, scores)
    asked = [body for body in await _said(reader, primary) if body.kind == "request"]
    return Found(row, [*asked, *said], compare(primary, row), scores)


async def _said(reader: StoreReader, row: Row) -> list[Body]:
    return (await reader.bodies([row["seq"]])).get(row["seq"], [])


async def _completed(reader: StoreReader, beginning: str) -> str:
    """The one id that begins so; leaves the program if there is none or several."""
    ids = await reader.matching_ids(beginning, limit=LISTED + 1) if beginning else []
    if not ids:
        _unknown(beginning)
    if len(ids) > 1:
        some = "\n  ".join(ids[:LISTED])
        fail(f"{one_line(beginning)} is the beginning of several ids; write more of it:\n  {some}")
    return ids[0]


def _unknown(exchange_id: str) -> NoReturn:
    fail(
        f"no exchange {one_line(exchange_id)} in the store: it may be older than what is kept, still running, "
        "or a second from being stored; `llmgateway logs list` shows what is there"
    )


def _print_facts(out: "Console", row: Row) -> None:
    from rich.text import Text

    for name, value in _facts(row):
        if value:
            out.print(Text(f"{name:<10} ", style="dim") + Text(value))


def _facts(row: Row) -> list[tuple[str, str]]:
    version = one_line(row["served_version"] or row["assigned_version"])
    if row["served_version"] and row["assigned_version"] not in {None, row["served_version"]}:
        version += f" (chosen: {one_line(row['assigned_version'])})"
    ended = f"{one_line(row['end'])}" + (f" in phase {one_line(row['phase'])}" if row["end"] != "completed" else "")
    return [
        ("exchange", one_line(row["id"])),
        ("shadow of", one_line(row["shadow_of"])),
        ("received", full_time(row["at"])),
        ("erased", _erased(row)),
        ("ended", " · ".join(filter(None, [str(row["status"] or ""), ended, seconds(row["duration_s"])]))),
        ("error", " · ".join(filter(None, [one_line(row["error_code"]), one_line(row["error_detail"])]))),
        ("request", f"{one_line(row['method'])} {one_line(row['path'])}" + (" (streamed)" if row["stream"] else "")),
        ("caller", _joined(row, "key", "peer", "user", "session", "user_agent", "caller_request_id")),
        ("route", " · ".join(filter(None, [one_line(row["route"]), version]))),
        ("chosen by", _chosen_by(row)),
        (
            "model",
            " → ".join(dict.fromkeys(filter(None, map(one_line, (row["request_model"], row["response_model"]))))),
        ),
        ("tokens", _tokens(row)),
        ("cost", dollars(row["cost_usd"])),
        ("timing", _timing(row)),
        ("tags", ", ".join(f"{one_line(name)}={one_line(value)}" for name, value in row["tags"].items())),
    ]


def _erased(row: Row) -> str:
    at = row["erased_at"]
    return "" if at is None else f"{full_time(at)}: who asked and what was said is gone"


def _chosen_by(row: Row) -> str:
    """Why the version was assigned, and how likely that was."""
    reason, chance = row["assigned_by"], row["probability"]
    if not reason:
        return ""
    kind, _, name = one_line(reason).partition(":")
    words = {"split": "the weights", "rule": f"rule {name}", "pin": "the caller's pin", "home": "its home"}
    return words.get(kind, kind) + (f" (chance {chance:.4g})" if chance is not None and chance < 1 else "")


def _joined(row: Row, *names: str) -> str:
    return " · ".join(f"{name.replace('_', ' ')} {one_line(row[name])}" for name in names if row[name])


def _tokens(row: Row) -> str:
    kinds = (("input", "in"), ("output", "out"), ("cached", "cached"), ("reasoning", "reasoning"))
    told = [f"{row[f'{kind}_tokens']} {word}" for kind, word in kinds if row[f"{kind}_tokens"] is not None]
    return ", ".join(told) + (" (estimated)" if told and row["usage_estimated"] else "")


def _timing(row: Row) -> str:
    parts = (("first token after", "first_token_s"), ("the gateway's share", "overhead_s"))
    return ", ".join(f"{words} {seconds(row[name])}" for words, name in parts if row[name] is not None)


def _print_attempts(out: "Console", row: Row) -> None:
    from rich.text import Text

    whole = max([row["duration_s"] or 0.0, *(_end(attempt) for attempt in row["attempts"])])
    for number, attempt in enumerate(row["attempts"], 1):
        what = f"{one_line(attempt['kind'])} → {one_line(attempt['backend'])}"
        how = " ".join(filter(None, [str(attempt["status"] or ""), one_line(attempt["result"])]))
        detail = f"  {one_line(attempt['detail'])}" if attempt["detail"] else ""
        style = {"ok": "", "lost": "dim"}.get(attempt["result"], "red")
        out.print(
            Text(f"attempt {number}  {bar(attempt, whole)} {what}: {how}, {seconds(attempt['total_s'])}{detail}", style)
        )


def bar(attempt: Row, whole: float) -> str:
    """One attempt on the exchange's time line: `░` waiting for the first byte, `█` reading the answer."""
    if whole <= 0:
        return " " * BAR
    start = attempt["offset_s"] or 0.0
    end = _end(attempt)
    first = start + attempt["first_byte_s"] if attempt["first_byte_s"] is not None else end
    marks = [max(0, min(BAR, round(moment / whole * BAR))) for moment in (start, first, end)]
    if marks[2] == marks[0]:
        marks[0] = min(marks[0], BAR - 1)
        marks[1], marks[2] = marks[0], marks[0] + 1
    return (" " * marks[0] + "░" * (marks[1] - marks[0]) + "█" * (marks[2] - marks[1])).ljust(BAR)


def _end(attempt: Row) -> float:
    return (attempt["offset_s"] or 0.0) + (attempt["total_s"] or 0.0)


def _print_body(out: "Console", body: Body, limit: int | None) -> None:
    from rich.text import Text

    cut = ", cut when it was stored" if body.is_truncated else ""
    out.print()
    out.print(Text(f"── {body.kind}  {one_line(body.media)}, {size(body.size)}{cut}", style="bold"))
    if body.content is None:
        out.print(Text(f"not stored; sha256 {one_line(body.sha256)}" if body.sha256 else "not stored", style="dim"))
        return
    text = many_lines(_pretty(body.content))
    out.print(Text(text if limit is None else text[:limit]))
    if limit is not None and len(text) > limit:
        out.print(Text(f"… {len(text) - limit:,} more characters: --full prints all", style="dim"))


def _pretty(content: bytes) -> str:
    try:
        return encode_pretty(decode(content)).decode()
    except (JsonError, TypeError):  # not JSON, or nested deeper than can be written
        return content.decode("utf-8", "backslashreplace")
