"""`llmgateway review concern add`, `list`, `resolve`, `accept`: what numbers can't say about a version."""

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.review.asking import send
from llmgateway.cli.review.options import JsonOption, given
from llmgateway.cli.tables import Column, identity, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_COLUMNS = (
    identity("concern"),
    Column("about", rank=2),
    Column("by", rank=3),
    Column("stands", rank=1, least=12),
    words("what"),
)
_BLIND: Final = "a side of a pair that is open"  # its author is not told which version that is

ConcernArgument = Annotated[str, typer.Argument(metavar="CONCERN", help="The concern's id.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why; stands with your name.")]


def add(
    text: Annotated[str, typer.Argument(help="What is wrong, in your words.")],
    route: Annotated[str, typer.Option("--route", help="About which route.")],
    version: Annotated[str | None, typer.Option("--version", help="About which version; without it, all.")] = None,
    severity: Annotated[str, typer.Option("--severity", help="low, medium, high or critical.")] = "medium",
    owner: Annotated[str | None, typer.Option("--owner", help="Who should look after it.")] = None,
    exchange: Annotated[str | None, typer.Option("--exchange", help="An exchange that shows it.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Raise a concern: while it is open, the version is not promoted."""
    sent = given(route=route, version=version, severity=severity, text=text, owner=owner, exchange_id=exchange)
    _tell(send(locate(config, url, token_env), "concerns", "concern", **sent), as_json=as_json)


def list_concerns(
    route: Annotated[str | None, typer.Option("--route", help="Only about this route.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only open, resolved or accepted ones.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="How many at most.")] = 100,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """List concerns, the newest first."""
    source = locate(config, url, token_env)
    found = gateway.get(source, "concerns", has="concerns", route=route, state=state, limit=limit)
    if as_json:
        gateway.print_json(found)
    elif found["concerns"]:
        _print(found["concerns"])
    else:
        gateway.notes().print("no concern matches")


def resolve(
    concern: ConcernArgument,
    reason: WhyOption,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Say that what a concern was about is put right."""
    path = f"concerns/{quote(concern, safe='')}/resolve"
    _tell(send(locate(config, url, token_env), path, "concern", reason=reason), as_json=as_json)


def accept(
    concern: ConcernArgument,
    reason: WhyOption,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Take upon yourself what a concern is about."""
    path = f"concerns/{quote(concern, safe='')}/accept"
    _tell(send(locate(config, url, token_env), path, "concern", reason=reason), as_json=as_json)


def _tell(concern: Any, *, as_json: bool) -> None:
    if as_json:
        gateway.print_json(concern)
        return
    about = one_line(f"{concern['route']}/{_BLIND if concern.get('blind') else concern['version'] or 'all versions'}")
    gateway.console().print(f"{concern['id']} about {about} is {concern['state']}")


def _print(found: list[dict[str, Any]]) -> None:
    rows = []
    for each in found:
        about = f"{each['route']}/{_BLIND if each.get('blind') else each['version'] or '*'}"
        stands = each["state"] if each["state"] == "open" else f"{each['state']} by {each['closed_by']}"
        cells = (each["id"], about, each["by"], f"{each['severity']}, {stands}", each["text"])
        rows.append([one_line(cell) for cell in cells])
    show(_COLUMNS, rows)
