"""`llmgateway datasets erase`: take an exchange out of every dataset, or empty one version."""

from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate


def erase(
    dataset: Annotated[str | None, typer.Argument(help="NAME@VERSION: all of its items.")] = None,
    exchange: Annotated[
        str | None, typer.Option("--exchange", help="What comes from this exchange, in every dataset.")
    ] = None,
    yes: gateway.YesOption = False,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Erase items for good. Their places stay, empty, and the versions say how many are gone."""
    from llmgateway.cli.datasets.asking import named
    from llmgateway.wire.jsoncodec import encode

    if (dataset is None) == (exchange is None):
        fail("say what to erase: NAME@VERSION, or --exchange ID", MISUSED)
    content: dict[str, Any] = {"exchange_id": exchange}
    if dataset is not None:
        name, version = named(dataset)
        if version is None:
            fail(f"which version of {dataset}? Write {dataset}@1", MISUSED)
        content = {"name": name, "version": version}
    place = locate(config, url, token_env)
    gateway.sure(place, "Erase this for good?", is_agreed=yes)
    answer = gateway.change(place, "POST", "datasets/erase", has="erased", body=("application/json", encode(content)))
    if as_json:
        gateway.print_json(answer)
    else:
        count = answer["erased"]
        gateway.console().print(f"{count:,} item{'s' * (count != 1)} erased")
