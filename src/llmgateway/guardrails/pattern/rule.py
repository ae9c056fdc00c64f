"""One expression of an operator: compiled, checked, and asked where it matches.

Texts are UTF-8 here, as RE2 wants them; offsets are turned into code points by whoever gives them on.
"""

from collections.abc import Iterator
from typing import Any, Final

import re2

from llmgateway.wire.regex_ahead import may_be_empty, run_of, unfinished, written
from llmgateway.wire.regex_syntax import Node, SyntaxRefusedError, parse

MAX_PROGRAM: Final = 5_000
_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True


class RuleError(ValueError):
    """An expression that is not taken. The sentence says why."""


class Rule:
    """Finds every place where an expression begins to match, in at most `longest` characters.

    A class repeated is matched as long as it goes on: `\\d{10}` finds 30 digits as one. `run` tells whether it is one.
    """

    def __init__(self, name: str, source: str, longest: int) -> None:
        self.kind = f"pattern.{name}"
        self._longest = longest
        compiled(source)
        node = _parsed(source)
        run, least = run_of(node) or ("", 1)
        if least > self._longest:
            raise RuleError(f"it matches nothing of {self._longest} characters, which is max_length")
        self.source = f"(?m:{run}{{{least},}})" if run else f"(?m:{written(node)})"
        self.unfinished = f"(?m:{run}*)" if run else f"(?m:{unfinished(node)})"
        self._regex = compiled(self.source)
        self._open = compiled(f"(?:{self.unfinished}|{self.source})\\z", 4 * MAX_PROGRAM)
        self.run = compiled(self.unfinished) if run else None
        self._run_end = compiled(f"(?m:{run}+)\\z") if run else None

    def matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Give, in order, every match but such as lie inside others."""
        if self.run:
            yield from (found.span() for found in self._regex.finditer(data))
            return
        at = 0
        while found := self._regex.search(data, at):
            begin, end = found.span()
            if end - begin > self._longest and (end := self._shortened(data, begin, end)) < 0:
                at = begin + 1
                continue
            yield begin, end
            at = self._next(data, begin, end)

    def open_run(self, data: bytes) -> int:
        """Give where a run begins that reaches the end, else the end."""
        found = self._run_end.search(data) if self._run_end else None
        return found.start() if found else len(data)

    def goes_on(self, data: bytes) -> int:
        """Give how many of the first bytes are still of the run."""
        return self.run.match(data).end() if self.run else 0

    def _shortened(self, data: bytes, begin: int, end: int) -> int:
        """Cut a match to the characters that it may have; -1 if it is none then."""
        text = data[begin:end].decode()
        if len(text) <= self._longest:
            return end
        found = self._regex.match(data, begin, begin + len(text[: self._longest].encode()))
        return found.end() if found else -1

    def _next(self, data: bytes, begin: int, end: int) -> int:
        """Give where to look on: the first place inside a match from which another may reach farther, or its end."""
        if end == len(data):
            return end
        follows = end + 1
        while follows < len(data) and data[follows] & 0xC0 == 0x80:  # the rest of that character
            follows += 1
        found = self._open.search(data[begin:follows], 1)
        return min(end, begin + found.start()) if found else end


def compiled(source: str, most: int = MAX_PROGRAM) -> Any:
    """Compile for UTF-8. RuleError: RE2 does not take it, or it has more than `most` instructions."""
    try:
        regex = re2.compile(source.encode(), _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise RuleError(f"RE2 does not take it: {_plain(reason)}") from None
    if regex.programsize > most:
        raise RuleError(f"it is too large: {regex.programsize} instructions, and {most} are the most")
    return regex


def _plain(reason: object) -> str:
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _parsed(source: str) -> Node:
    try:
        node = parse(source)
    except SyntaxRefusedError as error:
        raise RuleError(str(error)) from None
    except (IndexError, ValueError):
        raise RuleError("it is not understood") from None
    if may_be_empty(node):
        raise RuleError("it matches the empty text")
    return node
