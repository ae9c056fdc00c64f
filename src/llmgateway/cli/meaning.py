"""What a configuration means, as tables for people. The words are `config.describe`'s."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmgateway.cli import gateway
from llmgateway.cli.pages import Titled

if TYPE_CHECKING:
    from rich.console import Console

    from llmgateway.config.loader import Examined


def print_meaning(file: Path, examined: "Examined", versions: Sequence[str] = ()) -> None:
    """Print it: the gateway, its routes, backends and keys, and what the file is warned of. `versions`: those that are
    others than the ones in force.
    """
    from llmgateway.config.describe import describe

    console = gateway.console()
    meaning = describe(examined.snapshot)
    _print_gateway(console, meaning)
    _print_routes(console, meaning["routes"])
    _print_backends(console, meaning["backends"])
    _print_health(console, meaning["backends"])
    _print_keys(console, meaning["keys"])
    for line in versions:
        console.print(line)
    for warning in examined.warnings:
        console.print(f"warning: {warning}", style="yellow")
    count = len(examined.warnings)
    console.print(f"{file} is valid" + (f", with {count} warning{'s' * (count > 1)}" if count else ""), style="green")


def _print_gateway(console: "Console", meaning: dict[str, Any]) -> None:
    server, admin, keep, journal = meaning["server"], meaning["admin"], meaning["data"], meaning["journal"]
    table = Titled("Gateway", "what", "setting", "means")
    scheme = "https" if server["tls"] else "http"
    who = "callers need a key" if server["keys_required"] else "no key needed"
    guarded = "a token is needed" if admin["token"] else "no token"
    count = server["workers"]
    workers = f"{count} worker{'s' * (count != 1)}" if count else "one worker a core"
    serves = "serves unlogged when the disk is full" if journal["serve_unlogged"] else "serves nothing it cannot log"
    survives = "survives power loss" if journal["durability"] == "disk" else "survives kill -9"
    table.add_row("callers", f"{scheme}://{server['listen']}", f"{server['reach']}; {who}; {workers}")
    table.add_row("admin", f"http://{admin['listen']}", f"{admin['reach']}; {guarded}")
    table.add_row("limits", f"{server['body']} / {server['upload']}", f"body / upload; drains for {server['drain']}")
    most = "of any size" if keep["max_store"] == "unlimited" else f"at most {keep['max_store']}"
    table.add_row("data", keep["dir"], f"keeps exchanges {keep['exchanges']}, bodies {keep['bodies']}, {most}")
    table.add_row("journal", journal["durability"], f"{survives}; {serves}")
    console.print(table)


def _print_routes(console: "Console", routes: list[dict[str, Any]]) -> None:
    table = Titled("Routes", "route", "version", "share", "model", "backends", "id")
    for route in routes:
        for index, version in enumerate(route["versions"]):
            share = f"{version['share_percent']:g} %" if version["weight"] else _without_weight(version["name"], route)
            model = (version["model"] or "as called") + "".join(f"\n{k} = {v}" for k, v in version["params"].items())
            if (prompt := version["prompt"]) is not None:
                model += f"\nprompt of {prompt['characters']:,} characters" + (
                    f" from {prompt['file']}" if prompt["file"] is not None else ""
                )
            backends = ", ".join(version["backends"])
            table.add_row("" if index else route["name"], version["name"], share, model, backends, version["id"])
        table.add_section()
    console.print(table)
    _print_rules(console, routes)
    settings = Titled(
        "Settings of routes", "route", "sticky by", "fallback order", "attempts", "bodies", "keys that may use it"
    )
    for route in routes:
        keys = "everyone" if route["keys"] is None else ", ".join(route["keys"]) or "nobody"
        fallback = " → ".join(route["fallback"]) or "none"
        settings.add_row(route["name"], route["sticky"], fallback, _attempts(route), route["bodies"], keys)
    console.print(settings)
    _print_choices(console, routes)
    _print_guardrails(console, routes)
    _print_rollouts(console, [(route["name"], route["rollout"]) for route in routes if route["rollout"] is not None])
    _print_golden(console, [(route["name"], route["golden"]) for route in routes if route["golden"] is not None])
    _print_shadows(console, [(route["name"], route["shadow"]) for route in routes if route["shadow"] is not None])


def _without_weight(version: str, route: dict[str, Any]) -> str:
    if any(rule["use"].get(version) for rule in route["rules"]):
        return "by rule"
    if version in route["fallback"]:
        return "fallback"
    shadow = route["shadow"]
    if route["rollout"] is not None and route["rollout"]["candidate"] == version:
        return "candidate"
    return "shadow" if shadow is not None and shadow["version"] == version else "none"


def _attempts(route: dict[str, Any]) -> str:
    from llmgateway.config.rules import FaultKind

    faults, attempts = route["on_failure"], route["max_attempts"]
    if not faults or attempts == 1:
        return "1"
    return f"{attempts}" if len(faults) == len(FaultKind) else f"{attempts}, after {', '.join(faults)}"


def _print_rules(console: "Console", routes: list[dict[str, Any]]) -> None:
    table = Titled("Rules (the first that fits decides, else the shares above do)", "route", "rule", "when", "gives")
    for route in routes:
        for index, rule in enumerate(route["rules"]):
            when = "\n".join(rule["when"]) or "always"
            gives = ", ".join(f"{version} {share:g} %" for version, share in rule["use"].items())
            table.add_row("" if index else route["name"], rule["name"], when, gives)
        table.add_section()
    if table.row_count:
        console.print(table)


def _print_choices(console: "Console", routes: list[dict[str, Any]]) -> None:
    """Where there is a choice: several backends of a version, or a second attempt beside the first."""
    table = Titled("Several backends, and second attempts", "route", "version", "which backend", "hedged")
    for route in routes:
        balance, hedge = route["in_words"]["balance"], route["in_words"]["hedge"] or "no"
        for index, (version, words) in enumerate(balance.items()):
            table.add_row("" if index else route["name"], version, words, "" if index else hedge)
        if not balance and route["hedge"] is not None:
            table.add_row(route["name"], "all", "there is one", hedge)
    if table.row_count:
        console.print(table)


def _print_guardrails(console: "Console", routes: list[dict[str, Any]]) -> None:
    table = Titled("Guardrails (in this order)", "route", "guardrail", "looks into", "and does")
    for route in routes:
        for index, each in enumerate(route["guardrails"]):
            name = each["name"] if each["plugin"] == each["name"] else f"{each['name']} ({each['plugin']})"
            does = each["action"] + (", and restores" if each["restore"] else "")
            does = does if each["mode"] == "enforce" else f"nothing (would {does})"
            name += ", of every route" if each["baseline"] else ""
            table.add_row("" if index else route["name"], name, " and ".join(each["stages"]), does)
        table.add_section()
    if table.row_count:
        console.print(table)


def _print_health(console: "Console", backends: list[dict[str, Any]]) -> None:
    """Limits and health; those that are treated alike share a line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for each in backends:
        words = each["in_words"]
        index = (words["limit"], words["out_after"], words["out_for"], words["probe"])
        alike.setdefault(index, []).append(each["name"] + (" (drained)" if each["drained"] else ""))
    table = Titled("Backends: limits and health", "backend", "limit", "taken out after", "for", "probe")
    for words, names in alike.items():
        table.add_row(", ".join(names), *words)
    console.print(table)


