"""A figure of the reliability suite: what was to be reached, what was measured, and whether that is it. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `holds` None: it was not measured, and `measured` says why."""

    name: str
    target: str
    measured: str
    holds: bool | None

    def document(self) -> dict[str, Any]:
        return asdict(self)


def at_most(name: str, value: float | None, limit: float, unit: str = "", digits: int = 2) -> Figure:
    """A figure that must not be above `limit`. None: it never came to that, which does not hold."""
    measured = "never" if value is None else _text(value, unit, digits)
    return Figure(name, f"≤ {_text(limit, unit, digits)}", measured, value is not None and value <= limit)


def at_least(name: str, value: float, limit: float, unit: str = "", digits: int = 0) -> Figure:
    """A figure that must not be below `limit`."""
    return Figure(name, f"≥ {_text(limit, unit, digits)}", _text(value, unit, digits), value >= limit)


def none_of(name: str, found: Sequence[object] | int, among: int | None = None) -> Figure:
    """Something that must not be there; a few of what was found are quoted. `among`: out of how many."""
    count = found if isinstance(found, int) else len(found)
    measured = f"{count:,}" + (f" of {among:,}" if among is not None else "")
    if count and not isinstance(found, int):
        measured += ": " + "; ".join(str(each)[:90] for each in found[:SHOWN])
    return Figure(name, "0", measured, count == 0)


def unmeasured(name: str, why: str) -> Figure:
    """A figure that could not be had here."""
    return Figure(name, "", why, None)


def _text(value: float, unit: str, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()
