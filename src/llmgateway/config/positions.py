"""Finds the line on which a setting stands, which tomllib does not tell.

Reads text that tomllib has accepted already, so it follows TOML 1.0's shape without checking it again,
and where it is in doubt it answers with the line of the enclosing table.
"""

import tomllib
from bisect import bisect_right
from re import DOTALL, Pattern
from re import compile as regex
from typing import Final

from llmgateway.config.problems import Path

_KEY_PART: Final = regex(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*+)"|'([^'\n]*+)'|([A-Za-z0-9_-]++))[ \t]*""")
_BLANK: Final = regex(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_REST_OF_LINE: Final = regex(r"[^\n]*+")
_STRING: Final = regex(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}'
    + r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    + r'|"(?:[^"\\\n]++|\\.)*+"'
    + r"|'[^'\n]*+'",
    DOTALL,
)
_SCALAR: Final = regex(r"[^,\]}\n#]++")
_MAX_DEPTH: Final = 32  # of a path; deeper settings are found with what holds them
_MAX_ITEMS: Final = 1_000  # of one array; later ones are found with the array


class Positions:
    """Lines of one TOML text, by path. Scans when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] | None = None

    def line(self, path: Path) -> int:
        """The line (from 1) of the setting, or of the nearest table around it that is written out."""
        if self._lines is None:
            self._lines = _scan(self._text)
        for length in range(len(path), 0, -1):
            found = self._lines.get(path[:length])
            if found is not None:
                return found
        return 1


def _scan(text: str) -> dict[Path, int]:
    scanner = _Scanner(text)
    try:
        scanner.document()
    except RecursionError:  # nested absurdly deep: what was found so far will do
        pass
    return {**scanner.implied, **scanner.written}


class _Scanner:
    """One pass over the text. Every method begins at `at` and leaves `at` behind what it read."""

    def __init__(self, text: str) -> None:
        # tomllib reads \r\n as \n; so does this, without moving any line.
        self._text = text.replace("\r\n", "\n")
        self._breaks = [i for i, c in enumerate(self._text) if c == "\n"]
        self._tables: dict[Path, int] = {}  # arrays of tables: how many so far
        self._at = 0
        self.written: dict[Path, int] = {}  # by a header or key of their own
        self.implied: dict[Path, int] = {}  # by a longer path that begins with them

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            before = self._at
            if self._text.startswith("[", self._at):
                table = self._header()
                self._skip(_REST_OF_LINE)
            else:
                self._pair(table)
                self._skip(_REST_OF_LINE)
            self._skip(_BLANK)
            if self._at == before:
                return

    def _header(self) -> Path:
        at = self._at
        is_array = self._text.startswith("[[", at)
        self._at += 2 if is_array else 1
        keys = self._key()
        path: Path = ()
        for key in keys[:-1]:
            path = self._last_of((*path, key))
        path = (*path, *keys[-1:])
        if is_array:
            self._note(path, at)
            count = self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, count - 1)
        self._note(path, at)
        return path

    def _last_of(self, path: Path) -> Path:
        count = self._tables.get(path, 0)
        return (*path, count - 1) if count else path

    def _key(self) -> list[str]:
        parts: list[str] = []
        while found := _KEY_PART.match(self._text, self._at):
            basic, literal, bare = found.groups()
            parts.append(_unescape(basic) if basic is not None else literal if literal is not None else bare)
            self._at = found.end()
            if not self._take("."):
                break
        return parts

    def _pair(self, table: Path) -> None:
        at = self._at
        keys = self._key()
        if not keys or not self._take("="):
            return
        path = (*table, *keys)
        self._note(path, at)
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        elif found := _STRING.match(self._text, self._at):
            self._at = found.end()
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        index = 0
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("]"):
            item = (*path, index)
            if index < _MAX_ITEMS:
                self._note(item, self._at)
            self._value(item)
            self._skip(_BLANK)
            if not self._take(",") and not self._text.startswith("]", self._at):
                return
            self._skip(_BLANK)
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("}"):
            self._pair(path)
            self._skip(_BLANK)
            if not self._take(",") and not self._text.startswith("}", self._at):
                return
            self._skip(_BLANK)

    def _note(self, path: Path, at: int) -> None:
        path = path[:_MAX_DEPTH]
        line = bisect_right(self._breaks, at - 1) + 1
        self.written.setdefault(path, line)
        for length in range(len(path) - 1, 0, -1):
            if path[:length] in self.implied:
                break
            self.implied[path[:length]] = line

    def _skip(self, pattern: Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _take(self, mark: str) -> bool:
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False


def _unescape(body: str) -> str:
    if "\\" not in body:
        return body
    try:
        return str(tomllib.loads(f'key = "{body}"')["key"])
    except tomllib.TOMLDecodeError:  # not in text that tomllib has accepted
        return body
