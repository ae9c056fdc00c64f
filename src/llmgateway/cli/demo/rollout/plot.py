"""A plot for the terminal: evidence on a logarithmic scale over time, the candidate's weight below it."""

import math
from collections.abc import Sequence
from typing import Final

from llmgateway.cli.demo.rollout.course import Point

HARM, SAFE, BOTH, ENOUGH, EMPTY = "●", "○", "◉", "┄", " "
NEEDED: Final = 20.0  # of either E
TOP, BOTTOM = 4, -1  # rows in units of a third of the way from 1 to enough
LABELS: Final = {4: "50+", 3: "20", 2: "7", 1: "3", 0: "1", -1: "0.4"}
SHORTEST_S: Final = 20.0
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_ENOUGH_AT: Final = 3
_UNIT: Final = math.log(NEEDED) / _ENOUGH_AT


def rows(points: Sequence[Point], width: int) -> list[tuple[str, str]]:
    """Label and cells of each row, from the top; the last one is the weight."""
    columns = _columns(points, width)
    made = []
    for level in range(TOP, BOTTOM - 1, -1):
        cells = "".join(_cell(point, level) for point in columns)
        made.append((LABELS[level], cells))
    weights = "".join(EMPTY if point is None else _block(point.weight) for point in columns)
    return [*made, ("weight", weights)]


def span(points: Sequence[Point]) -> float:
    """The seconds that a plot's width stands for."""
    return max(SHORTEST_S, points[-1].at if points else 0.0)


def _columns(points: Sequence[Point], width: int) -> list[Point | None]:
    """The last point of each column; where a column has none, the one before it, and none after the last."""
    seconds = span(points)
    found: list[Point | None] = [None] * width
    for point in points:
        found[min(width - 1, int(point.at / seconds * width))] = point
    last = max((index for index, point in enumerate(found) if point is not None), default=-1)
    for index in range(1, last):
        found[index] = found[index] or found[index - 1]
    return found


def _cell(point: Point | None, level: int) -> str:
    is_harm, is_safe = (point is not None and level_of(each) == level for each in _both(point))
    if is_harm and is_safe:
        return BOTH
    return HARM if is_harm else SAFE if is_safe else ENOUGH if level == _ENOUGH_AT else EMPTY


def _both(point: Point | None) -> tuple[float, float]:
    return (0.0, 0.0) if point is None else (point.harm, point.safe)


def level_of(log_e: float) -> int:
    """The row of an E whose logarithm is given: on the row of 20 or above it only when it is enough."""
    return max(BOTTOM, min(TOP, math.floor(log_e / _UNIT + 1e-9)))


def _block(weight: float) -> str:
    return _BLOCKS[0 if weight <= 0 else max(1, min(8, round(8 * weight)))]
