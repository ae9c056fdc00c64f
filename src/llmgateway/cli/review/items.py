"""`llmgateway review show`, `list`, `export`: what is in the queues."""

from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import fail
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.review.asking import print_item, standing
from llmgateway.cli.review.options import ItemArgument, JsonOption, QueueOption, given
from llmgateway.cli.tables import Column, identity, number
from llmgateway.cli.tables import show as table
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UnreachableError, UrlOption, ask, locate

_COLUMNS: Final = (
    identity("item"),
    Column("queue", rank=4),
    Column("reason", rank=2),
    Column("route", rank=1),
    number("p", rank=3),
    Column("stands", least=14),
)
PART: Final = 100  # items that are fetched at once: each may have long corrections

StateOption = Annotated[str | None, typer.Option("--state", help="Only open, disputed, done or skipped ones.")]
RouteOption = Annotated[str | None, typer.Option("--route", help="Only this route.")]
WhyOption = Annotated[str | None, typer.Option("--reason", help="Only those that are there for this reason.")]


def show(
    item: ItemArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Show an item without claiming it."""
    found = gateway.get(locate(config, url, token_env), f"review/items/{quote(item, safe='')}", has="item")["item"]
    if as_json:
        gateway.print_json(found)
    else:
        print_item(gateway.console(), found)


def list_items(
    queue: QueueOption = None,
    state: StateOption = None,
    reason: WhyOption = None,
    route: RouteOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Go on behind this item: the next page.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """List items in the order in which they are handed out."""
    query = given(queue=queue, state=state, reason=reason, route=route, limit=limit, after=after)
    source = locate(config, url, token_env)
    found = gateway.get(source, "review/items", has="items", **query)
    if as_json:
        gateway.print_json(found)
        return
    if found["items"]:
        _print(found["items"])
    else:
        gateway.notes().print("no item matches")
    if found["next"]:
        gateway.notes().print(f"more: --after {found['next']}", style="dim")


def export(
    queue: QueueOption = None,
    reason: WhyOption = None,
    route: RouteOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines: the only form there is.")] = True,
) -> None:
    """Print closed items with their reviews as JSON lines, sides and versions named."""
    assert as_json
    source = locate(config, url, token_env)
    after: str | None = None
    while True:
        query = urlencode(given(queue=queue, reason=reason, route=route, limit=PART, after=after))
        try:
            status, body = ask(source, "GET", f"/admin/v1/review/export?{query}", gateway.TIMEOUT_S)
        except UnreachableError as error:
            fail(str(error))
        if status != 200:
            # says in the usual words what is wrong
            gateway.get(source, "review/items", has="items", route=route, limit=1)
            fail(f"the gateway answers {status}")
        lines = body.decode().splitlines()
        for line in lines:
            typer.echo(line)
        if len(lines) < PART:
            return
        after = _id(lines[-1])


def _id(line: str) -> str:
    from llmgateway.wire.jsoncodec import decode

    return str(decode(line.encode())["id"])


def _print(items: list[dict[str, Any]]) -> None:
    names = ("id", "queue", "reason", "route", "priority")
    table(_COLUMNS, [[*(one_line(item[name]) for name in names), standing(item)] for item in items])
