"""What workers and control say to each other over the Unix socket: one JSON object a line, each with its `k`.

    worker → control   status    once a second: who it is, its gauges, its counters since it started
                       ack       a snapshot is in force, or why not
                       backend   news of a backend, at once: it is out, well again, asks for a pause (routing.standings)
                       weighed   at once: which weights of rollouts are in force here from now on
    control → worker   snapshot  the configuration's text and its generation
                       backends  all backends that are not simply in, and up to which of the worker's news that holds
    control → worker   snapshot  the configuration's text and its generation; parsed, too, unless that is too long
                       weights   of the rollouts that run: the share of a route that its candidate gets; always all
                       memory    once a second: what all processes of the gateway hold together, in bytes

Both planes import this file, neither imports the other. Lines have a bound: a peer that exceeds it is cut off.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from llmgateway.wire.jsoncodec import decode, encode

MAX_STATUS_BYTES: Final = 4 * 1024 * 1024  # of ten thousand backends, all of them busy
MAX_SNAPSHOT_BYTES: Final = 8 * 1024 * 1024
MAX_PATH_BYTES: Final = 107  # what fits in sockaddr_un (unix(7)), the final NUL left out

STATUS: Final = "status"
ACK: Final = "ack"
SNAPSHOT: Final = "snapshot"
BACKEND: Final = "backend"
BACKENDS: Final = "backends"
MEMORY: Final = "memory"
WEIGHTS: Final = "weights"
WEIGHED: Final = "weighed"


class BadLineError(ValueError):
    """The line is no frame; the connection can't be trusted any more."""


def frame(kind: str, fields: dict[str, Any], limit: int) -> bytes:
    """One line, ready to be written; ValueError when it would be longer than the peer accepts."""
    line = encode({"k": kind} | fields) + b"\n"
    if len(line) > limit:
        raise ValueError(f"a {kind} frame of {len(line)} bytes is over the limit of {limit}")
    return line


def parse(line: bytes) -> tuple[str, dict[str, Any]]:
    """Read one line back as (kind, fields); raises BadLineError."""
    try:
        fields = decode(line)
    except ValueError as error:
        raise BadLineError("not JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("k"), str):
        raise BadLineError("no kind")
    return fields.pop("k"), fields


def revision(text: str) -> str:
    """Name a configuration's text, so that both ends can tell whether they hold the same."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@contextmanager
def socket_path(path: Path) -> Iterator[str]:
    """A name for the socket at `path` that fits into a socket address, valid inside the block.

    A path that is too long is reached through its folder's descriptor in /proc (Linux); OSError where there is none.
    """
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{folder}/{path.name}"
        if not Path(short).parent.is_dir():
            raise OSError(f"the socket's path is longer than {MAX_PATH_BYTES} bytes: choose a shorter data.dir")
        yield short
    finally:
        os.close(folder)
