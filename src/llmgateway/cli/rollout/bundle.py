"""`llmgateway rollout bundle`: what a rollback rests on, and what came of its exemplars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.rollout.acts import RouteArgument, path
from llmgateway.cli.rollout.screen import figures, paired
from llmgateway.cli.tables import room
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

if TYPE_CHECKING:
    from rich.console import Group


def bundle(
    route: RouteArgument,
    rollout: Annotated[str | None, typer.Option("--id", help="This rollout; else the last one rolled back.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show what a rollback rests on, and where its exemplars went."""
    found = gateway.get(locate(config, url, token_env), path(route, "bundle"), has="bundle", id=rollout)
    if as_json:
        gateway.print_json(found)
    else:
        gateway.console().print(_shown(found["bundle"], found["after"]))


def _shown(kept: Mapping[str, Any], after: Mapping[str, Any]) -> "Group":
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    if kept:
        decided = kept["decided"]
        parts += [Text(_headline(kept), "red"), figures(decided["metrics"], room())]
        if decided.get("pairs"):  # what decided it, where nobody had the candidate yet
            parts.append(Text(paired(decided["pairs"])))
        parts += [Text(_exemplar(each)) for each in kept["exemplars"]]
    parts += [Text(one_line(each)) for each in followed(after)]
    return Group(*parts)


def _headline(kept: Mapping[str, Any]) -> str:
    of, cause = kept["rollout"], kept["cause"]
    why = f" ({cause['reason']})" if cause["reason"] else ""
    return one_line(
        f"{of['route']}: {of['candidate']} instead of {of['stable']} · rolled back by {cause['actor'] or 'the gateway'}"
        f", {cause['event']}{why} · rollout {of['id']}, generation {cause['generation']}"
    )


def _exemplar(each: Mapping[str, Any]) -> str:
    return one_line(f"{each['exchange_id']} {', '.join(each['bad']) or 'at random'}")


def followed(after: Mapping[str, Any]) -> list[str]:
    """What came of the exemplars, in sentences."""
    if after["done_at"] is None:
        return [f"not all is done yet: {after['error'] or 'it is under way'}"]
    if not after.get("review"):
        return ["rolled back before bundles were kept"]
    review, dataset = after["review"], after["dataset"]
    told = [f"{review['added'] + review['known']} to review (llmgateway review list --reason rollback)"]
    if review["refused"]:
        told.append(f"{review['refused']} found no room in the queue")
    if dataset is None:
        return [*told, "kept out of the regression dataset (regression = false)"]
    left = ", ".join(f"{count} {reason}" for reason, count in dataset["left_out"].items())
    if dataset["version"] is None:
        told.append(f"nothing new for {dataset['name']}" + (f": {left}" if left else ""))
    else:
        told.append(f"{dataset['added']} new in {dataset['name']}@{dataset['version']}" + (f"; {left}" if left else ""))
    return told
