"""Keeps the last configuration that held: its text, references unresolved, for a start when the file is broken."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path as File
from re import compile as regex
from typing import Final

from llmgateway.config.problems import ConfigError
from llmgateway.config.prompts import MAX_TOTAL_BYTES
from llmgateway.config.source import MAX_BYTES, read_text

# The text, the prompts behind it with an escape for each character at worst, and our first line.
_MOST: Final = MAX_BYTES + 7 * MAX_TOTAL_BYTES + 100
_FIRST_LINE: Final = regex(r"# llmgateway generation (\d{1,18})")


@dataclass(frozen=True, slots=True)
class LastGood:
    """A text that was in force, and the generation it had."""

    text: str
    generation: int


def path_in(data_dir: str | File) -> File:
    """Where the text is kept below the data folder."""
    return File(data_dir) / "run" / "config.toml"


def save(data_dir: str | File, text: str, generation: int) -> None:
    """Write the text so that a crash leaves the old one or the new one, whole; raises OSError. Blocks on fsync."""
    target = path_in(data_dir)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    # O_EXCL after unlink: never through somebody else's link, and never with a looser mode than asked for.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(f"# llmgateway generation {generation}\n{text}")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def load(data_dir: str | File) -> LastGood | None:
    """Read the text back. None: there is none, or it is not one that `save` wrote whole."""
    try:
        content = read_text(path_in(data_dir), limit=_MOST)
    except ConfigError:
        return None
    first, _, text = content.partition("\n")
    found = _FIRST_LINE.fullmatch(first)
    return LastGood(text, int(found[1])) if found else None


def _sync_folder(folder: File) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
