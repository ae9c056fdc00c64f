"""`llmgateway review add`, `sample`: put exchanges into a queue."""

from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.review.options import (
    DueOption,
    IntoOption,
    JsonOption,
    NoteOption,
    PriorityOption,
    ReviewsOption,
    SchemaOption,
    given,
    seconds,
)
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate


def add(
    exchange: Annotated[str, typer.Option("--exchange", help="The exchange's id, in full.")],
    reason: Annotated[str, typer.Option("--reason", help="Why: reported, drift, rollback …")] = "reported",
    against: Annotated[str | None, typer.Option("--against", help="A second exchange: a blind pair.")] = None,
    queue: IntoOption = None,
    priority: PriorityOption = 0,
    due: DueOption = None,
    note: NoteOption = None,
    schema: SchemaOption = None,
    reviews: ReviewsOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Put one exchange, or a blind pair, into a queue."""
    sent = given(
        exchange_id=exchange,
        other_id=against,
        reason=reason,
        queue=queue,
        priority=priority,
        due_in=seconds(due, "--due"),
        note=note,
        schema=schema,
        reviews=reviews,
    )
    done = _post(config, url, token_env, "review/items", "item", sent)
    if as_json:
        gateway.print_json(done)
    else:
        words = "is there already" if done["known"] else f"is added to {done['item']['queue']}"
        gateway.console().print(f"{done['item']['id']} {words}")


def sample(
    route: Annotated[str, typer.Option("--route", help="Of which route.")],
    since: Annotated[str, typer.Option("--since", help="From then on: 15m, 2h, 3d ago, or 2026-11-23T09:30.")] = "1d",
    until: Annotated[str | None, typer.Option("--until", help="Before then; written like --since.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=10_000, help="How many.")] = 50,
    stratify: Annotated[str | None, typer.Option("--stratify", help="As many of each `version`.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Blind pairs: exchanges with their shadows' copies.")] = False,
    seed: Annotated[str | None, typer.Option("--seed", help="Another draw; the same seed draws the same.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why. Default: random, or what fits the draw.")] = None,
    queue: IntoOption = None,
    priority: PriorityOption = 0,
    due: DueOption = None,
    note: NoteOption = None,
    schema: SchemaOption = None,
    reviews: ReviewsOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Draw exchanges of a route by the hash of their ids, and put them into a queue."""
    fitting = "canary_pair" if pairs else "stratified" if stratify else "random"
    begin, end = options.span(since, until)
    sent = given(
        route=route,
        since=begin,
        until=end,
        count=count,
        stratify=stratify,
        pairs=pairs or None,
        seed=seed,
        reason=reason or fitting,
        queue=queue,
        priority=priority,
        due_in=seconds(due, "--due"),
        note=note,
        schema=schema,
        reviews=reviews,
    )
    done = _post(config, url, token_env, "review/sample", "items", sent)
    if as_json:
        gateway.print_json(done)
        return
    told = f"{done['added']} added, {done['known']} there already, {done['refused']} refused"
    gateway.console().print(one_line(f"{told}; drawn from {done['drawn_from']:,} exchanges"))


def _post(
    config: gateway.ConfigOption, url: str | None, token_env: str, path: str, has: str, sent: dict[str, object]
) -> dict[str, Any]:
    from llmgateway.wire.jsoncodec import encode

    source = locate(config, url, token_env)
    return dict(gateway.change(source, "POST", path, has=has, body=("application/json", encode(sent))))
