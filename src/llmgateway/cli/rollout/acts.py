"""What people do with a rollout: start, pause, resume, approve, promote, roll back."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import fail
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.rollout.screen import brief, standing
from llmgateway.cli.tables import Trimmed
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate

RouteArgument = Annotated[str, typer.Argument(metavar="ROUTE", help="The route, as its applications write it.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stays in the rollout's history.")]
_NeverAsks = Annotated[bool, typer.Option("--yes", "-y", help="Nobody is asked anyway; scripts may say so.")]
SHOWN: Final = 600  # characters of what was said


def path(route: str, what: str = "") -> str:
    """An endpoint of a route's rollout."""
    return f"rollouts/{quote(route, safe='')}" + (f"/{what}" if what else "")


def word(what: str, summary: str) -> Callable[..., None]:
    """A command that says one thing about a route's rollout."""

    def say(
        route: RouteArgument,
        config: gateway.ConfigOption = None,
        url: UrlOption = None,
        token_env: TokenEnvOption = TOKEN_ENV,
        reason: ReasonOption = "",
        as_json: gateway.JsonOption = False,
        _yes: _NeverAsks = False,
    ) -> None:
        source = locate(config, url, token_env)
        tell(_done(source, path(route, what), reason=reason), as_json=as_json)

    say.__doc__ = summary
    return say


def start(
    route: RouteArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    reason: ReasonOption = "",
    waive_replay: Annotated[
        str, typer.Option("--waive-replay", help="Why it may begin without a replay that it needs; stays, too.")
    ] = "",
    as_json: gateway.JsonOption = False,
) -> None:
    """Begin the rollout that the route's table describes."""
    source = locate(config, url, token_env)
    tell(_done(source, path(route, "start"), reason=reason, waive_replay=waive_replay), as_json=as_json)


def approve(
    route: RouteArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    yes: gateway.YesOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Approve of the candidate's very version, on the evidence that is shown."""
    source = locate(config, url, token_env)
    found = gateway.get(source, path(route), has="rollout")["rollout"]
    if not as_json:
        tell(found, as_json=False)
    seen = found.get("evidence_hash", "")
    is_asked = found.get("asking", True)  # else the gateway says what is missing, and there is nothing to be sure about
    question = f"Approve of {one_line(found['candidate'])} on evidence {one_line(seen[:12])}?"
    gateway.sure(source, question, is_agreed=yes or not is_asked)
    done = _done(source, path(route, "approve"), evidence_hash=seen)
    if as_json:
        gateway.print_json(done)
    else:
        gateway.console().print("approved", style="green")


def promote(
    route: RouteArgument,
    rationale: Annotated[str, typer.Option("--rationale", help="Why it is right to go on; stays in the history.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    yes: gateway.YesOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Make the candidate the route's version, after a look at ten of its answers."""
    source = locate(config, url, token_env)
    found = gateway.get(source, path(route), has="rollout")["rollout"]
    if found["state"] != "awaiting_approval":
        missing = "".join(f"\n  {one_line(each)}" for each in brief(found.get("words", ())))
        fail(f"the rollout of {one_line(route)} is {found['state']}, and waits for nobody to promote it{missing}")
    shown = gateway.change(source, "POST", path(route, "exemplars"), has="exemplars")["exemplars"]
    if not as_json:
        _print_exemplars(shown)
    gateway.sure(source, f"Make the candidate of {one_line(route)} its version?", is_agreed=yes)
    tell(_done(source, path(route, "promote"), reason=rationale), as_json=as_json)


def _done(source: Source, where: str, **said: str) -> Mapping[str, Any]:
    """Have it done, and give the rollout as it is then. What is said goes into the body: a URL has no room for it."""
    from llmgateway.wire.jsoncodec import encode

    body = ("application/json", encode(said))
    rollout: Mapping[str, Any] = gateway.change(source, "POST", where, has="rollout", body=body)["rollout"]
    return rollout


def tell(rollout: Mapping[str, Any], *, as_json: bool) -> None:
    """Print how a rollout is."""
    if as_json:
        gateway.print_json(rollout)
    else:
        gateway.console().print(Trimmed(standing(rollout)))


def _print_exemplars(exemplars: list[Mapping[str, Any]]) -> None:
    out = gateway.console()
    for number, each in enumerate(exemplars, 1):
        out.print(
            f"{number}. {one_line(each['id'])} {one_line(str(each['finish_reason'] or each['end']))}", style="bold"
        )
        for kind, text in each["said"].items():
            told = one_line(_words(kind, text))
            out.print(f"   {kind}: {told[:SHOWN]}{' …' if len(told) > SHOWN else ''}")


def _words(kind: str, content: str) -> str:
    """What people read of a body: the last that was asked, or all that was answered; else the body as it is."""
    from llmgateway.guarding.pieces import pieces_of, texts_of_reply
    from llmgateway.wire.jsoncodec import JsonError, decode

    try:
        found = decode(content)
    except JsonError:
        return content
    if not isinstance(found, dict):
        return content
    said = pieces_of(found)[-1:] if kind == "request" else [each.piece for each in texts_of_reply(found)]
    return " ".join(each.text for each in said) or content
