"""Control's end of the link: hears how the workers are, and hands them new snapshots.

A Unix socket, mode 0600 in a folder of mode 0700. Control may be killed and come back: the workers knock again, and
`reconcile` decides who needs the text. What the figures mean is decided in `tally` and `gauges`, not here.
"""

import asyncio
import hashlib
import logging
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from llmgateway.config.prompts import parted
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.backends import Backends
from llmgateway.controlplane.tally import Tally, number
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import Clock
from llmgateway.telemetry.frames import (
    ACK,
    BACKEND,
    BACKENDS,
    MAX_SNAPSHOT_BYTES,
    MAX_STATUS_BYTES,
    MEMORY,
    SNAPSHOT,
    STATUS,
    WEIGHED,
    WEIGHTS,
    BadLineError,
    frame,
    parse,
    revision,
    socket_path,
)
from llmgateway.telemetry.keptweights import WEIGHTS as KEPT
from llmgateway.telemetry.wholefile import write_whole
from llmgateway.wire.jsoncodec import encode

MAX_LINKS: Final = 256
MAX_UNSENT_BYTES: Final = 2 * MAX_SNAPSHOT_BYTES  # a worker that reads nothing is cut off above it
PUBLISH_TIMEOUT_S: Final = 5.0
GATHER_S: Final = (
    1.0  # just after a start, a worker knocks within this; one that is being started again is not waited for
)
GATHER_POLL_S: Final = 0.01

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ack:
    """What one worker said to a snapshot. `error` None: it is in force there."""

    slot: int
    pid: int
    generation: int
    error: str | None


@dataclass(slots=True, eq=False)
class _Connection:
    writer: asyncio.StreamWriter
    state: WorkerState | None = None
    sent: int = -1  # generation of the snapshot sent last
    heard: int = 0  # number of its last news of a backend
    view: bytes = b""  # of the backends, as sent last
    weights: bytes = b""  # of the rollouts, as sent last
    weighed: str = ""  # the name of those it says are in force
    acks: dict[int, asyncio.Future[Ack]] = field(default_factory=dict)


