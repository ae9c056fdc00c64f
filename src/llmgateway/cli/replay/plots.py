"""What a replay found, as plots. Colours tell apart what a grey printer tells apart as well: filled and open."""

import math
from collections.abc import Sequence
from typing import Final

from llmgateway.drawing.intervals import LEFT, RIGHT, Bar, axis, interval, nice, percent
from llmgateway.drawing.svg import WIDTH, Point, polyline, rule, svg, text

__all__ = ["WIDTH", "Bar", "evidence", "rates", "spread"]

ROW: Final = 46
BASELINE, CANDIDATE = "#56708c", "#c2571a"


def rates(lines: Sequence[tuple[str, Bar, Bar]]) -> str:
    """Shares of both versions with their intervals, a row for each kind."""
    scale = nice(max((bar.high for _, *bars in lines for bar in bars), default=1.0) or 1.0)
    bottom = 16 + len(lines) * ROW
    parts = [axis(scale, bottom, percent)]
    for at, (title, ours, theirs) in enumerate(lines):
        y = 16 + at * ROW
        parts.append(text(LEFT - 10, y + 17, title, "end"))
        parts.append(interval(y + 6, ours, scale, BASELINE, is_filled=False))
        parts.append(interval(y + 22, theirs, scale, CANDIDATE, is_filled=True))
    return svg("shares of bad answers, with 95 % intervals", "".join(parts), bottom + 26)


def spread(title: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How much of each version's answers lies below a value: two staircases. Both are sorted."""
    if not ours or not theirs:
        return ""
    low, high = min(ours[0], theirs[0]), max(_top(ours), _top(theirs))
    high = high if high > low else low + 1
    height = 150
    parts = []
    for values, colour, dash in ((ours, BASELINE, "4 3"), (theirs, CANDIDATE, "")):
        parts.append(polyline(_stairs(values, low, high, height), colour, dash))
    for share in (0, 0.5, 1):
        y = 10 + (1 - share) * height
        parts.append(text(LEFT - 10, y + 4, percent(share), "end"))
        parts.append(rule((LEFT, y), (WIDTH - RIGHT, y)))
    parts.append(text(LEFT, height + 28, f"{low:.4g}", "middle"))
    parts.append(text(WIDTH - RIGHT, height + 28, f"{high:.4g}", "middle"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height + 28, title, "middle"))
    return svg(f"{title}: share of answers below", "".join(parts), height + 40)


def evidence(lost: Sequence[tuple[int, int]], title: str) -> str:
    """Pairs lost by each version as they came: two lines that part where one is worse."""
    if not lost:
        return ""
    height, last = 150, max(1, len(lost) - 1)
    top = max(1, *(max(each) for each in lost))
    parts = []
    for which, colour, dash in ((0, BASELINE, "4 3"), (1, CANDIDATE, "")):
        points = (
            (LEFT + (WIDTH - LEFT - RIGHT) * at / last, 10 + height * (1 - each[which] / top))
            for at, each in enumerate(lost)
        )
        parts.append(polyline(points, colour, dash))
    parts.extend(text(LEFT - 10, 14 + height * (1 - value / top), str(value), "end") for value in (0, top))
    parts.append(text(WIDTH - RIGHT, height + 28, f"{len(lost)} pairs", "middle"))
    parts.append(rule((LEFT, 10 + height), (WIDTH - RIGHT, 10 + height), "#999"))
    return svg(title, "".join(parts), height + 40)


def _stairs(values: Sequence[float], low: float, high: float, height: int) -> list[Point]:
    """Corners of the staircase; at most some hundreds, however many values there are."""
    step = max(1, len(values) // 200)
    found: list[Point] = []
    for at in range(0, len(values), step):
        value = min(values[at], high)
        x = LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)
        found += [(x, 10 + height * (1 - at / len(values))), (x, 10 + height * (1 - (at + 1) / len(values)))]
    return [*found, (WIDTH - RIGHT, 10.0)]


def _top(values: Sequence[float]) -> float:
    """Where the axis ends: a few far out would press all others together."""
    return values[max(0, math.ceil(0.99 * len(values)) - 1)]
