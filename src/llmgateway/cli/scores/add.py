"""`llmgateway scores add`: score an exchange, as a person or for a program or judge."""

import getpass
import re
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_BOOLS: Final = {"true": True, "yes": True, "false": False, "no": False}


def add(
    exchange_id: Annotated[str, typer.Argument(metavar="EXCHANGE", help="The exchange's id, in full.")],
    name: Annotated[str, typer.Argument(help="What is scored, like helpful or relevance.")],
    value: Annotated[str, typer.Argument(help="yes or no, a number, or one of few words; --type text for more.")],
    kind: Annotated[str | None, typer.Option("--type", help="bool, number, category or text; else it is guessed.")] = (
        None
    ),
    source: Annotated[str, typer.Option(help="Who says it: human, code or judge.")] = "human",
    source_id: Annotated[str | None, typer.Option("--source-id", help="Which one. Default: you.")] = None,
    run: Annotated[str | None, typer.Option(help="Which run of a program or judge.")] = None,
    comment: Annotated[str | None, typer.Option(help="Why.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Sent again with the same key, it counts once.")
    ] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Score an exchange that is in the store; whoever scores it again under the same name corrects themselves."""
    from llmgateway.wire.jsoncodec import encode

    score = {
        "exchange_id": exchange_id.strip().lower(),
        "name": name,
        "value": read(value, kind),
        "data_type": kind,
        "source_kind": source,
        "source_id": source_id or _user(),
        "run": run,
        "comment": comment,
        "idempotency_key": idempotency_key,
    }
    body = encode({field: given for field, given in score.items() if given is not None})
    place = locate(config, url, token_env)
    saved = gateway.change(place, "POST", "scores", has="score", body=("application/json", body))["score"]
    if as_json:
        gateway.print_json(saved)
        return
    by = f"{saved['source_kind']} {saved['source_id']}"
    about = f"{saved['route'] or 'no route'}/{saved['version'] or 'no version'}"
    kept = saved["value"]
    said = ("yes" if kept else "no") if isinstance(kept, bool) else kept
    gateway.console().print(one_line(f"{saved['name']} {said} by {by}, of {about}"))


def read(text: str, kind: str | None) -> Any:
    """The value that a word on the command line means."""
    if kind in {None, "bool"} and text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if kind in {None, "number"} and _NUMBER.fullmatch(text):
        return float(text)
    return text


def _user() -> str:
    """Whoever is at the keyboard, as it may stand in a score."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        name = ""
    return re.sub(r"[^!-~]", "?", name)[:128] or "somebody"
