"""A rollout as people see it: where it is, what is missing, the figures, and what they mean."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import dense

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_STYLES: Final = {
    "succeeded": "green",
    "bake": "green",
    "paused": "yellow",
    "inconclusive": "yellow",
    "rolling_back": "red",
    "rolled_back": "red",
    "aborted": "red",
}


def standing(rollout: Mapping[str, Any]) -> "Group":
    """The whole picture."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(headline(rollout), _STYLES.get(rollout["state"], "bold"))]
    if rollout.get("unreadable"):
        parts.append(Text(f"! {one_line(rollout['unreadable']['words'])}", "bold red"))
    if rollout.get("preflight"):
        parts.append(Text(one_line(replayed(rollout["preflight"]))))
    if rollout.get("pairs"):
        parts.append(Text(paired(rollout["pairs"])))
    if "metrics" in rollout:
        parts += [Text(bar(rollout)), figures(rollout["metrics"])]
        parts += [Text(one_line(each)) for each in rollout["words"]]
    parts += [Text(one_line(move(each))) for each in rollout.get("moves", ())]
    if "moves" in rollout:
        parts.append(Text(f"every move: llmgateway rollout history {one_line(rollout['route'])}", "dim"))
    if rollout.get("file_error"):
        parts.append(Text(f"! the file does not say so yet: {one_line(rollout['file_error'])}", "bold red"))
    return Group(*parts)


def headline(rollout: Mapping[str, Any]) -> str:
    """One line about it."""
    return f"{place(rollout)} · " + one_line(f"rollout {rollout['id']} by {rollout['creator']}")


def place(rollout: Mapping[str, Any]) -> str:
    """Who is to take over from whom, and where that is."""
    pause = f" ({rollout['pause']})" if rollout.get("pause") else ""
    return one_line(
        f"{rollout['route']}: {rollout['candidate']} instead of {rollout['stable']} · {rollout['state']}{pause}"
    )


def move(each: Mapping[str, Any]) -> str:
    """One move: when, from where to where, by whom and why."""
    moment = f"{datetime.fromtimestamp(each['at'], UTC):%Y-%m-%d %H:%M:%S}"
    why = f" ({each['reason']})" if each["reason"] else ""
    return f"{moment} UTC: {each['from']} → {each['to']}, {each['event']} by {each['actor'] or 'the gateway'}{why}"


def replayed(preflight: Mapping[str, Any]) -> str:
    """Which replays it has passed, or why it did without."""
    if preflight["waived"]:
        return f"without a replay: {preflight['waived']}"
    passed = [
        each["dataset"] + ("" if each["version"] is None else f"@{each['version']}")
        for each in preflight["replays"]
        if each["replay"]
    ]
    return f"replays passed: {', '.join(passed)}" if passed else "nothing there yet to replay"


def paired(pairs: Mapping[str, Any]) -> str:
    """What the shadow showed."""
    lost, harm = pairs["lost"], pairs["harm"]
    return (
        f"shadow: of the pairs that differ the candidate lost {lost['candidate']}, the stable version {lost['stable']}"
        f" · harm E {harm['e']:.3g}"
    )


def bar(rollout: Mapping[str, Any]) -> str:
    """The steps, the weight, and whose word on which evidence."""
    approvals = sum(each["counts"] for each in rollout["approvals"])
    return (
        f"{steps(rollout)} · approvals {approvals} of {rollout['approvals_needed']} · "
        f"evidence {rollout['evidence_hash'][:12]}"
    )


def steps(rollout: Mapping[str, Any]) -> str:
    """The steps, the one it is at in brackets, and the weight."""
    told = [
        f"[{each['weight']:.0%}]" if index == rollout["step"] else f"{each['weight']:.0%}"
        for index, each in enumerate(rollout["steps"])
    ]
    return f"steps {' → '.join(told)} · {rollout['weight']:.0%} of assignments now"


def figures(metrics: list[Mapping[str, Any]]) -> "Table":
    """Counts, ratio and tests, a line a metric."""
    from rich.text import Text

    table = dense()
    for name in ("metric", "candidate", "stable", "ratio", "harm E", "no harm E"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for each in metrics:
        low, high = each["ratio"]["low"], each["ratio"]["high"]
        table.add_row(
            Text(one_line(f"{each['name']} ({each['kind']})")),
            *(f"{each['bad'][arm]} of {each['units'][arm]}" for arm in ("candidate", "stable")),
            f"{low:.2f} to {'?' if high is None else f'{high:.2f}'}",
            *(f"{each[kind]['e']:.3g} / {each[kind]['needed']:.3g}" for kind in ("harm", "safe")),
        )
    return table
