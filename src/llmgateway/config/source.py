"""Reads a configuration file and parses its TOML. Every way in which that fails is a sentence with a line."""

import os
import stat
import tomllib
from pathlib import Path as File
from re import MULTILINE
from re import compile as regex
from typing import Any, Final

from llmgateway.config.problems import ConfigError, Problem

MAX_BYTES: Final = 4 * 1024 * 1024
_PLACE: Final = regex(r"(?P<reason>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")
# tomllib takes time and memory by the square of a dotted key's length.
_ENDLESS_KEY: Final = regex(r"^[ \t\[{]*+(?:[\"']?[\w-]++[\"']?[ \t]*+\.[ \t]*+){64}", MULTILINE)
_REWORDED: Final = {
    "Cannot overwrite a value": "this setting is written twice",
    "Cannot declare": "this table is written twice",
    "Cannot mutate immutable namespace": "this table is complete where it was first written; nothing can be added here",
    "Duplicate inline table key": "this setting is written twice in one inline table",
    "Invalid value": "this is not a TOML value; text needs quotes around it",
    "Unescaped '\\' in a string": "a backslash in a string must be doubled",
}


def read_text(path: File, limit: int = MAX_BYTES) -> str:
    """Read the file at `path`, refused above `limit` bytes; raises ConfigError."""
    try:
        with open(path, "rb", opener=_open_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise _refusal(str(path), 0, "is not a regular file: it might never end, or keep the gateway waiting")
            content = stream.read(limit + 1)
    except OSError as error:
        raise _refusal(str(path), 0, f"cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError:  # a NUL in the name
        raise _refusal(repr(str(path)), 0, "is not a file name") from None
    return decoded(content, str(path), limit)


def decoded(content: bytes, name: str, limit: int = MAX_BYTES) -> str:
    """A file's content as text, refused above `limit` bytes; raises ConfigError, which calls it by `name`."""
    if len(content) > limit:
        raise _too_large(name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refusal(name, line, "is not UTF-8 text") from None


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, as a pipe without a writer would have us do for ever."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def parse(text: str, file: str) -> dict[str, Any]:
    """Parse TOML text; raises ConfigError for what is not TOML, too large, or has nothing in it."""
    if len(text) > MAX_BYTES:
        raise _too_large(file)
    if found := _ENDLESS_KEY.search(text):
        raise _refusal(file, text.count("\n", 0, found.end()) + 1, "a name has more than 64 parts")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(text, file, str(error)) from None
    except RecursionError:
        raise _refusal(file, 0, "is nested too deeply") from None
    except ValueError:  # a number or date beyond what Python can hold
        raise _refusal(file, 0, "holds a number or date that is out of range") from None
    if not document:
        raise _refusal(file, 0, "is empty; config.example.toml shows what belongs here")
    return document


def _malformed(text: str, file: str, message: str) -> ConfigError:
    found = _PLACE.fullmatch(message)
    reason = found["reason"] if found else message
    line = int(found["line"]) if found and found["line"] else text.rstrip().count("\n") + 1
    for start, sentence in _REWORDED.items():
        if reason.startswith(start):
            reason = sentence
    return _refusal(file, line, f"not valid TOML: {reason}")


def _too_large(file: str) -> ConfigError:
    return _refusal(file, 0, f"is larger than {MAX_BYTES // 1024**2} MiB")


def _refusal(file: str, line: int, reason: str) -> ConfigError:
    return ConfigError([Problem(file, line, "", reason)])
