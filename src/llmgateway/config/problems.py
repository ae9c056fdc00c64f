"""What is wrong with a configuration, told to the operator: file, line, setting, reason.

A reason never quotes the value of a setting that may hold a secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from re import compile as regex
from typing import Final

MAX_PROBLEMS: Final = 20  # told
MAX_FAULTS: Final = 200  # looked for, of each kind: the rest of a file full of them costs time and tells nothing new
_BARE: Final = regex(r"[A-Za-z0-9_-]{1,200}")
_LONGEST_NAME: Final = 200

Path = tuple[str | int, ...]
Fault = tuple[Path, str]  # a setting and the reason, before a line is known for it


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `path` is the setting's dotted name, empty for the file as a whole."""

    file: str
    line: int
    path: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{where}{self.path}: {self.reason}" if self.path else f"{where}{self.reason}"


class ConfigError(Exception):
    """The configuration is refused. `problems`: at most MAX_PROBLEMS, in the file's order; `total`: those found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.total = len(problems)
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__(problems)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems]
        if self.total > len(lines):
            lines.append(f"… and {self.total - len(lines)} more")
        return "\n".join(lines)


def dotted(path: Path) -> str:
    """Write a setting's path as TOML would name it; control characters come out escaped.

    An entry of a list goes by the list's name: the line and the reason tell which one is meant.
    """
    text = ""
    for part in path[:-1] if path and isinstance(path[-1], int) else path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}" if text else _key(part)
    return text


def quoted(name: str) -> str:
    """Put a name in double quotes for a sentence, safe for a terminal and cut if it is very long."""
    cut = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return f'"{shown}"'


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that an unknown one is probably meant to be, if any is near; looks at the first 2,000."""
    near = get_close_matches(name[:_LONGEST_NAME], known[:2_000], n=1)
    return near[0] if near else next((each for each in known[:2_000] if each.lower() == name.lower()), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, all of a few, or nothing."""
    names = sorted(known)
    if (near := nearest(name, names)) is not None:
        return f"; did you mean {quoted(near)}?"
    if 0 < len(names) <= 6:
        return f"; there is {', '.join(quoted(each) for each in names)}"
    return ""


def _key(part: str) -> str:
    return part if _BARE.fullmatch(part) else quoted(part)
