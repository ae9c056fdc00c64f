"""`llmgateway config apply | rollback`: another configuration, or an earlier one, looked at before it is in force."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate

Make = Callable[..., Mapping[str, Any]]


def apply(
    file: Annotated[
        Path, typer.Argument(help="The new configuration; - is stdin. *** keeps the secret that stands there now.")
    ],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    reason: gateway.ReasonOption = "",
    dry_run: gateway.DryOption = False,
    yes: gateway.YesOption = False,
    credentials: Annotated[
        list[str] | None, typer.Option(help="A backend whose env: or file: credential may go to its new base_url.")
    ] = None,
    as_json: gateway.JsonOption = False,
) -> None:
    """Check a configuration, show what it changes, and put it in force on all workers."""
    from llmgateway.config import source as text_source

    if str(file) == "-":
        text = text_source.decoded(sys.stdin.buffer.read(text_source.MAX_BYTES + 1), "stdin").encode()
    else:
        text = text_source.read_text(file).encode()
    source = locate(config, url, token_env)

    def make(match: str | None = None, **query: Any) -> Mapping[str, Any]:
        body, confirmed = ("application/toml", text), ",".join(credentials or ())
        return gateway.change(source, "PUT", "config", body=body, match=match or "*", credentials=confirmed, **query)

    _looked_at(source, make, reason, dry_run=dry_run, yes=yes, as_json=as_json)


def rollback(
    number: Annotated[int, typer.Argument(min=1, help="The generation to go back to.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    reason: gateway.ReasonOption = "",
    dry_run: gateway.DryOption = False,
    yes: gateway.YesOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Put an earlier generation in force again, as a new one."""
    source = locate(config, url, token_env)

    def make(match: str | None = None, **query: Any) -> Mapping[str, Any]:
        return gateway.change(source, "POST", f"generations/{number}/rollback", match=match, **query)

    _looked_at(source, make, reason, dry_run=dry_run, yes=yes, as_json=as_json)


def _looked_at(source: Source, make: Make, reason: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show what would change, ask, and do it: to that very text, or not at all."""
    would = make(dry_run=True)
    out = gateway.console()
    if not as_json:
        gateway.print_diff(out, would["diff"])
    if would["replaces_edits"]:
        gateway.notes().print(
            "the file was edited and is not in force: those edits are replaced as well", style="yellow"
        )
    done = would
    if not dry_run and would["changed"]:
        gateway.sure(source, "Put this in force?", is_agreed=yes, has_dry=True)
        done = make(would["base"], reason=reason)
    if as_json:
        gateway.print_json(done)
    else:
        gateway.print_outcome(out, done if dry_run or would["changed"] else {**would, "dry_run": False})
