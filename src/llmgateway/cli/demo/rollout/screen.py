"""The rollouts' demo on the terminal. Made for 80 columns and 24 lines, with and without colour."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from llmgateway.cli.demo.rollout import plot
from llmgateway.cli.demo.rollout.configuration import FAULTY_BACKEND
from llmgateway.cli.demo.rollout.course import Course
from llmgateway.cli.demo.rollout.crowd import Seen
from llmgateway.cli.demo.rollout.scenes import SCENES, Scene
from llmgateway.cli.demo.rollout.verdict import Closing, Ending
from llmgateway.cli.demo.screen import WIDEST, ours, quoted
from llmgateway.cli.demo.setting import Setting
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.rollout.screen import figures, place, steps
from llmgateway.cli.tables import room
from llmgateway.rollout.explain import Speaker, number
from llmgateway.rollout.guards import Lack, Lacking
from llmgateway.rollout.words_en import WORDS

WIDTH: Final = 78
WELCOME: Final = (
    "Three pretend models, the gateway, and users who stay on their version.",
    "New versions come in by steps, forward on evidence and back on harm.",
    "Hours are seconds here; what is tested, and how, is the same.",
)
_LABEL: Final = 7
_QUOTED: Final = 68
_STYLES: Final = {plot.HARM: "bold red", plot.SAFE: "green", plot.BOTH: "yellow", plot.ENOUGH: "dim"}
_OF_WHO_ACTS: Final = frozenset({Lacking.RATIONALE, Lacking.REASON, Lacking.UNSEEN})  # nobody has done so beforehand
_CLEAR: Final = 0.01
_WORTH_WORDS: Final = 1.5


def heading(scene: Scene) -> Text:
    """Above a scene."""
    return Text(f"\n── Rollout {scene.number} of {len(SCENES)}: {scene.title} ", "bold cyan")


def frame(course: Course, seen: Seen) -> Group:
    """How a rollout is: figures, plot, what they mean, and what callers see."""
    rollout = course.latest
    if not rollout:
        return Group(callers(seen))
    meanings = [Text(f"  {line}", "dim") for line in [*meaning(rollout), *missing(rollout)]]
    return Group(
        Text(place(rollout), "bold"),
        Text(steps(rollout), "dim"),
        figures(rollout["metrics"], room() or WIDEST),
        picture(course),
        *meanings,
        callers(seen),
    )


def picture(course: Course) -> Table:
    """The plot, with what its signs stand for."""
    width = WIDTH - _LABEL - 1
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=_LABEL, style="dim")
    table.add_column(width=width, no_wrap=True)
    for label, cells in plot.rows(course.points, width):
        table.add_row(label, Text(cells) if label == "weight" else _coloured(cells))
    legend = f"{plot.HARM} evidence of harm   {plot.SAFE} of no harm   ┄ enough"
    table.add_row("", Text(f"{legend:<{width - 8}}{plot.span(course.points):>6.0f} s", "dim"))
    return table


def _coloured(cells: str) -> Text:
    text = Text()
    for cell in cells:
        text.append(cell, _STYLES.get(cell, ""))
    return text


def meaning(rollout: Mapping[str, Any]) -> list[str]:
    """The intervals, and the evidence of harm, in plain words."""
    candidate, stable, harm = rollout["candidate"], rollout["stable"], rollout["harm"]
    told = [f"{each['name']}: {_ratio(each, candidate, stable)}" for each in rollout["metrics"]]
    if harm["e"] < _WORTH_WORDS:
        return [*told, f"harm: nothing that speaks against {candidate}"]
    chance = f"were {candidate} as good as {stable}, at most 1 in {number(harm['e'])} rollouts would look so bad"
    return [*told, f"harm: {chance}"]


def _ratio(metric: Mapping[str, Any], candidate: str, stable: str) -> str:
    if not any(metric["bad"].values()):
        return "has happened on neither version"
    low, high = metric["ratio"]["low"], metric["ratio"]["high"]
    if high is None:
        told = f"at least {low:.2g} times" if low > _CLEAR else "any number of times"
        return f"{told} as often on {candidate} as on {stable}, as far as one can tell yet"
    return f"{low:.2g} to {high:.2g} times as often on {candidate} as on {stable}"


def missing(rollout: Mapping[str, Any]) -> list[str]:
    """What keeps it from what comes next."""
    say = Speaker(WORDS)
    lacks = [Lack(Lacking(each["what"]), each["values"]) for each in rollout["missing"]]
    told = [say.lack(each) for each in lacks if each.what not in _OF_WHO_ACTS]
    return [f"still missing: {' '.join(told)}"] if told else []


def callers(seen: Seen) -> Text:
    """What those see who ask."""
    errors, middle = seen.asked - seen.answered, seen.percentile_ms(50)
    speed = "" if middle is None else f" · p50 {middle:.0f} ms"
    style = "bold red" if errors or seen.cut else "bold green"
    return Text(f"callers: {seen.asked:,} requests · {errors} errors · {seen.cut} streams cut{speed}", style)


def exemplars(shown: Sequence[Mapping[str, Any]]) -> Group:
    """What the reviewer reads."""
    lines = []
    for rank, each in enumerate(shown, 1):
        said = quoted(each["said"].get("reply", "").encode(), _QUOTED)
        lines.append(Text.assemble((f"  {rank:>2}. ", "dim"), one_line(said)))
    return Group(*lines)


def closing(found: Closing) -> Panel:
    """What happened, in numbers."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for each in found.promises:
        table.add_row(Text("✓", "green") if each.is_kept else Text("✗", "bold red"), one_line(each.words))
    for ending in (found.good, found.bad):
        table.add_row("", Text(_story(ending), "dim"))
    title = f"Two rollouts in {found.seconds:.0f} s"
    return Panel(table, title=title, title_align="left", border_style="cyan", width=WIDTH)


def show_report(console: Console, report: Path) -> None:
    """Say where the report is. Never wrapped: it is there to be copied."""
    console.print("\nThe trust report, with plots", style="bold")
    console.print(Text(report.absolute().as_uri(), "cyan"), soft_wrap=True)


def _story(each: Ending) -> str:
    told = f"{each.candidate}: {each.seconds:.0f} s, {each.assigned} requests of {each.users} users"
    if each.failed:
        told += f"; {each.failed} failed on it, {each.rescued} of them answered by the stable version"
    if each.to_decision_s is not None:
        told += f"; out {each.to_decision_s:.1f} s after it began to fail"
    return told


def commands(setting: Setting) -> Iterator[tuple[str, str]]:
    """What to try while it serves on: callers go on asking for a while, and the last candidate is in order again."""
    route, bad = setting.route, SCENES[1].candidate
    yield from ours(
        setting,
        ("read the report here", f"report --route {route} --since 1h"),
        ("see every move of the last rollout: when, who, why", f"rollout history {route}"),
        (f"roll {bad} out again: it is in order, and callers go on", f"rollout start {route} --reason 'once more'"),
        ("watch it", f"rollout status {route} --watch"),
    )
    yield (
        "have it fail again and see what becomes of it, or",
        f"""curl -X PUT {setting.servers[FAULTY_BACKEND]}/mock/knobs -d '{{"error_rate": 1}}'""",
    )
    of_others = ours(
        setting,
        ("when it waits for people: approve, as somebody who did not start it", f"rollout approve {route}"),
        ("read ten answers, and promote it", f"rollout promote {route} --rationale 'as good as before'"),
    )
    yield from ((why, f"LOGNAME=ann {command}") for why, command in of_others)
