"""Replaces the operator's own file: whole or not at all, through its symbolic links, with its mode and owner."""

import os
from contextlib import suppress
from pathlib import Path as File

from llmgateway.config import source


class ChangedMeanwhileError(Exception):
    """Somebody else has written the file since it was read."""


def replace_text(path: File, text: str, expected: str) -> None:
    """Write `text` to `path`, which has to hold `expected` until the last moment.

    Raises ChangedMeanwhileError, ConfigError where the file can't be read, and OSError. Blocks on fsync.
    """
    target = path.resolve(strict=True)
    before = target.stat()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            with suppress(OSError):  # only root may give files away; the mode matters more
                os.fchown(stream.fileno(), before.st_uid, before.st_gid)
            os.fchmod(stream.fileno(), before.st_mode & 0o7777)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _expect(target, expected)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _expect(target: File, text: str) -> None:
    if source.read_text(target) != text:
        raise ChangedMeanwhileError


def _sync(folder: File) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
