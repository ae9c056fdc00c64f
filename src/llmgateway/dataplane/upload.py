"""A request body that is passed on piece by piece: multipart forms and binary uploads.

Until the backend is known the pieces wait here: the first ones in memory, the rest in an unlinked temporary file, so
that a form that names its model behind a 25 MB file is served like any other. Afterwards nothing piles up: the caller
is read as fast as the backend takes it.
"""

import tempfile
from collections.abc import Callable
from typing import IO, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.http.incoming import Incoming
from llmgateway.limits.bodies import BodyMemory
from llmgateway.wire.multipart import FieldScanner

IN_MEMORY: Final = 1024 * 1024
BACKLOG: Final = 256 * 1024  # the most that may wait once a backend is taking pieces
READ: Final = 64 * 1024

Sink = Callable[[bytes], None]


class Spool:
    """Bytes in, the same bytes out, in order; what passes `IN_MEMORY` goes through a file nobody else can open."""

    __slots__ = ("_file", "_memory", "_read_at", "_room", "_write_at", "size")

    def __init__(self, room: BodyMemory) -> None:
        self._room = room  # files count too: the folder for temporary ones may be memory
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._read_at = 0
        self._write_at = 0
        self.size = 0  # waiting

    def put(self, piece: bytes) -> None:
        """Take a piece; raises GatewayError overloaded, or OSError, where there is no room for it."""
        self._room.grow(len(piece), self.size)
        self.size += len(piece)
        if self._file is None and len(self._memory) + len(piece) <= IN_MEMORY:
            self._memory += piece
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by close() or when drained
        self._file.seek(self._write_at)
        self._file.write(piece)
        self._write_at += len(piece)

    def take(self) -> bytes:
        """The next piece, at most `READ` bytes; b"" when nothing waits."""
        if self._memory:
            piece = bytes(self._memory[:READ])
            del self._memory[:READ]
        elif self._file is not None and self._read_at < self._write_at:
            self._file.seek(self._read_at)
            piece = self._file.read(min(READ, self._write_at - self._read_at))
            self._read_at += len(piece)
        else:
            return b""
        self.size -= len(piece)
        self._room.release(len(piece))
        if self.size == 0:
            self.close()
        return piece

    def waiting(self) -> bytes:
        """All that waits, which goes on waiting."""
        if self._file is None:
            return bytes(self._memory)
        self._file.seek(self._read_at)
        return bytes(self._memory) + self._file.read(self._write_at - self._read_at)

    def close(self) -> None:
        self._room.release(self.size)
        self.size = 0
        self._memory.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._read_at = self._write_at = 0


class Upload:
    """Takes the caller's pieces (as its body sink) and hands them on to a backend once one is attached."""

    __slots__ = (
        "_at",
        "_edit",
        "_incoming",
        "_is_writable",
        "_on_end",
        "_out",
        "_scanner",
        "_spool",
        "error",
        "is_over",
        "on_change",
        "size",
    )

    def __init__(self, incoming: Incoming, room: BodyMemory, scanner: FieldScanner | None) -> None:
        self._incoming = incoming
        self._scanner = scanner
        self._spool = Spool(room)
        self._out: Sink | None = None
        self._on_end: Callable[[], None] | None = None
        self._edit: tuple[tuple[int, int], bytes] | None = None
        self._at = 0  # how many of the caller's bytes have gone out
        self._is_writable = True
        self.size = 0
        self.is_over = False
        self.error: GatewayError | None = None
        self.on_change: Callable[[], None] | None = None  # a piece, the end or a failure has come

    @property
    def model(self) -> str | None:
        """The form's `model` field, once it has been read; GatewayError invalid_value if it is no text."""
        if self._scanner is None or self._scanner.value is None:
            return None
        try:
            return self._scanner.value.decode("utf-8")
        except UnicodeDecodeError:
            raise GatewayError("invalid_value", param="model") from None

    @property
    def is_decided(self) -> bool:
        """Whether waiting longer can't tell more about the model."""
        return (
            self.is_over
            or self.error is not None
            or self._scanner is None
            or self._scanner.value is not None
            or self._scanner.is_over
        )

    def length(self, declared: int | None, model: bytes | None) -> int | None:
        """The Content-Length to send when the model is replaced; None when the caller declared none."""
        if declared is None:
            return None
        if model is None or self._scanner is None or self._scanner.span is None:
            return declared
        start, end = self._scanner.span
        return declared - (end - start) + len(model)

    @property
    def is_form(self) -> bool:
        return self._scanner is not None

    def waiting(self) -> bytes:
        """What has come so far and waits for a backend."""
        return self._spool.waiting()

    def attach(self, out: Sink, on_end: Callable[[], None], *, model: bytes | None) -> None:
        """Send everything to `out`, the model's value replaced; `on_end` follows the last piece."""
        if model is not None and self._scanner is not None and self._scanner.span is not None:
            self._edit = (self._scanner.span, model)
        self._out = out
        self._on_end = on_end
        self._flow()

    def writable(self, is_writable: bool) -> None:  # noqa: FBT001 - the transport's callback
        self._is_writable = is_writable
        self._flow()

    def close(self) -> None:
        """Drop what waits; nothing more is handed on."""
        self._out = None
        self._spool.close()

    # --- the caller's side: http.incoming.BodySink

    def data(self, piece: bytes) -> None:
        if self.error is not None:
            return
        self.size += len(piece)
        if self._scanner is not None:
            try:
                self._scanner.feed(piece)
            except GatewayError as error:
                self.fail(error)
                return
        try:
            self._spool.put(piece)
        except GatewayError as error:
            self.fail(error)
            return
        except OSError:  # most likely the temporary folder is full
            self.fail(GatewayError("overloaded", "There is no room left for the upload."))
            return
        self._flow()
        self._changed()

    def end(self) -> None:
        if self._scanner is not None and self.error is None:
            try:
                self._scanner.finish()
            except GatewayError as error:
                self.fail(error)
                return
        self.is_over = True
        self._flow()
        self._changed()

    def fail(self, error: GatewayError) -> None:
        self.error = error
        self.close()
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _flow(self) -> None:
        if self._out is None:
            return
        while self._is_writable and self._spool.size:
            self._send(self._spool.take())
        if self._spool.size > BACKLOG:
            self._incoming.pause()
        elif not self.is_over:
            self._incoming.resume()
        if self.is_over and not self._spool.size and self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()

    def _send(self, piece: bytes) -> None:
        assert self._out is not None
        start = self._at
        self._at += len(piece)
        if self._edit is not None:
            piece = _edited(piece, start, *self._edit)
        if piece:
            self._out(piece)


def _edited(piece: bytes, start: int, span: tuple[int, int], new: bytes) -> bytes:
    """Apply an edit to the piece that begins at `start`: the span may be cut anywhere; `new` goes where it begins."""
    low, high = span[0] - start, span[1] - start
    if low >= len(piece) or high < 0 or (high == 0 and low < 0):
        return piece
    inserted = new if low >= 0 else b""
    return piece[: max(0, low)] + inserted + piece[max(0, high) :]
