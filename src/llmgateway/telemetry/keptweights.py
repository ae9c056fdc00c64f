"""The weights of rollouts on disk: a worker that starts while control is away goes by them, as the others do."""

from pathlib import Path
from typing import Any, Final

from llmgateway.wire.jsoncodec import JsonError, decode

WEIGHTS: Final = Path("run", "weights.json")  # below the data folder
MAX_BYTES: Final = 16 * 1024 * 1024


def kept(path: Path) -> dict[str, Any]:
    """Read it; nothing where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            told = decode(file.read(MAX_BYTES))
    except (OSError, JsonError):
        return {}
    return told if isinstance(told, dict) else {}
