"""`llmgateway routes weight`: another split of a route's traffic, in force on all workers when it returns."""

from typing import Annotated
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate
from llmgateway.wire.jsoncodec import encode


def weight(
    route: Annotated[str, typer.Argument(help="The route, as its applications write it.")],
    weights: Annotated[list[str], typer.Argument(metavar="VERSION=WEIGHT…", help="Like v1=50 v2=50.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    reason: gateway.ReasonOption = "",
    dry_run: gateway.DryOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Change the weights of a route's versions. Those that are not named keep theirs."""
    body = encode(read_weights(weights))
    done = gateway.change(
        locate(config, url, token_env),
        "PUT",
        f"routes/{quote(route, safe='')}/weights",
        body=("application/json", body),
        reason=reason,
        dry_run=dry_run,
    )
    if as_json:
        gateway.print_json(done)
        return
    out = gateway.console()
    gateway.print_diff(out, done["diff"])
    gateway.print_outcome(out, done)


def read_weights(words: list[str]) -> dict[str, float]:
    """Read `v1=50 v2=50`; raises typer.BadParameter."""
    weights: dict[str, float] = {}
    for word in words:
        name, equals, text = word.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not equals or not name or not 0 <= number <= 1_000_000:
            raise typer.BadParameter(f"{word!r} is no weight: write a version and a number from 0, like v1=50")
        if name in weights:
            raise typer.BadParameter(f"{name} is given twice")
        weights[name] = int(number) if number.is_integer() else number
    return weights
