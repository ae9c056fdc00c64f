"""Asking the running gateway for something: what the commands that change it have in common.

Exit codes: 0 it is done; 2 what was asked for is wrong (line and reason say how); 1 anything else. Nothing is
different from before unless it is 0.
"""

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

import typer

from llmgateway.cli.errors import FAILED, MISUSED, fail
from llmgateway.cli.logs.printable import many_lines, one_line
from llmgateway.cli.whereabouts import CONFIG_ENV, Source, UnreachableError, ask, understood

if TYPE_CHECKING:
    from rich.console import Console

TIMEOUT_S: Final = 30.0
PAGE: Final = 1_000  # of a list
_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}
_AUTHOR: Final = "x-llmgateway-author"  # who is at the keyboard

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar=CONFIG_ENV, help="Take address and token of the admin listener from this file."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stands in the history.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print what the gateway says as JSON.")]


def get(source: Source, path: str, /, *, has: str, **query: Any) -> Mapping[str, Any]:
    """Read something; leaves the program with a sentence where that fails. What is told may depend on who asks."""
    return _asked(source, "GET", path, query, has=has, headers={_AUTHOR: _author()})


def every(source: Source, path: str, /, **query: Any) -> list[Mapping[str, Any]]:
    """A whole list, over all its pages; the member of the answers is called as the path is."""
    found: list[Mapping[str, Any]] = []
    after = None
    while True:
        page = get(source, path, has=path, limit=PAGE, after=after, **query)
        found += page[path]
        if (after := page["next"]) is None:
            return found


def ask_about(source: Source, path: str, content: Any, *, has: str) -> Mapping[str, Any]:
    """Ask a question that is too long for a URL; changes nothing. Leaves the program where that fails."""
    from llmgateway.wire.jsoncodec import encode

    return _asked(source, "POST", path, {}, has=has, body=encode(content), headers={"Content-Type": "application/json"})


def change(
    source: Source,
    method: str,
    path: str,
    *,
    has: str = "changed",
    body: tuple[str, bytes] | None = None,
    match: str | None = None,
    **query: Any,
) -> Mapping[str, Any]:
    """Ask for a change; `body`: content type and content; `has`: a member of the answer.

    Leaves the program where it is refused.
    """
    headers: dict[str, str | bytes] = {_AUTHOR: _author()}
    if match is not None:
        headers["If-Match"] = f'"{match}"' if match != "*" else match
    if body is not None:
        headers["Content-Type"] = body[0]
    sent = body[1] if body else None
    return _asked(source, method, path, query, has=has, body=sent, headers=headers, tells_whose=True)


def _asked(
    source: Source, method: str, path: str, query: Mapping[str, Any], *, has: str, **more: Any
) -> Mapping[str, Any]:
    told = {name: _written(value) for name, value in query.items() if value not in (None, "", False)}
    target = f"/admin/v1/{path}" + (f"?{urlencode(told)}" if told else "")
    try:
        status, answer = ask(source, method, target, TIMEOUT_S, **more)
        _refused(source, status, answer)
        return understood(source, status, answer, has=has)
    except UnreachableError as error:
        fail(str(error))


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _author() -> bytes:
    """Who is at the keyboard, as the system has it."""
    try:
        return getpass.getuser().encode("utf-8", "replace")
    except (KeyError, OSError):  # a user without a name, in a container
        return b"somebody"


def _refused(source: Source, status: int, body: bytes) -> None:
    """Leave the program if the gateway says no, with all it says."""
    from llmgateway.wire.jsoncodec import decode

    try:
        error = decode(body)["error"]
        code, message = error["code"], error["message"]
    except (ValueError, TypeError, KeyError):
        return
    if status == 401:
        return
    if code == "not_found":  # of a path, which is ours: callers' listener says the same in its own words
        fail(
            f"{source.url} has no such endpoint: is it the admin listener (`[admin] listen`), of this version?", MISUSED
        )
    for problem in error.get("problems", ()):
        line = f"line {problem['line']}: " if problem["line"] else ""
        path = f"{problem['path']}: " if problem["path"] else ""
        typer.echo(one_line(f"{line}{path}{problem['reason']}"), err=True)
    for worker in error.get("workers", ()):
        typer.echo(one_line(f"worker {worker['slot']}: {worker['error']}"), err=True)
    is_ours = status in {400, 404, 413, 415, 422}
    fail(one_line(f"{message} ({code})"), MISUSED if is_ours else FAILED)


def sure(source: Source, question: str, *, is_agreed: bool, has_dry: bool = False) -> None:
    """Ask whoever is at the terminal, who is told first which gateway it is about; leaves the program unless they say
    yes. `has_dry`: the command has --dry-run.
    """
    if is_agreed:
        return
    if not _can_ask():
        fail("nobody can be asked here: --yes goes ahead" + (", --dry-run only shows" if has_dry else ""), MISUSED)
    if not source.told:
        _asked(source, "GET", "backends", {"limit": 1}, has="backends", tells_whose=True)
    try:
        if typer.confirm(question):
            return
    except typer.Abort:  # Ctrl-C, or the end of the input
        typer.echo(err=True)
    typer.echo("nothing was changed", err=True)
    raise typer.Exit(FAILED)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def notes() -> "Console":
    """Standard error, for what is not the answer itself."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_diff(out: "Console", diff: str) -> None:
    """A diff in colours; what is in it can't move the cursor."""
    from rich.text import Text

    for line in many_lines(diff).splitlines():
        is_heading = line.startswith(("---", "+++"))
        out.print(Text(line, "bold" if is_heading else _STYLES.get(line[:1], "")))


def print_outcome(out: "Console", done: Mapping[str, Any]) -> None:
    """What a change did."""
    if done["dry_run"]:
        out.print("nothing was changed: this was a dry run" if done["changed"] else "it would change nothing")
    elif not done["changed"]:
        out.print(f"nothing to change: generation {done['generation']} has it already")
    else:
        count = len(done["workers"])
        out.print(f"generation {done['generation']} is in force on {count} worker{'s' * (count != 1)}", style="green")
    for warning in done["warnings"]:
        out.print(f"warning: {one_line(warning)}", style="yellow")
    for name in done["needs_restart"]:
        out.print(f"{one_line(name)} takes effect at the next start", style="yellow")


def print_json(value: Any) -> None:
    from llmgateway.cli.logs.printable import json_text

    typer.echo(json_text(value, pretty=True))
