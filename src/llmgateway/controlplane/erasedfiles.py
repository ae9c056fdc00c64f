"""What lies beside the journal and may be somebody's: records that no store would take, and damaged bytes.

Both are kept for a person to look at, and nothing needs them: what is meant is deleted; of damaged bytes, what may be.

Blocking I/O.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from llmgateway.controlplane.deadletter import FOLDER
from llmgateway.domain.pseudonyms import mark_of
from llmgateway.journal.frame import BadFrameError, unpack
from llmgateway.journal.layout import QUARANTINE_NAME
from llmgateway.ports.erasures import Whose, is_named
from llmgateway.wire.jsoncodec import encode


def delete_files(journal: Path, whose: Whose, at: float) -> int:
    """Delete what is meant and was received before `at`; returns how many files. Raises OSError."""
    words = list(_words(whose))
    letters = [path for path in _files(journal / FOLDER) if _is_letter(path, whose, at)]
    damaged = [path for path in _files(journal / QUARANTINE_NAME) if _holds(path, words)]
    for path in (*letters, *damaged):
        path.unlink(missing_ok=True)
    return len(letters) + len(damaged)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_letter(path: Path, whose: Whose, at: float) -> bool:
    """One that can't be read may be anybody's, and is kept."""
    meta: dict[str, object] = {}
    with suppress(BadFrameError):
        meta = unpack(path.read_bytes()).meta
    received = meta.get("at")
    if not isinstance(received, int | float) or received >= at:
        return False
    if meta.get("k") == "scored":
        source = meta.get("source_id")
        return meta.get("exchange_id") in whose.exchange_ids or (
            not whose.exchange_ids and is_named(whose.user, source if isinstance(source, str) else None)
        )
    return whose.has(meta)


def _words(whose: Whose) -> Iterator[bytes]:
    """What stands in a record that is meant."""
    yield from (each.encode() for each in whose.exchange_ids)
    if whose.user is not None:
        yield b'"user":' + encode(whose.user)
        yield mark_of(whose.user).encode() + b'"'
    elif whose.tag is not None:
        yield encode(dict([whose.tag]))[1:-1]
    elif whose.key is not None:
        yield b'"key":' + encode(whose.key)


def _holds(path: Path, words: list[bytes]) -> bool:
    content = path.read_bytes()
    return any(word in content for word in words)
