"""Shares with the intervals they may well lie in, on an axis that begins at zero."""

from collections.abc import Callable
from typing import Final, NamedTuple

from llmgateway.drawing.svg import WIDTH, dot, rule, text

LEFT: Final = 170
RIGHT: Final = 90
TICKS: Final = 4
_ENDS: Final = (0.01, 0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8)


class Bar(NamedTuple):
    """One share with its interval, 0 to 1."""

    share: float
    low: float
    high: float


def across(value: float, scale: float) -> float:
    """Where a value stands."""
    return LEFT + (WIDTH - LEFT - RIGHT) * value / scale


def interval(y: float, bar: Bar, scale: float, colour: str, *, is_filled: bool) -> str:
    """One share as a dot on the line of its interval, and in figures beside it."""
    return (
        rule((across(bar.low, scale), y), (across(bar.high, scale), y), colour, width=2)
        + dot(across(bar.share, scale), y, colour, is_filled=is_filled)
        + text(WIDTH - RIGHT + 12, y + 4, f"{100 * bar.share:.1f} %")
    )


def axis(scale: float, bottom: float, label: Callable[[float], str]) -> str:
    """Upright lines at round values, with their figures below."""
    parts = []
    for tick in range(TICKS + 1):
        value = scale * tick / TICKS
        x = across(value, scale)
        parts.append(rule((x, 8), (x, bottom)))
        parts.append(text(x, bottom + 16, label(value), "middle"))
    return "".join(parts)


def percent(value: float) -> str:
    return f"{100 * value:g} %"


def nice(top: float) -> float:
    """The end of an axis of shares: round, and not below `top`."""
    return next((end for end in _ENDS if top <= end), 1.0)
