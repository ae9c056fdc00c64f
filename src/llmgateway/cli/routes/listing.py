"""`llmgateway routes list`: the routes in force, who answers them, and whether they can."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Column, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate

_COLUMNS = (
    Column("route", least=16),
    words("versions", least=16),
    words("backends", least=14),
    Column("sticky", rank=2, least=6),
    words("guardrails", rank=1, least=12),
)
Shown = Mapping[str, Any]


def list_routes(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List the routes in force: versions with their share of the traffic now, backends and how they are, guardrails."""
    source = locate(config, url, token_env)
    routes = gateway.every(source, "routes")
    backends = {each["name"]: each["state"] for each in gateway.every(source, "backends")}
    rollouts = _running(source)
    found = [
        {**each, "shares": shares(each, rollouts.get(each["name"])), "backends": _standing(each, backends)}
        for each in routes
    ]
    if as_json:
        gateway.print_json({"routes": found})
    elif found:
        show(_COLUMNS, [_row(each, rollouts.get(each["name"])) for each in found])
    else:
        gateway.notes().print("there is no route: [routes.NAME.versions.v1] in the configuration makes one")


def _running(source: Source) -> dict[str, Shown]:
    """The rollouts that run, by route; none, and a note, where the gateway can't tell, as while its store is away."""

    def told(path: str, has: str) -> Any:
        status, body = whereabouts.ask(source, "GET", f"/admin/v1/{path}", gateway.TIMEOUT_S)
        return whereabouts.understood(source, status, body, has=has)[has]

    try:
        heads = [each for each in told("rollouts", "rollouts") if each["running"]]
        return {each["route"]: told(f"rollouts/{quote(each['route'], safe='')}", "rollout") for each in heads}
    except whereabouts.UnreachableError:
        gateway.notes().print("rollouts can't be looked up now: the shares are those of the file", style="dim")
        return {}


def shares(route: Shown, rollout: Shown | None) -> dict[str, float]:
    """Each version's share of the traffic now, in percent: as the file has it, or as a rollout that runs has it."""
    filed = {each["name"]: each["share_percent"] for each in route["versions"]}
    ids = {each["name"]: each["id"] for each in route["versions"]}
    if rollout is None or "weight" not in rollout or ids.get(rollout["candidate"]) != rollout["version_hash"]:
        return filed
    candidate, weight = rollout["candidate"], rollout["weight"]
    others = sum(share for name, share in filed.items() if name != candidate)
    if not others:
        return filed
    left = (1 - weight) / others
    return {name: round(100 * (weight if name == candidate else share * left), 3) for name, share in filed.items()}


def _standing(route: Shown, backends: Mapping[str, str]) -> dict[str, str]:
    """How each of a route's backends is: `in`, `ejected`, `half_open` or `drained`."""
    names = dict.fromkeys(name for version in route["versions"] for name in version["backends"])
    return {name: backends.get(name, "unknown") for name in names}


def _row(route: Shown, rollout: Shown | None) -> Sequence[Any]:
    from rich.text import Text

    told, style = health(route["backends"])
    versions = ", ".join(f"{name} {share:.3g} %" for name, share in route["shares"].items())
    rolling = f" (rollout of {rollout['candidate']}: {rollout['state']})" if rollout is not None else ""
    cells = (route["name"], versions + rolling, told, route["sticky"], guarded(route["guardrails"]))
    return [Text(one_line(cell), style if at == 2 else "") for at, cell in enumerate(cells)]


def health(standing: Mapping[str, str]) -> tuple[str, str]:
    """How many backends take requests, and by name those that do not; with the colour of it."""
    out = [f"{name} {state.replace('_', '-')}" for name, state in standing.items() if state != "in"]
    told = f"{len(standing) - len(out)} of {len(standing)} in"
    style = "green" if not out else "red" if len(out) == len(standing) else "yellow"
    return (f"{told}: {', '.join(out)}" if out else told), style


def guarded(guardrails: Sequence[Shown]) -> str:
    """Their names in order; those that only observe are marked."""
    named = (each["name"] + (" (observes)" if each["mode"] == "observe" else "") for each in guardrails)
    return ", ".join(named) or "none"
