"""The secret that browsers' tokens are signed with, where the configuration names none: one file, made once."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from llmgateway.auth.browser import SECRET_BYTES

NAME: Final = "feedback.key"


def kept_secret(data: Path) -> bytes:
    """Read the secret in the data folder; makes it where there is none. All processes get the same, whoever is first.

    Raises OSError.
    """
    path = data / NAME
    with suppress(FileNotFoundError):
        return _read(path)
    draft = path.with_name(f".{NAME}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(SECRET_BYTES))
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # another process was first: its secret counts
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise OSError(None, "is too short for a secret; delete it, and another one is made", str(path))
    return secret
