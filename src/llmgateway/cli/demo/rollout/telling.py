"""How the story is told: a live picture on a terminal, lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from llmgateway.cli.demo.rollout import screen
from llmgateway.cli.demo.rollout.course import Course
from llmgateway.cli.demo.rollout.crowd import Seen
from llmgateway.cli.logs.printable import one_line
from llmgateway.domain.clock import Clock, SystemClock

PICTURES_S: Final = 4


class Telling:
    """Tells a story to a console. Time runs from the moment it is made."""

    def __init__(self, console: Console, clock: Clock | None = None) -> None:
        self.console = console
        self._live: Live | None = None
        self._clock = clock or SystemClock()
        self._began = self._clock.monotonic()

    @property
    def seconds(self) -> float:
        """Since the story began."""
        return self._clock.monotonic() - self._began

    def say(self, line: str, style: str = "") -> None:
        """A line that stays, with its time; lines of people and machines may be shown as they come."""
        table = Table.grid(padding=(0, 2))
        table.add_column(width=7, justify="right", style="dim")
        table.add_column(overflow="fold")
        table.add_row(f"{self.seconds:.1f} s", Text(one_line(line), style))
        self.console.print(table)

    def show(self, what: RenderableType) -> None:
        """Something that stays."""
        self.console.print(what)

    @contextmanager
    def scene(self, course: Course, seen: Seen) -> Iterator[None]:
        """A scene: its picture is live on a terminal, and stays when it is over."""
        self.console.print(screen.heading(course.scene))
        if self.console.is_terminal:
            with Live(console=self.console, transient=True, refresh_per_second=PICTURES_S) as self._live:
                yield
            self._live = None
        else:
            yield
        self.console.print(screen.frame(course, seen))

    def look(self, course: Course, seen: Seen, at: float) -> None:
        """The rollout as it is now."""
        if self._live is not None:
            self._live.update(screen.frame(course, seen))
            return
        for line in course.figures(at):
            self.say(line, "dim")
