"""The pieces that plots are drawn from. Texts are escaped here, and nowhere else."""

from collections.abc import Iterable
from html import escape
from typing import Final

WIDTH: Final = 640
GRID: Final = "#ddd"
Point = tuple[float, float]


def svg(title: str, content: str, height: float, width: float = WIDTH) -> str:
    """A whole plot; `title` is what somebody hears who can't see it."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )


def text(x: float, y: float, words: str, anchor: str = "start", *, kind: str = "") -> str:
    """Words; `kind` is a class of the page's style."""
    style = f' class="{escape(kind)}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


def rule(start: Point, end: Point, colour: str = GRID, dash: str = "", *, width: float = 1) -> str:
    """A straight line."""
    (x1, y1), (x2, y2) = start, end
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    thick = f' stroke-width="{width:g}"' if width != 1 else ""
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{colour}"{thick}{dashed}/>'


def polyline(points: Iterable[Point], colour: str, dash: str = "") -> str:
    """A line through points."""
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def area(points: Iterable[Point], colour: str, opacity: float = 1.0) -> str:
    """What points go around."""
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{told}" fill="{colour}" fill-opacity="{opacity:g}"/>'


def box(at: Point, size: Point, colour: str, title: str = "") -> str:
    """A filled rectangle; `title` is shown where a pointer rests on it."""
    (x, y), (width, height) = at, size
    head = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}" fill="{colour}"'
    )
    return f"{head}><title>{escape(title)}</title></rect>" if title else f"{head}/>"


def dot(x: float, y: float, colour: str, *, is_filled: bool, radius: float = 5, title: str = "") -> str:
    """A filled or an open circle: a grey printer tells them apart as well."""
    fill = colour if is_filled else "#fff"
    head = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" stroke="{colour}" stroke-width="2"'
    return f"{head}><title>{escape(title)}</title></circle>" if title else f"{head}/>"
