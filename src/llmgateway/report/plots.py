"""The time of a report as one picture: lanes one below the other, all along the same axis of time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from llmgateway.drawing.intervals import nice, percent
from llmgateway.drawing.svg import Point, box, dot, polyline, rule, svg, text
from llmgateway.report.say import Say, count, said, seconds, tick
from llmgateway.report.service import Service
from llmgateway.report.wanted import Periods

WIDTH: Final = 940
LEFT: Final = 70
RIGHT: Final = 120
GAP: Final = 30  # between lanes
LINE: Final = 14  # of words
INK: Final = "#33414e"
FAILED: Final = "#b3261e"
VOLUME: Final = "#b9c6d2"
# Neighbours differ in lightness as well, for grey printers.
COLOURS: Final = ("#3d5a80", "#e07a3f", "#a3c9b8", "#6d4c7d", "#f2cc8f")
OTHERS: Final = "#c9c9c9"
TICKS: Final = 6
SPARKS: Final = "▁▂▃▄▅▆▇█"


class Mark(NamedTuple):
    """Something that happened at a moment; `kind` is a key of MARKS."""

    at: float
    kind: str
    title: str


class Span(NamedTuple):
    """Something that lasted. `colour`: how it ended, in the picture's language."""

    since: float
    until: float
    title: str
    colour: str


# What happened, by kind: which colour, and whether its dot is filled.
MARKS: Final = {
    "change": ("#7d8a97", False),
    "event": ("#b58900", True),
    "alarm": (FAILED, True),
    "concern": ("#6d4c7d", True),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """Where moments stand."""

    periods: Periods

    def x(self, moment: float) -> float:
        share = (moment - self.periods.origin) / (self.periods.end - self.periods.origin)
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, share))

    def left(self, period: int) -> float:
        return self.x(self.periods.begins(period))

    @property
    def step(self) -> float:
        """How wide a period is."""
        return (WIDTH - LEFT - RIGHT) / self.periods.count

    def ticks(self) -> list[tuple[float, str]]:
        every = max(1, math.ceil(self.periods.count / TICKS))
        return [
            (self.left(at), tick(self.periods.begins(at), self.periods.length_s))
            for at in range(0, self.periods.count, every)
        ]


def overview(service: Service, periods: Periods, spans: Sequence[Span], marks: Sequence[Mark], say: Say) -> str:
    """Versions, traffic, failures, latency, and what happened meanwhile."""
    axis, y, parts = Axis(periods), 18.0, list[str]()
    lanes = (
        _versions(service, axis, say),
        _volume(service, axis, say),
        _failed(service, axis, say),
        _latency(service, axis, say),
        *([_happened(spans, marks, axis, say)] if spans or marks else []),
    )
    for content, height in lanes:
        parts.append(f'<g transform="translate(0 {y:.0f})">{content}</g>')
        y += height + GAP
    grid = "".join(
        rule((x, 12), (x, y - GAP + 6), "#eceff2") + text(x, y - GAP + 22, name, "middle") for x, name in axis.ticks()
    )
    return svg(say("plot.overview"), grid + "".join(parts), y + 4, WIDTH)


def _lane(title: str, content: str, height: float, top: str = "", bottom: str = "") -> tuple[str, float]:
    """A lane with its name above it, and the ends of its scale beside it."""
    base = rule((LEFT, height), (WIDTH - RIGHT, height), "#9aa5b0")
    ends = text(LEFT - 8, 10, top, "end", kind="dim") + text(LEFT - 8, height, bottom, "end", kind="dim")
    return text(LEFT, -5, title, kind="lane") + content + base + ends, height


def colours_of(service: Service) -> dict[str, str]:
    """Which colour stands for which version, in all pictures of a route."""
    return {name: colour for name, colour, _ in stacked(service)}


def stacked(service: Service) -> list[tuple[str, str, dict[int, int]]]:
    """The versions as they lie on each other, the oldest first: name, colour, answers by period."""
    chosen = sorted(service.versions[: len(COLOURS)], key=lambda each: (each.first_at or 0.0, each.name))
    found = [(said(each.name), colour, dict(each.periods)) for each, colour in zip(chosen, COLOURS, strict=False)]
    rest: dict[int, int] = {}
    for each in service.versions[len(COLOURS) :]:
        for period, answers in each.periods.items():
            rest[period] = rest.get(period, 0) + answers
    return [each for each in found if each[2]] + ([("…", OTHERS, rest)] if rest else [])


def _versions(service: Service, axis: Axis, say: Say) -> tuple[str, float]:
    height, parts, layers = 110.0, list[str](), stacked(service)
    for period in service.periods:
        whole = sum(layer.get(period, 0) for *_, layer in layers)
        top = height
        for name, colour, layer in layers:
            if answers := layer.get(period, 0):
                tall = height * answers / whole
                top -= tall
                title = f"{name}: {100 * answers / whole:.1f} % ({count(answers)} / {count(whole)})"
                parts.append(box((axis.left(period) + 0.4, top), (axis.step - 0.8, tall), colour, title))
    for at, (name, colour, _) in enumerate(reversed(layers)):
        y = 4 + at * 18
        parts.append(box((WIDTH - RIGHT + 14, y), (11, 11), colour))
        parts.append(text(WIDTH - RIGHT + 30, y + 10, short(name, 13)))
    return _lane(say("plot.versions"), "".join(parts), height, "100 %", "0 %")