class Links:
    """The server that workers connect to. `hold` names the snapshot they should have; `publish` waits for them."""

    def __init__(
        self, path: Path, *, clock: Clock, tally: Tally, backends: Backends | None = None, workers: int = 0
    ) -> None:
        """`workers`: how many there should be."""
        self._path = path
        self._workers = workers
        self._clock = clock
        self._tally = tally
        self._backends = backends or Backends(Snapshot(0), "")
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._text = ""
        self._revision = ""
        self._line = b""  # the snapshot's frame
        self._weights = b""  # the rollouts' frame; empty until it is known what they are
        self.generation = 0

    async def start(self) -> None:
        """Listen, taking the place of a socket that a killed control left behind. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.parent.chmod(0o700)
        listener = _listener(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_STATUS_BYTES)

    async def stop(self) -> None:
        """Hang up on everybody. The socket's file stays: the next control may be listening on its own already."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            connection.writer.transport.abort()

    @property
    def text(self) -> str:
        """The configuration in force, with the texts of its prompts' files behind it."""
        return self._text

    @property
    def plain(self) -> str:
        """The same as the file has it."""
        return parted(self._text)[0]

    def hold(
        self, generation: int, text: str, document: Mapping[str, Any] | None = None, *, is_again: bool = False
    ) -> None:
        """Name the configuration in force without waiting for anyone; workers that lack it are sent it.

        ValueError if it is too large. `document` is the text parsed: it spares the workers half of their time.
        `is_again`: those that have it are sent it, too, since what it refers to may have changed.
        """
        self._line = snapshot_frame(generation, text, document)
        self.generation, self._text, self._revision = generation, text, revision(text)
        for connection in self._connections:
            self._send(connection, is_again=is_again)

    async def publish(
        self,
        generation: int,
        text: str,
        document: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = PUBLISH_TIMEOUT_S,
        is_again: bool = False,
    ) -> list[Ack]:
        """Hand a snapshot to every connected worker and wait for what they say; ValueError if it is too large.

        A worker that stays silent, or leaves, has an ack with an error. It gets the snapshot when it comes back.
        `is_again` as `hold`.
        """
        snapshot_frame(generation, text, None)
        await self._gathered()
        waiting: list[tuple[WorkerState, asyncio.Future[Ack]]] = []
        for connection in self._connections:
            state = connection.state
            is_news = is_again or state is None or not _has(state, generation, revision(text))
            if state is not None and is_news:
                connection.acks[generation] = asyncio.get_running_loop().create_future()
                waiting.append((state, connection.acks[generation]))
        self.hold(generation, text, document, is_again=is_again)
        if waiting:
            await asyncio.wait([future for _, future in waiting], timeout=timeout_s)
        for connection in self._connections:
            connection.acks.pop(generation, None)
        return [
            future.result()
            if future.done()
            else Ack(state.slot, state.pid, generation, f"no answer in {timeout_s:.3g} s")
            for state, future in sorted(waiting, key=lambda each: each[0].slot)
        ]

    async def _gathered(self) -> None:
        """Wait a moment for workers that have not knocked yet: they serve already, by what they were started with."""
        tries = round(GATHER_S / GATHER_POLL_S)
        while tries and len(self.live()) < self._workers:
            tries -= 1
            await asyncio.sleep(GATHER_POLL_S)

    def share(self) -> None:
        """Tell every worker how the backends are, where that is news to it."""
        for connection in self._connections:
            if connection.state is not None:
                self._share(connection, connection.state)

    def _share(self, connection: _Connection, state: WorkerState) -> None:
        view = self._backends.view(state.slot, connection.heard, self._clock.monotonic())
        if not (view["out"] or connection.heard or connection.view):
            return  # all is well, and nobody has said otherwise
        line = frame(BACKENDS, view, MAX_SNAPSHOT_BYTES)
        if line != connection.view and connection.writer.transport.get_write_buffer_size() <= MAX_UNSENT_BYTES:
            connection.view = line
            connection.writer.write(line)

    def weigh(self, routes: Mapping[str, Any]) -> str:
        """Tell every worker the weights of all rollouts, by route; returns the name that workers say back."""
        name = hashlib.sha256(encode(routes)).hexdigest()[:12]
        told = {"name": name, "routes": routes}
        line = frame(WEIGHTS, told, MAX_SNAPSHOT_BYTES)
        if line != self._weights:
            self._weights = line
            self._keep(encode(told))
        for connection in self._connections:
            if connection.state is not None:
                self._weigh(connection)
        return name

    @property
    def is_whole(self) -> bool:
        """Whether as many workers are connected as there should be."""
        return len(self.live()) >= self._workers

    def is_weighed(self, name: str) -> bool:
        """Whether every worker that is connected has the weights of this name in force."""
        return all(connection.weighed == name for connection in self._connections if connection.state is not None)

    def _keep(self, told: bytes) -> None:
        """Have workers find them that start while no control is there."""
        try:
            write_whole(self._path.with_name(KEPT.name), told)
        except OSError as error:
            log.warning("the weights of rollouts could not be kept: %s", error.strerror or type(error).__name__)

    def _weigh(self, connection: _Connection) -> None:
        line = self._weights
        if line and line != connection.weights:
            if connection.writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                connection.writer.transport.abort()
                return
            connection.weights = line
            connection.writer.write(line)

    def tell_memory(self, own: int) -> None:
        """Tell the workers what all of them and this process (`own` bytes) hold together."""
        states = [connection.state for connection in self._connections if connection.state is not None]
        line = frame(MEMORY, {"bytes": own + round(sum(state.gauge("memory_bytes") for state in states))}, 1_000)
        for connection in self._connections:
            if connection.state is not None and not connection.writer.transport.get_write_buffer_size():
                connection.writer.write(line)

    def live(self) -> list[WorkerState]:
        """The workers that are connected, by slot."""
        states = [connection.state for connection in self._connections if connection.state is not None]
        return sorted(states, key=lambda state: state.slot)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        if len(self._connections) >= MAX_LINKS:
            writer.transport.abort()
            return
        self._connections.add(connection)
        try:
            while line := await reader.readline():
                self._hear(connection, *parse(line))
        except (OSError, ValueError) as error:  # readline tells of too long a line with ValueError
            log.warning("hung up on a worker: %s", error)
        finally:
            self._connections.discard(connection)
            _give_up(connection)
            if connection.state is not None:
                self._backends.left(connection.state.slot)
            writer.transport.abort()

    def _hear(self, connection: _Connection, kind: str, fields: dict[str, Any]) -> None:
        if kind == STATUS:
            state = WorkerState.read(fields, self._clock.monotonic())
            if state is None:
                raise BadLineError("a status without slot, pid, incarnation and generation")
            connection.state = state
            self._tally.update(state.slot, state.incarnation, fields)
            self._reconcile(connection, state)
            self._weigh(connection)
            if self._backends.count(state, self._clock.monotonic()):
                self.share()
            else:
                self._share(connection, state)
        elif kind == BACKEND and connection.state is not None:
            connection.heard = int(number(fields.get("n")))
            self._backends.hear(connection.state.slot, fields, self._clock.monotonic())
            self.share()
        elif kind == WEIGHED:
            connection.weighed = str(fields.get("held"))[:100]
        elif kind == ACK and isinstance(fields.get("generation"), int):
            _settle(connection, fields["generation"], fields.get("error"))

    def _reconcile(self, connection: _Connection, state: WorkerState) -> None:
        """Bring a worker and us to the same configuration; matters when either of us has just (re)started."""
        if not self._text:
            return
        agreed = reconciled(self.generation, self._revision, state.generation, state.revision)
        if agreed != self.generation:
            self.hold(agreed, self._text)
        elif connection.sent != self.generation:
            self._send(connection)

    def _send(self, connection: _Connection, *, is_again: bool = False) -> None:
        state = connection.state
        if state is None or (not is_again and _has(state, self.generation, self._revision)):
            return
        if connection.writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            connection.writer.transport.abort()
            return
        connection.writer.write(self._line)
        connection.sent = self.generation


