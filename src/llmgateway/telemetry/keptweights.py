"""The weights of rollouts on disk: a worker that starts while control is away goes by them, as the others do."""

import os
from pathlib import Path
from typing import Any, Final

from llmgateway.wire.jsoncodec import JsonError, decode

WEIGHTS: Final = Path("run", "weights.json")  # below the data folder
MAX_BYTES: Final = 16 * 1024 * 1024


def keep(path: Path, told: bytes) -> None:
    """Save what workers are told, whole or not at all; raises OSError. Not synced: it is for a process that is killed,
    and a machine that was off has another control before it has workers to tell.
    """
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(told)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def kept(path: Path) -> dict[str, Any]:
    """Read it; nothing where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            told = decode(file.read(MAX_BYTES))
    except (OSError, JsonError):
        return {}
    return told if isinstance(told, dict) else {}
