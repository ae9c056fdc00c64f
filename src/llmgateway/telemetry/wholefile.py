"""Small files beside the sockets, which outlive the process that wrote them."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Save it, whole or not at all, for its owner alone; raises OSError.

    Not synced: it has to survive this process, not the machine.
    """
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
