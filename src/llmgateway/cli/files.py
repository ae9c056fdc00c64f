"""Files that commands write."""

import os
import stat
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a text that its owner alone may read, whoever could read what was there before. Raises OSError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as opened:
        if stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            os.fchmod(opened.fileno(), 0o600)
        opened.write(text.encode("utf-8", "replace"))
