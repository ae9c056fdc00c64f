"""The logs of the gateway's own processes: one JSON object a line on stderr, or plain lines on a terminal.

What callers and models say never goes here; exchanges are in the journal. A log call must not block an event loop, and
must survive a fork: so no thread and no buffer, but one write of one line, dropped and counted when stderr is not read.
"""

import logging
import os
import select
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from llmgateway.telemetry.redact import one_line
from llmgateway.wire.jsoncodec import encode

STDERR: Final = 2
MAX_LINE_BYTES: Final = select.PIPE_BUF  # a pipe takes this much whole: lines of several processes don't mix
MAX_FRAMES: Final = 12
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_TOLD: Final = frozenset({"at", "level", "logger", "pid", "message", "role", "slot", "error", "where"})  # by plain_line
_QUIET: Final = ("asyncio", "aiohttp.access")  # below WARNING these say nothing to an operator


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """One record as a flat object; every string in it is one safe line. `extra` fields keep their names."""
    line: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "pid": record.process,
        "message": one_line(_message(record)),
    }
    for name, value in record.__dict__.items():
        if name not in _STANDARD and not name.startswith("_"):
            line[name] = value if isinstance(value, int | float | None) else one_line(str(value))
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        line["error"] = one_line(f"{type(error).__name__}: {error}")
        line["where"] = _frames(error)
    return line


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)  # the arguments don't fit the sentence: half a line is better than none


def _frames(error: BaseException) -> list[str]:
    """Where it happened, innermost last: places only, since source lines and values may hold anything."""
    frames = traceback.extract_tb(error.__traceback__, limit=-MAX_FRAMES)
    return [one_line(f"{frame.filename}:{frame.lineno} {frame.name}") for frame in frames]


def json_line(line: dict[str, Any]) -> bytes:
    """A line for machines. What is too long for one write loses its frames first, then its tails, never its form."""
    text = encode(line)
    if len(text) >= MAX_LINE_BYTES:
        line = {name: value for name, value in line.items() if name != "where"}
        text = encode(line)
    for room in (1_000, 200, 40):
        if len(text) < MAX_LINE_BYTES:
            break
        line = {name: value[:room] if isinstance(value, str) else value for name, value in line.items()}
        text = encode(line)
    if len(text) >= MAX_LINE_BYTES:  # somebody gave hundreds of extra fields
        text = encode({name: line[name] for name in ("at", "level", "logger", "message")})
    return text + b"\n"


def plain_line(line: dict[str, Any]) -> bytes:
    """A line for people: time, level, who, sentence, further fields, and where an exception came from."""
    who = " ".join(str(line[name]) for name in ("role", "slot") if name in line)
    more = "".join(f" {name}={value}" for name, value in line.items() if name not in _TOLD)
    text = f"{line['at'][11:23]} {line['level']:<7} {who}: {line['message']}{more}"
    if "error" in line:
        text += f" ({line['error']})" + "".join(f"\n    {frame}" for frame in line["where"])
    return text.encode("utf-8", "replace")[: MAX_LINE_BYTES - 1] + b"\n"


class Lines(logging.Handler):
    """Writes records to a descriptor, each in one go. `dropped` counts those that nobody was there to take."""

    def __init__(self, descriptor: int, common: dict[str, Any]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._common = common
        self._shape = plain_line if os.isatty(descriptor) else json_line
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record if that can be done at once. Never raises: a log line must not end what it tells of."""
        try:
            self._write(self._shape(fields(record) | self._common))
        except (OSError, ValueError, TypeError):
            self.dropped += 1

    def _write(self, line: bytes) -> None:
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLOUT)
        if not any(event & select.POLLOUT for _, event in waiting.poll(0)):
            self.dropped += 1
            return
        os.write(self._descriptor, line)


def setup_logging(
    *, role: str = "gateway", slot: int | None = None, level: str = "info", descriptor: int = STDERR
) -> Lines:
    """Send every logger of this process to stderr: plain lines on a terminal, else JSON.

    Calling it again replaces what the call before set up: children do so after the fork, to say who they are.
    """
    common: dict[str, Any] = {"role": role}
    if slot is not None:
        common["slot"] = slot
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, Lines):
            root.removeHandler(handler)
    lines = Lines(descriptor, common)
    root.addHandler(lines)
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return lines