def _volume(service: Service, axis: Axis, say: Say) -> tuple[str, float]:
    height = 46.0
    top = max((each.exchanges for each in service.periods.values()), default=0) or 1
    bars = (
        box(
            (axis.left(at) + 0.4, height * (1 - each.exchanges / top)),
            (axis.step - 0.8, height * each.exchanges / top),
            VOLUME,
            count(each.exchanges),
        )
        for at, each in service.periods.items()
    )
    return _lane(say("plot.volume"), "".join(bars), height, count(top), "0")


def _failed(service: Service, axis: Axis, say: Say) -> tuple[str, float]:
    height = 46.0
    shares = {at: each.failed / (each.answered + each.failed) for at, each in service.periods.items() if each.failed}
    if not shares:
        return _lane(say("plot.failed"), text(LEFT + 6, height - 8, say("plot.no_failures"), kind="dim"), height)
    top = nice(max(shares.values()))
    bars = (
        box(
            (axis.left(at) + 0.4, height * (1 - share / top)),
            (axis.step - 0.8, height * share / top),
            FAILED,
            f"{100 * share:.2f} %",
        )
        for at, share in shares.items()
    )
    return _lane(say("plot.failed"), "".join(bars), height, percent(top), "0 %")


def _latency(service: Service, axis: Axis, say: Say) -> tuple[str, float]:
    height = 80.0
    took = {at: each.took for at, each in service.periods.items() if each.took is not None}
    if not took:
        return _lane(say("plot.latency"), text(LEFT + 6, height - 8, say("plot.no_answers"), kind="dim"), height)
    top = 1.15 * max(each.p95 for each in took.values())  # room for the lane's name
    half = axis.step / 2
    parts: list[str] = []
    below = height + LINE  # where the name beside the line before stands
    for name, colour, dash in (("p50", COLOURS[0], ""), ("p95", COLOURS[1], "5 3")):
        points = [(axis.left(at) + half, height * (1 - getattr(each, name) / top)) for at, each in took.items()]
        parts.extend(polyline(run, colour, dash) for run in _runs(points, axis.step))
        parts.extend(dot(x, y, colour, is_filled=name == "p50", radius=2) for x, y in points)
        below = min(below - LINE, points[-1][1] + 4)
        parts.append(text(WIDTH - RIGHT + 14, below, say(f"plot.{name}"), kind=name))
    return _lane(say("plot.latency"), "".join(parts), height, seconds(top), "0")


def _runs(points: Iterable[Point], step: float) -> list[list[Point]]:
    """Lines that break where a period has no answers."""
    runs: list[list[Point]] = []
    for point in points:
        if runs and point[0] - runs[-1][-1][0] < 1.5 * step:
            runs[-1].append(point)
        else:
            runs.append([point])
    return [run for run in runs if len(run) > 1]


def _happened(spans: Sequence[Span], marks: Sequence[Mark], axis: Axis, say: Say) -> tuple[str, float]:
    """Rollouts as bars, each in a row of its own, and below them what happened at a moment."""
    parts, y = list[str](), 2.0
    for span in spans:
        x, end, title = axis.x(span.since), axis.x(span.until), short(span.title, 48)
        parts.append(box((x, y), (max(3.0, end - x), 10), span.colour, span.title))
        at, anchor, is_below = _beside(x, end, width_of(title))
        y += LINE * is_below
        parts.append(text(at, y + 9, title, anchor))
        y += 17
    for kind in MARKS:
        chosen = [each for each in marks if each.kind == kind and each.at >= axis.periods.origin]
        if not chosen:
            continue
        colour, is_filled = MARKS[kind]
        parts.extend(
            dot(axis.x(each.at), y + 6, colour, is_filled=is_filled, radius=4, title=each.title) for each in chosen
        )
        parts.append(text(WIDTH - RIGHT + 14, y + 10, say(f"mark.{kind}")))
        y += 17
    return _lane(say("plot.happened"), "".join(parts), y + 4)


def _beside(x: float, end: float, width: float) -> tuple[float, str, bool]:
    """Where the name of a bar from `x` to `end` has room: where, its anchor, and whether it needs a line of its own."""
    if end + 6 + width <= WIDTH:
        return end + 6, "start", False
    if x - 6 - width >= LEFT:
        return x - 6, "end", False
    return min(x, WIDTH - width), "start", True


def width_of(words: str) -> float:
    """About how wide a text is drawn: what is wide in East Asia is twice as wide."""
    return sum(13.0 if ord(each) >= 0x2E80 else 6.5 for each in words)


def sparks(values: Sequence[float]) -> str:
    """Values as a line of characters, the largest the tallest."""
    top, last = max(values, default=0.0) or 1.0, len(SPARKS) - 1
    return "".join(SPARKS[min(last, max(0, round(last * value / top)))] for value in values)


def short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
