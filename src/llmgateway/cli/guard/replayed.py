"""What came of a replay, for people. What was found is hinted at, never shown."""

from typing import TYPE_CHECKING, Final

from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Column, number, show
from llmgateway.domain.verdict import Action, Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from llmgateway.guarding.replay import Key
    from llmgateway.guarding.replayed import Replay, Tally

_COLUMNS: Final = (
    *(Column(title) for title in ("guardrail", "stage", "kind", "would")),
    *(number(title, rank) for rank, title in enumerate(("exchanges", "new", "changed", "gone", "unknown"))),
)
WORST: Final = 10  # examples that are told
_DONE: Final = {Action.BLOCK: "blocked", Action.REDACT: "redacted", Action.FLAG: "flagged", Action.ALLOW: "untouched"}
_WHY: Final = {
    "absent": "nothing was recorded",
    "not_kept": "a hash at most was kept",
    "no_json": "no JSON, which guardrails do not look into",
}
_TEXTS: Final = {Stage.REQUEST: ("request", "requests"), Stage.REPLY: ("reply", "replies")}


def tell(out: "Console", replay: "Replay") -> None:
    """Print the figures, the worst examples and what could not be looked into."""
    if not replay.exchanges:
        out.print("no exchange in this time")
        return
    out.print(f"{_exchanges(replay.exchanges)}: {_outcomes(replay)}")
    rows = replay.rows()
    if rows:
        _print_tallies(rows)
        _print_examples(out, rows)
    for line in _limits(replay):
        out.print(line, style="dim")


def _exchanges(count: int) -> str:
    return _counted(count, ("exchange", "exchanges"))


def _counted(count: int, words: tuple[str, str]) -> str:
    return f"{count:,} {words[count != 1]}"


def _outcomes(replay: "Replay") -> str:
    told = (f"{replay.outcomes[action]:,} {word}" for action, word in _DONE.items() if replay.outcomes[action])
    return "would be " + ", ".join(told) if replay.tallies else "nothing would be found"


def _print_tallies(rows: "list[tuple[Key, Tally]]") -> None:
    show(_COLUMNS, [_cells(key, tally) for key, tally in rows])


def _cells(key: "Key", tally: "Tally") -> list[str]:
    names = (one_line(key.guardrail), key.stage.value, one_line(key.kind), _would(tally))
    figures = (tally.exchanges, tally.new, tally.changed, tally.gone, tally.unknown)
    return [*names, *(f"{figure:,}" for figure in figures)]


def _would(tally: "Tally") -> str:
    if tally.action is None:
        return "-"
    return tally.action.value + (" (observe)" if tally.mode is Mode.OBSERVE else "")


def _print_examples(out: "Console", rows: "list[tuple[Key, Tally]]") -> None:
    """One of each kind, the strictest first; then those that are gone."""
    worst = [(key, tally, tally.examples[0]) for key, tally in rows if tally.examples][:WORST]
    if worst:
        out.print("the worst (`llmgateway logs show ID` has what is stored of them)", style="bold")
    for key, tally, each in worst:
        change = "" if each.change == "none" else f", {each.change}"
        what = f"{_would(tally)}{change}: {one_line(key.kind)} in the {key.stage.value}"
        out.print(f"  {one_line(each.exchange)}  {one_line(key.guardrail)} {what}  {each.score:.2f}  {each.hint}")
    gone = [(key, tally.gone_examples[0]) for key, tally in rows if tally.gone_examples][:WORST]
    if gone:
        out.print("no more", style="bold")
    for key, exchange in gone:
        out.print(f"  {one_line(exchange)}  {one_line(key.guardrail)} {one_line(key.kind)} in the {key.stage.value}")


def _limits(replay: "Replay") -> "list[str]":
    """What these figures do not know."""
    shown = replay.shown()
    told: list[str] = []
    for stage, texts in _TEXTS.items():
        for why, count in shown["unseen"][stage].items():
            told.append(f"{_counted(count, texts)} not looked into: {_WHY[why]}")
        if replay.cut[stage]:
            told.append(f"{_counted(replay.cut[stage], texts)} cut when it was stored: only the beginning was seen")
    if replay.unguarded:
        told.append(f"{_exchanges(replay.unguarded.total())} of routes without guardrails: {_routes(replay.unguarded)}")
    for name, count in shown["unbound"].items():
        replies = _counted(count, _TEXTS[Stage.REPLY])
        told.append(f"{one_line(name)} not asked about {replies}: what was asked is not known")
    if replay.failed:
        some = ", ".join(map(one_line, replay.failed_examples))
        told.append(f"{_exchanges(replay.failed)} at which a guardrail failed: {some}")
    for stage, texts in _TEXTS.items():
        if kinds := shown["taken_out"][stage]:
            told.append(f"taken out of {texts[1]} before they were stored, and not found again: {_kinds(kinds)}")
    if any(tally.unknown for tally in replay.tallies.values()):
        told.append("unknown: recorded, and what it was about is not in the store")
    return told


def _routes(counts: "Mapping[str, int]") -> str:
    return ", ".join(one_line(name) or "none" for name, _ in sorted(counts.items())[:WORST])


def _kinds(counts: "Mapping[str, int]") -> str:
    return ", ".join(f"{one_line(kind)} {count:,}" for kind, count in counts.items())
