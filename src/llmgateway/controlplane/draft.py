"""A change to the configuration before it is made: the new text, what it means, and how it differs. Pure but for TLS
files and secrets, which are looked at as a start would.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.config import source
from llmgateway.config.credentials import withheld
from llmgateway.config.difference import difference
from llmgateway.config.loader import Examined
from llmgateway.config.masking import UnmaskableError, unmasked
from llmgateway.config.positions import Positions
from llmgateway.config.problems import ConfigError, Fault, Problem, dotted
from llmgateway.telemetry.frames import MAX_SNAPSHOT_BYTES, SNAPSHOT, frame

Edit = Callable[[str], str]
Judge = Callable[[str, int], Examined]

_NUMBER: Final = 2**53  # stands for any generation's number where the size of a frame is looked at


@dataclass(frozen=True, slots=True)
class Draft:
    """What a change would do. `diff` is masked; `whole` is the text that would be in force, its prompts behind it."""

    text: str
    whole: str
    examined: Examined
    diff: str


@dataclass(frozen=True, slots=True)
class Start:
    """What a change begins with: the file's text, the one in force (the same, unless somebody edited the file), and
    the file's name for problems.
    """

    text: str
    in_force: str
    file: str


def draft(start: Start, edit: Edit, judge: Judge, confirmed: Collection[str] = ()) -> Draft:
    """Make a new text and judge it. Raises ConfigError, and what `edit` raises."""
    before, file = start.text, start.file
    text = edit(before)
    document = source.parse(text, file)
    try:
        text, restored, faults = unmasked(text, before)
    except UnmaskableError:
        raise ConfigError([Problem(file, 0, "", "has *** where nothing can be filled in; write secrets out")]) from None
    faults += withheld(_parsed(before), document if not restored else _parsed(text), restored, confirmed)
    if faults:
        raise ConfigError(_problems(faults, text, file))
    examined = judge(text, 0)
    whole = examined.whole
    fits(whole, file)
    return Draft(text, whole, examined, difference(start.in_force, whole, "in force", "afterwards"))


def _parsed(text: str) -> dict[str, Any]:
    """A text that may be no TOML at all: then there is nothing in it."""
    try:
        return source.parse(text, "")
    except ConfigError:
        return {}


def _problems(faults: Collection[Fault], text: str, file: str) -> list[Problem]:
    positions = Positions(text)
    return sorted(
        (Problem(file, positions.line(path), dotted(path), reason) for path, reason in faults),
        key=lambda problem: problem.line,
    )


def fits(text: str, file: str) -> None:
    """Refuse what no worker could be sent; raises ConfigError."""
    try:
        frame(SNAPSHOT, {"generation": _NUMBER, "text": text}, MAX_SNAPSHOT_BYTES)
    except ValueError:
        raise ConfigError([Problem(file, 0, "", "is too large to hand to the workers")]) from None