def _print_golden(console: "Console", golden: list[tuple[str, dict[str, Any]]]) -> None:
    if not golden:
        return
    table = Titled("Golden questions", "route", "dataset", "asked every", "at most", "an answer must")
    musts = {"rules": "have nothing bad about it", "contains": "say the dataset's, too", "exact": "say the dataset's"}
    for route, each in golden:
        most = f"{each['items']:,} questions, ${each['max_cost']:g}"
        table.add_row(route, each["dataset"], each["every"], most, musts[each["match"]])
    console.print(table)


def _print_shadows(console: "Console", shadows: list[tuple[str, dict[str, Any]]]) -> None:
    if not shadows:
        return
    table = Titled("Shadows (copies; callers never see their answers)", "route", "copied to", "share", "a worker")
    for route, shadow in shadows:
        bounds = f"at most {shadow['max_concurrent']} at once, {shadow['max_per_minute']:,} a minute"
        table.add_row(route, shadow["version"], f"{shadow['share_percent']:g} %", bounds)
    console.print(table)


def _print_rollouts(console: "Console", rollouts: list[tuple[str, dict[str, Any]]]) -> None:
    if not rollouts:
        return
    table = Titled(
        "Rollouts (begun with `llmgateway rollout start`)", "route", "candidate", "steps", "judged by", "needs"
    )
    for route, rollout in rollouts:
        steps = " → ".join(
            f"{step['weight_percent']:g} % for {step['min_time']} and {step['min_units']} units"
            + (", then a gate" if step["gate"] else "")
            for step in rollout["steps"]
        )
        if shadow := rollout["shadow"]:
            steps = f"shadow for {shadow['min_time']} or {shadow['min_pairs']} pairs that differ → {steps}"
        metrics = "\n".join(map(_metric, rollout["metrics"]))
        count = rollout["approvals"]["count"]
        needs = f"{count} approval{'s' * (count != 1)}; ends within {rollout['deadline']}"
        if rollout["replay"]:
            needs = f"a replay passed on {' and '.join(rollout['replay'])}; {needs}"
        table.add_row(route, rollout["candidate"], steps, metrics, needs)
    console.print(table)


def _metric(metric: dict[str, Any]) -> str:
    ceiling = f", ceiling {100 * metric['ceiling']:g} %" if metric["ceiling"] else ""
    said = f"{metric['name']} ({metric['kind']}{ceiling})"
    if "score" not in metric:
        return said
    whose = f"{metric['source']} {metric['source_id']}" if metric["source_id"] else metric["source"]
    bad = [*(str(each).lower() if isinstance(each, bool) else each for each in metric["bad"])]
    bad += [f"{side} {metric[side]:g}" for side in ("below", "above") if metric[side] is not None]
    return f"{said}: score {metric['score'] or 'of any name'} by {whose}, bad: {', '.join(bad)}"


def _print_backends(console: "Console", backends: list[dict[str, Any]]) -> None:
    table = Titled("Backends (time to connect / to the first byte / idle / in all)", "backend", "at", "key", "time")
    for each in backends:
        limits = " / ".join(each[name] for name in ("connect", "first_byte", "idle", "total"))
        key = "yes" if each["credential"] else "none"
        table.add_row(f"{each['name']} ({each['provider']})", each["base_url"], key, limits)
    console.print(table)


def _print_keys(console: "Console", keys: list[dict[str, Any]]) -> None:
    if not keys:
        return
    table = Titled("Keys", "key", "routes", "operations", "default route", "expires", "tags")
    for key in keys:
        name = key["name"] + ("" if key["enabled"] else " (off)") + (" (may pin)" if key["may_pin"] else "")
        name += f" ({key['priority']} priority)" if key["priority"] != "normal" else ""
        tags = ", ".join(f"{tag}={value}" for tag, value in key["tags"].items())
        allowed, default = ", ".join(key["operations"]), key["default_route"] or "none"
        table.add_row(name, ", ".join(key["routes"]), allowed, default, key["expires"] or "never", tags)
    console.print(table)
