"""A rollout as people see it: where it is, what is missing, the figures, and what they mean."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import laid_out, no_room, number, room
from llmgateway.cli.tables import words as words_column
from llmgateway.rollout.words_en import WORDS

if TYPE_CHECKING:
    from rich.console import Group

_STYLES: Final = {
    "succeeded": "green",
    "bake": "green",
    "paused": "yellow",
    "inconclusive": "yellow",
    "rolling_back": "red",
    "rolled_back": "red",
    "aborted": "red",
}
_FIGURES: Final = (
    words_column("metric", least=16),
    number("candidate"),
    number("stable"),
    number("ratio", rank=1),
    number("harm E"),
    number("no harm E"),
)
_MUCH: Final = 10_000
_LITTLE: Final = 0.001


def _longest(template: str) -> str:
    """What a sentence has in it whatever its figures are."""
    return max(re.split(r"\{\w+\}", template), key=len)


_TOLD_ELSEWHERE: Final = tuple(
    _longest(template)
    for key, template in WORDS.items()
    if key in {"zone", "assumptions"}
    or key.startswith(("metric.counts", "metric.range", "metric.harm", "metric.no_harm", "metric.safe"))
)


def waits_for_word(rollout: Mapping[str, Any]) -> bool:
    """Whether people are asked, and too few have said yes."""
    return bool(rollout.get("asking")) and any(each["what"] == "approvals" for each in rollout.get("missing", ()))


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
        parts += [Text(bar(rollout)), figures(rollout["metrics"], room())]
        parts += [Text(one_line(each)) for each in brief(rollout["words"])]
        if waits_for_word(rollout):
            parts.append(Text(f"who agrees: llmgateway rollout approve {one_line(rollout['route'])}", "yellow"))
        parts.append(Text(f"what it means: llmgateway rollout explain {one_line(rollout['route'])}", "dim"))
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


def brief(words: Iterable[str]) -> list[str]:
    """The sentences without those that say the table's figures again, and what these rest on: `explain` has all."""
    return [each for each in words if not any(part in each for part in _TOLD_ELSEWHERE)]


def figures(metrics: list[Mapping[str, Any]], limit: int | None) -> "Group":
    """Counts, ratio and tests, a line a metric, and what has no room in `limit` characters; None: all has."""
    from rich.console import Group
    from rich.text import Text

    rows = []
    for each in metrics:
        low, high = each["ratio"]["low"], each["ratio"]["high"]
        rows.append(
            [
                one_line(f"{each['name']} ({each['kind']})"),
                *(f"{each['bad'][arm]} of {each['units'][arm]}" for arm in ("candidate", "stable")),
                f"{low:.2f} to {'?' if high is None else f'{high:.2f}'}",
                *(f"{evidence(each[kind]['e'])} / {each[kind]['needed']:.3g}" for kind in ("harm", "safe")),
            ]
        )
    laid = laid_out(_FIGURES, rows, limit)
    return Group(laid.table, *([Text(no_room(laid.left_out), "dim")] if laid.left_out else []))


def evidence(e: float) -> str:
    """An E-value with three digits, as far as anybody reads them."""
    if e >= _MUCH:
        return f"> {_MUCH:,}"
    return f"{e:,.0f}" if e >= 1_000 else f"{e:.3g}" if e >= _LITTLE or e <= 0 else f"< {_LITTLE}"
