"""The operator's configuration file, as the control plane reads, judges and replaces it. Everything here blocks."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llmgateway.config import inplace, source
from llmgateway.config.loader import Examined


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """`judge(text, generation)` says what a text means, or raises ConfigError. `path` is what problems call it."""

    path: Path
    judge: Callable[[str, int], Examined]

    def read(self) -> str:
        """The text as it is on disk now; raises ConfigError."""
        return source.read_text(self.path)

    def replace(self, text: str, expected: str) -> None:
        """Write `text` in place of `expected`; raises as `inplace.replace_text` does."""
        inplace.replace_text(self.path, text, expected)


def etag(text: str) -> str:
    """A text's name for `If-Match`."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
