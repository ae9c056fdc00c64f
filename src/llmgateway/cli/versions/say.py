"""`llmgateway versions label | note`: what people say of a version."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.versions.found import VersionArgument, path_of
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate


def label(
    version: VersionArgument,
    labels: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="Labels to set; KEY= takes one off.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Set labels of a version, or take some off. Labels change; the version never does."""
    done = _said(locate(config, url, token_env), version, "labels", {"labels": _pairs(labels)})
    if as_json:
        gateway.print_json(done)
        return
    shown = ", ".join(f"{name}={each['value']}" for name, each in sorted(done["labels"].items()))
    typer.echo(one_line(f"{done['id']} has {shown or 'no labels'}"))


def _pairs(written: list[str]) -> dict[str, str | None]:
    pairs: dict[str, str | None] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name:
            fail(f"{one_line(each)} is no label: write KEY=VALUE, or KEY= to take it off", MISUSED)
        pairs[name] = value or None
    return pairs


def note(
    version: VersionArgument,
    text: Annotated[str, typer.Argument(help="What is to be remembered.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Write a note about a version, with your name and the time."""
    done = _said(locate(config, url, token_env), version, "notes", {"text": text})
    if as_json:
        gateway.print_json(done)
    else:
        count = len(done["notes"])
        typer.echo(one_line(f"{done['id']} has {count} note{'s' * (count != 1)}"))


def _said(source: Any, version: str, what: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    from llmgateway.wire.jsoncodec import encode

    body = ("application/json", encode(content))
    done: Mapping[str, Any] = gateway.change(
        source, "POST", f"{path_of(source, version)}/{what}", has="version", body=body
    )["version"]
    return done
