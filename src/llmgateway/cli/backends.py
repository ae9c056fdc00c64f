"""`llmgateway backends`: the endpoints behind the routes, how they are, and an operator's word about them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line, seconds
from llmgateway.cli.tables import Cell, Column, number, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The backend, as the configuration calls it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stands in the gateway's log.")]
ForOption = Annotated[str, typer.Option("--for", help="For how long, like 90s, 5m or 1h30m.")]
_STYLES: Final = {"in": "green", "ejected": "red", "half_open": "yellow", "drained": "yellow"}
_COLUMNS: Final = (
    Column("backend", least=12),
    Column("at", rank=5, least=20),
    words("used by", rank=4, least=12),
    words("state", least=14),
    number("in flight", rank=2),
    number("first token", rank=3),
    number("faults", rank=1),
)
_TOLD_S: Final = 0.00005
_WORDS: Final = {
    "heal": "End its ejection, whoever or whatever caused it.",
    "drain": "Send it no new exchanges until `undrain`; those under way finish. The file stays as it is.",
    "undrain": "Send it exchanges again.",
}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    backends = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    backends.callback()(_group)
    backends.command("list")(list_backends)
    backends.command("eject")(eject)
    for what, summary in _WORDS.items():
        backends.command(what)(word(what, summary))
    app.add_typer(backends, name="backends")


def _group() -> None:
    """See how the backends are; take one out, and bring it back."""


def list_backends(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List the backends in force: where they are, who uses them, and how they are over all workers."""
    backends = gateway.every(locate(config, url, token_env), "backends")
    if as_json:
        gateway.print_json({"backends": backends})
    else:
        _print(backends)


def eject(
    name: NameArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    time: ForOption = "5m",
    reason: ReasonOption = "",
    as_json: gateway.JsonOption = False,
) -> None:
    """Send it no new exchanges for some time; then it is back by itself."""
    from llmgateway.config import values
    from llmgateway.wire.jsoncodec import encode

    try:
        body = encode({"seconds": values.seconds(time)})
    except ValueError:
        raise typer.BadParameter(f"{time!r} is no duration: write 90s, 5m or 1h30m", param_hint="--for") from None
    source = locate(config, url, token_env)
    _act(source, "eject", name, body=("application/json", body), reason=reason, as_json=as_json)


def word(what: str, summary: str) -> Callable[..., None]:
    """A command that says one thing about one backend."""

    def say(
        name: NameArgument,
        config: gateway.ConfigOption = None,
        url: UrlOption = None,
        token_env: TokenEnvOption = TOKEN_ENV,
        reason: ReasonOption = "",
        as_json: gateway.JsonOption = False,
    ) -> None:
        _act(locate(config, url, token_env), what, name, reason=reason, as_json=as_json)

    say.__doc__ = summary
    return say


def _act(
    source: Source, what: str, name: str, *, reason: str, as_json: bool, body: tuple[str, bytes] | None = None
) -> None:
    path = f"backends/{quote(name, safe='')}/{what}"
    done = gateway.change(source, "POST", path, has="backend", body=body, reason=reason)["backend"]
    if as_json:
        gateway.print_json(done)
        return
    style = _STYLES.get(done["state"], "")
    gateway.console().print(f"{one_line(done['name'])} is {one_line(state(done))}", style=style)


def state(backend: Mapping[str, Any]) -> str:
    """How a backend is, and why where something speaks against it, as people read it."""
    word = str(backend["state"]).replace("_", "-")
    return f"{word}: {backend['why']}" if backend["why"] else word


def _print(backends: list[Mapping[str, Any]]) -> None:
    show(_COLUMNS, [_row(each) for each in backends])


def _row(each: Mapping[str, Any]) -> Sequence[Cell]:
    from rich.text import Text

    used = ", ".join(map(one_line, each["used_by"])) or "nobody"
    at = f"{one_line(each['base_url'])} ({one_line(each['provider'])})"
    how = Text(one_line(state(each)), _STYLES.get(each["state"], ""))
    return (one_line(each["name"]), at, used, how, *_figures(each))


def _figures(backend: Mapping[str, Any]) -> tuple[str, str, str]:
    waiting = f" + {backend['queued']} waiting" if backend["queued"] else ""
    return (
        f"{backend['in_flight']}{waiting}",
        seconds(backend["ewma_s"]) if (backend["ewma_s"] or 0.0) >= _TOLD_S else "-",  # it fades while nothing comes
        f"{backend['faults']} of {backend['attempts']}",
    )