def snapshot_frame(generation: int, text: str, document: Mapping[str, Any] | None) -> bytes:
    """The frame of a snapshot; without the document where it would be too long, or holds what JSON can't."""
    fields = {"generation": generation, "text": text}
    if document is not None:
        with suppress(ValueError, TypeError):
            return frame(SNAPSHOT, fields | {"document": document}, MAX_SNAPSHOT_BYTES)
    return frame(SNAPSHOT, fields, MAX_SNAPSHOT_BYTES)


def _has(state: WorkerState, generation: int, text: str) -> bool:
    return is_current(generation, text, state.generation, state.revision)


def is_current(ours: int, text: str, theirs: int, theirs_text: str | None) -> bool:
    """Whether a worker has what we hold. It names no text while it still runs on what it was started with."""
    return theirs == ours and theirs_text in (None, text)


def reconciled(ours: int, text: str, theirs: int, theirs_text: str | None) -> int:
    """The generation to hold after hearing of a worker's. Generations only grow, and one number names one text."""
    if theirs < ours or is_current(ours, text, theirs, theirs_text):
        return ours
    return theirs if theirs_text == text else theirs + 1


def _settle(connection: _Connection, generation: int, error: object) -> None:
    future = connection.acks.pop(generation, None)
    state = connection.state
    if future is None or future.done() or state is None:
        return
    future.set_result(Ack(state.slot, state.pid, generation, None if error is None else str(error)[:1_000]))


def _give_up(connection: _Connection) -> None:
    for generation in tuple(connection.acks):
        _settle(connection, generation, "the worker left before it answered")


def _listener(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with socket_path(path) as short:
            listener.bind(short)
        path.chmod(0o600)
    except OSError:
        listener.close()
        raise
    return listener
