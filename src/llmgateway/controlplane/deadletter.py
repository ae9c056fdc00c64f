"""Records that no store will take, put aside for a person to look at, so that the ones behind them get through.

One file each, framed as in the journal, with the reason in its JSON. Bounded: beyond that they are only counted.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from llmgateway.journal.frame import pack

FOLDER: Final = "dead-letter"
MAX_FILES: Final = 1_000
MAX_BYTES: Final = 256 * 1024 * 1024

_UNSAFE: Final = re.compile(r"[^0-9a-zA-Z-]")


class DeadLetters:
    """The folder `<data>/journal/dead-letter`. Never raises. Blocking I/O; one thread at a time."""

    def __init__(self, folder: Path, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_files = max_files
        self._room: int | None = None  # bytes; known after the first look at the folder
        self._max_bytes = max_bytes
        self._files = 0
        self.count = 0
        self.dropped = 0  # counted, and not kept: no room, or the disk would not take it

    def keep(self, reason: str, meta: Mapping[str, Any], blobs: Mapping[str, bytes]) -> None:
        """Write one record down with the reason why it is here."""
        self.count += 1
        try:
            self._keep(self._name(meta), _framed(reason, meta, blobs))
        except OSError:
            self.dropped += 1

    def _keep(self, name: str, buffers: list[bytes]) -> None:
        size = sum(map(len, buffers))
        if self._room is None:
            self._room = self._measure()
        if self._files >= self._max_files or size > self._room:
            self.dropped += 1
            return
        try:
            fd = os.open(self._folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return  # it came again after a crash
        with os.fdopen(fd, "wb") as file:
            self._files += 1
            self._room -= size
            file.writelines(buffers)

    def _measure(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sizes = [path.stat().st_size for path in self._folder.iterdir()]
        self._files = len(sizes)
        return self._max_bytes - sum(sizes)

    def _name(self, meta: Mapping[str, Any]) -> str:
        exchange_id = _UNSAFE.sub("_", str(meta.get("id", "")))[:40] or f"unnamed-{os.urandom(4).hex()}"
        return f"{exchange_id}-{_UNSAFE.sub('_', str(meta.get('k', 'exchange')))[:12]}.frame"


def _framed(reason: str, meta: Mapping[str, Any], blobs: Mapping[str, bytes]) -> list[bytes]:
    about = {name: value for name, value in meta.items() if name != "blobs"} | {"reason": reason}
    try:
        return pack(about, list(blobs.items()))
    except (TypeError, ValueError):  # what can't even be written as JSON
        return pack({"reason": reason, "repr": ascii(dict(meta))}, list(blobs.items()))
