"""Plots as SVG: text in, text out. Colours tell apart what a grey printer tells apart as well: filled and open."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 640
ROW: Final = 46
LEFT: Final = 170
RIGHT: Final = 90
BASELINE, CANDIDATE = "#56708c", "#c2571a"


class Bar(NamedTuple):
    """One share with its interval, 0 to 1."""

    share: float
    low: float
    high: float


def rates(lines: Sequence[tuple[str, Bar, Bar]]) -> str:
    """Shares of both versions with their intervals, a row for each kind."""
    top = max((bar.high for _, *bars in lines for bar in bars), default=1.0) or 1.0
    scale = _nice(top)
    parts = [_axis(scale, len(lines), lambda value: f"{100 * value:g} %")]
    for at, (title, ours, theirs) in enumerate(lines):
        y = 16 + at * ROW
        parts.append(_text(LEFT - 10, y + 17, title, "end"))
        parts.append(_interval(y + 6, ours, scale, BASELINE, is_filled=False))
        parts.append(_interval(y + 22, theirs, scale, CANDIDATE, is_filled=True))
    return _svg("shares of bad answers, with 95 % intervals", "".join(parts), 16 + ROW * len(lines) + 26)


def spread(title: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How much of each version's answers lies below a value: two staircases. Both are sorted."""
    if not ours or not theirs:
        return ""
    low, high = min(ours[0], theirs[0]), max(_top(ours), _top(theirs))
    high = high if high > low else low + 1
    height = 150
    parts = []
    for values, colour, dash in ((ours, BASELINE, "4 3"), (theirs, CANDIDATE, "")):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _stairs(values, low, high, height))
        parts.append(_line(points, colour, dash))
    for share in (0, 0.5, 1):
        y = 10 + (1 - share) * height
        parts.append(_text(LEFT - 10, y + 4, f"{100 * share:g} %", "end"))
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
    parts.append(_text(LEFT, height + 28, f"{low:.4g}", "middle"))
    parts.append(_text(WIDTH - RIGHT, height + 28, f"{high:.4g}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height + 28, title, "middle"))
    return _svg(f"{title}: share of answers below", "".join(parts), height + 40)


def evidence(lost: Sequence[tuple[int, int]], title: str) -> str:
    """Pairs lost by each version as they came: two lines that part where one is worse."""
    if not lost:
        return ""
    height, last = 150, max(1, len(lost) - 1)
    top = max(1, *(max(each) for each in lost))
    parts = []
    for which, colour, dash in ((0, BASELINE, "4 3"), (1, CANDIDATE, "")):
        points = " ".join(
            f"{LEFT + (WIDTH - LEFT - RIGHT) * at / last:.1f},{10 + height * (1 - each[which] / top):.1f}"
            for at, each in enumerate(lost)
        )
        parts.append(_line(points, colour, dash))
    parts.extend(_text(LEFT - 10, 14 + height * (1 - value / top), str(value), "end") for value in (0, top))
    parts.append(_text(WIDTH - RIGHT, height + 28, f"{len(lost)} pairs", "middle"))
    parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{10 + height}" y2="{10 + height}" stroke="#999"/>')
    return _svg(title, "".join(parts), height + 40)


def _line(points: str, colour: str, dash: str) -> str:
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def _stairs(values: Sequence[float], low: float, high: float, height: int) -> list[tuple[float, float]]:
    """Corners of the staircase; at most some hundreds, however many values there are."""
    step = max(1, len(values) // 200)
    found = []
    for at in range(0, len(values), step):
        value = min(values[at], high)
        x = LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)
        found += [(x, 10 + height * (1 - at / len(values))), (x, 10 + height * (1 - (at + 1) / len(values)))]
    return [*found, (WIDTH - RIGHT, 10.0)]


def _top(values: Sequence[float]) -> float:
    """Where the axis ends: a few far out would press all others together."""
    return values[max(0, math.ceil(0.99 * len(values)) - 1)]


def _interval(y: float, bar: Bar, scale: float, colour: str, *, is_filled: bool) -> str:
    x1, x2, x = (LEFT + (WIDTH - LEFT - RIGHT) * value / scale for value in (bar.low, bar.high, bar.share))
    fill = colour if is_filled else "#fff"
    return (
        f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
        + _text(WIDTH - RIGHT + 12, y + 4, f"{100 * bar.share:.1f} %", "start")
    )


def _axis(scale: float, rows: int, label: Callable[[float], str]) -> str:
    bottom = 16 + rows * ROW
    parts = []
    for tick in range(5):
        value = scale * tick / 4
        x = LEFT + (WIDTH - LEFT - RIGHT) * tick / 4
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, label(value), "middle"))
    return "".join(parts)


def _nice(top: float) -> float:
    """The end of an axis of shares: round, and not below `top`."""
    for end in (0.01, 0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8):
        if top <= end:
            return end
    return 1.0


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, content: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
