"""`llmgateway logs erase`: empty somebody's exchanges for good; `erasures`: who had that done, and when."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import FAILED, MISUSED, fail
from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import full_time, one_line
from llmgateway.cli.tables import Column, identity, number, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate

POLL_S: Final = 0.5
PATH: Final = "erasures"
_CHOOSING: Final = ("exchange_ids", "user", "key", "tag")
_DOING: Final = {
    "finding": "looking for them",
    "comparing": "looking for what replays have asked again",
    "linking": "looking for what judges were asked about them",
    "overwriting": "writing over what they say",
    "removing": "taking it out",
    "waiting": "waiting for the journal to let go, a minute or two, or until what runs has ended",
    "cleaning": "giving back the room",
    "done": "done",
}

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Exchanges, by their whole ids.")]
UserOption = Annotated[
    str | None, typer.Option(help="All of this user, as the application wrote it; also where it was stored redacted.")
]
KeyOption = Annotated[str | None, typer.Option(help="All of this caller's key, by its name.")]
TagOption = Annotated[str | None, typer.Option(help="All with this tag: NAME=VALUE, as it is stored.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Leave once it has begun; it goes on by itself.")]


def erase(
    ids: IdsArgument = None,
    user: UserOption = None,
    key: KeyOption = None,
    tag: TagOption = None,
    route: options.RouteOption = None,
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: gateway.YesOption = False,
    no_wait: NoWaitOption = False,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Erase exchanges for good: who asked and what was said goes, everywhere; their figures stay."""
    begin, end = options.span(since, until)
    options.tagged(tag)
    named = {"exchange_ids": ids, "user": user, "key": key, "tag": tag}
    narrowed = {"route": route, "since": begin, "until": end}
    whose = {name: value for name, value in (named | narrowed).items() if value}
    if not any(name in whose for name in _CHOOSING):
        fail("say whose: ids of exchanges, --user, --key or --tag", MISUSED)
    source = locate(config, url, token_env)
    counted = gateway.ask_about(source, PATH, whose | {"dry_run": True}, has="exchanges")
    if dry_run:
        _told(counted, as_json=as_json)
        return
    gateway.sure(source, _question(counted["exchanges"]), is_agreed=yes, has_dry=True)
    answer = _begun(source, whose)
    if not no_wait:
        answer = _awaited(source, answer["erasure"])
    _told(answer, as_json=as_json)


def erasures(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=gateway.PAGE, help="How many at most.")] = 50,
    before: Annotated[str | None, typer.Option(help="Go on behind this erasure: the next page.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List erasures, the newest first: who asked for them and when, and how far they are."""
    page = gateway.get(locate(config, url, token_env), PATH, has=PATH, limit=limit, before=before)
    if as_json:
        gateway.print_json(page)
        return
    columns = (identity("when"), Column("by"), Column("chosen by", rank=2), number("exchanges"), words("stands"))
    show(columns, [_row(each) for each in page[PATH]])
    if not page[PATH]:
        gateway.notes().print("nothing was erased yet")
    if page["next"] is not None:
        gateway.notes().print(f"more: --before {page['next']}", style="dim")


def _row(erasure: Mapping[str, Any]) -> list[str]:
    done = erasure["finished_at"]
    state = _DOING.get(erasure["stage"], erasure["stage"]) if done is None else f"done {full_time(done)[:19]}"
    by = ", ".join(erasure["selectors"])
    return [full_time(erasure["at"])[:19], one_line(erasure["by"]), one_line(by), f"{erasure['erased']:,}", state]


def _question(count: int) -> str:
    if not count:
        return "No exchange in the log is meant. Look through the journal and datasets all the same, and erase there?"
    return f"Erase {_exchanges(count)} for good, with their copies, and what was said of them?"


def _exchanges(count: int) -> str:
    return f"{count:,} exchange{'s' * (count != 1)}"


def _begun(source: Source, whose: Mapping[str, Any]) -> Mapping[str, Any]:
    from llmgateway.wire.jsoncodec import encode

    return gateway.change(source, "POST", PATH, has="erasure", body=("application/json", encode(whose)))


def _awaited(source: Source, erasure: Mapping[str, Any]) -> Mapping[str, Any]:
    """Show how it goes until it is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    notes = gateway.notes()
    answer: Mapping[str, Any] = {"erasure": erasure}
    try:
        with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
            task = progress.add_task("", total=None)
            while answer["erasure"]["finished_at"] is None:
                answer = gateway.get(source, f"{PATH}/{erasure['id']}", has="erasure")
                told = answer["erasure"]
                doing = _DOING.get(told["stage"], told["stage"])
                progress.update(task, description=doing, total=told["found"] or None, completed=told["erased"])
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        notes.print("it goes on by itself: `llmgateway logs erasures` tells how far it is")
        raise typer.Exit(FAILED) from None
    return answer


def _told(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        gateway.print_json(answer)
        return
    out, erasure = gateway.console(), answer["erasure"]
    if erasure is None:
        out.print(f"{_exchanges(answer['exchanges'])} would be erased; nothing was changed: this was a dry run")
    elif erasure["finished_at"] is None:
        out.print(f"erasure {erasure['id']} is under way: `llmgateway logs erasures` tells how far it is")
    else:
        items = erasure["items"]
        more = f", and {items:,} item{'s' * (items != 1)} of datasets" if items else ""
        out.print(f"{_exchanges(erasure['erased'])} erased{more} (erasure {erasure['id']})")
