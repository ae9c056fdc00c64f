"""Figures side by side: shares with their intervals, and how often what was found. Text in, SVG out."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from llmgateway.drawing.intervals import LEFT, RIGHT, Bar, axis, interval, nice, percent
from llmgateway.drawing.svg import WIDTH, box, dot, rule, svg, text
from llmgateway.report.plots import COLOURS, OTHERS, short
from llmgateway.report.say import count

ROW: Final = 18
TITLE: Final = 26  # characters beside an axis
MAX_ROWS: Final = 12


class Group(NamedTuple):
    """What is compared: the share of each version, by its name."""

    title: str
    bars: Sequence[tuple[str, Bar]]


class Count(NamedTuple):
    """How often something was found: with the action taken, and without."""

    title: str
    enforced: int
    observed: int


def shares(title: str, groups: Sequence[Group], colours: Mapping[str, str]) -> str:
    """A row for each version of each group; `colours` by version, grey for others."""
    names = list(dict.fromkeys(name for group in groups for name, _ in group.bars))
    scale = nice(max((bar.high for group in groups for _, bar in group.bars), default=1.0) or 1.0)
    parts, y = list[str](), 20.0
    for group in groups:
        parts.append(text(LEFT - 10, y + 4, short(group.title, TITLE), "end"))
        for name, bar in group.bars:
            parts.append(interval(y, bar, scale, colours.get(name, OTHERS), is_filled=names.index(name) % 2 == 0))
            y += ROW
        y += 10
    bottom = y - 8
    legend = [(LEFT + 110 * at, name) for at, name in enumerate(names[:4])]
    below = "".join(
        dot(x + 5, bottom + 36, colours.get(name, OTHERS), is_filled=names.index(name) % 2 == 0)
        + text(x + 16, bottom + 40, short(name, 13))
        for x, name in legend
    )
    return svg(title, axis(scale, bottom, percent) + "".join(parts) + below, bottom + 48)


def counts(title: str, lines: Sequence[Count], legend: tuple[str, str]) -> str:
    """A bar for each line: filled as far as the action was taken, open as far as it was only observed."""
    top = max((line.enforced + line.observed for line in lines), default=0) or 1
    room = WIDTH - LEFT - RIGHT
    parts, y = list[str](), 12.0
    for line in lines:
        enforced, observed = (room * each / top for each in (line.enforced, line.observed))
        parts.append(text(LEFT - 10, y + 10, short(line.title, TITLE), "end"))
        parts.append(box((LEFT, y), (enforced, 12), COLOURS[0]))
        parts.append(_open_box(LEFT + enforced, y, observed))
        parts.append(text(LEFT + enforced + observed + 8, y + 10, count(line.enforced + line.observed)))
        y += ROW + 4
    parts.append(rule((LEFT, 4), (LEFT, y), "#9aa5b0"))
    below = (
        box((LEFT, y + 10), (11, 11), COLOURS[0])
        + text(LEFT + 16, y + 20, legend[0])
        + _open_box(LEFT + 200, y + 10, 11)
        + text(LEFT + 216, y + 20, legend[1])
    )
    return svg(title, "".join(parts) + below, y + 28)


def _open_box(x: float, y: float, width: float) -> str:
    if width <= 0:
        return ""
    return (
        f'<rect x="{x:.1f}" y="{y + 0.5:.1f}" width="{width:.1f}" height="11" fill="#fff" stroke="{COLOURS[0]}" '
        'stroke-dasharray="3 2"/>'
    )
