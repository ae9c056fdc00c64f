"""The loop that keeps the children running and passes signals on.

No event loop and no threads: it forks. Signals: TERM or INT drains, once more stops now; QUIT stops now; HUP reloads.
"""

import logging
import os
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from enum import Enum, auto
from types import FrameType
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.supervisor.child import Child, start

logger = logging.getLogger(__name__)

TICK_S: Final = 0.5
LAST_WORDS_S: Final = 5.0  # for the control process to ingest what the workers left, when stopped at once
CONTROL_S: Final = 30.0  # …and after a drain
HANGING_S: Final = 1.0  # between the stack dump and the kill
_STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class State(Enum):
    RUNNING = auto()
    DRAINING = auto()  # workers finish what they have
    STOPPING = auto()  # workers are gone, control ingests the rest


class Supervisor:
    """Runs `workers` and `control` until told to stop; `run` returns the exit status."""

    def __init__(
        self,
        workers: Sequence[Child],
        control: Child,
        listeners: Sequence[socket.socket],
        *,
        clock: Clock,
        drain_s: float,
        on_ready: Callable[[], None] = lambda: None,
        close_in_child: Callable[[], None] = lambda: None,
    ) -> None:
        self._workers = list(workers)
        self._control = control
        self._listeners = listeners
        self._clock = clock
        self._drain_s = drain_s
        self._on_ready = on_ready
        self._close_in_child = close_in_child
        self._state = State.RUNNING
        self._deadline = 0.0
        self._was_ready = False
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._wake_in, self._wake_out = socket.socketpair()

    @property
    def _children(self) -> list[Child]:
        return [self._control, *self._workers]

    def run(self) -> int:
        """Start the children and look after them until all have ended."""
        self._catch_signals()
        while True:
            self._start_due()
            self._listen(TICK_S)
            while self._signals:
                self._signalled(self._signals.pop(0))
            self._reap()
            self._kill_hanging()
            self._announce()
            if self._is_over():
                return 0

    def _catch_signals(self) -> None:
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, self._note)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _start_due(self) -> None:
        if self._state is not State.RUNNING:
            return
        now = self._clock.monotonic()
        for child in self._children:
            if child.pid == 0 and child.start_at <= now:
                start(child, now, self._in_child)
                assert child.line is not None
                self._selector.register(child.line, selectors.EVENT_READ, child)

    def _in_child(self) -> None:
        """Let go of what is the supervisor's alone, or the other children's lines would stay open in here."""
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        for child in self._children:
            if child.line is not None:
                child.line.close()
        self._close_in_child()

    def _listen(self, wait_s: float) -> None:
        now = self._clock.monotonic()
        due = [child.start_at - now for child in self._children if child.pid == 0 and self._state is State.RUNNING]
        for key, _ in self._selector.select(max(0.0, min([wait_s, *due]))):
            child: Child | None = key.data
            if child is None:
                self._wake_out.recv(4096)
            elif not child.hear(self._clock.monotonic()):
                self._selector.unregister(key.fileobj)

    def _signalled(self, number: int) -> None:
        if number == signal.SIGHUP:
            logger.info("reload asked for")
            self._control.signal(signal.SIGHUP)
        elif number in _STOPPING and self._state is State.RUNNING:
            self._drain()
        else:
            self._stop_now()

    def _drain(self) -> None:
        logger.info("draining", extra={"deadline_s": self._drain_s})
        self._state = State.DRAINING
        self._deadline = self._clock.monotonic() + self._drain_s
        for worker in self._workers:
            worker.is_stopping = True
            worker.signal(signal.SIGTERM)
        self._close_listeners()

    def _stop_now(self) -> None:
        logger.warning("stopping at once")
        for worker in self._workers:
            worker.is_stopping = True
            worker.signal(signal.SIGKILL)
        self._close_listeners()
        self._state = State.DRAINING
        self._deadline = self._clock.monotonic()

    def _close_listeners(self) -> None:
        """The workers close theirs when they stop accepting; a copy left open here would queue callers for nobody."""
        for listener in self._listeners:
            listener.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._ended(child, status)

    def _ended(self, child: Child, status: int) -> None:
        now = self._clock.monotonic()
        if child.line is not None and child.line.fileno() in {key.fd for key in self._selector.get_map().values()}:
            self._selector.unregister(child.line)
        child.gone()
        if self._state is State.RUNNING:
            wait = child.restart.wait_s(now - child.started)
            child.start_at = now + wait
            logger.error(
                "%s ended (%s), starting it again in %.2f s",
                child.name,
                _cause(status),
                wait,
                extra={"child": child.name},
            )

    def _kill_hanging(self) -> None:
        now = self._clock.monotonic()
        for child in self._children:
            if child.is_stopping or not child.is_silent(now):
                continue
            if child.is_hanging:
                child.signal(signal.SIGKILL)
                continue
            logger.error("%s hangs; its stack follows", child.name)
            child.is_hanging = True
            child.heard += HANGING_S
            child.signal(signal.SIGABRT)
            child.signal(signal.SIGCONT)

    def _announce(self) -> None:
        if not self._was_ready and all(child.is_ready for child in self._children):
            self._was_ready = True
            self._on_ready()

    def _is_over(self) -> bool:
        now = self._clock.monotonic()
        if self._state is State.DRAINING:
            if any(worker.pid for worker in self._workers):
                if now >= self._deadline:
                    for worker in self._workers:
                        worker.signal(signal.SIGKILL)
                return False
            self._state = State.STOPPING
            self._deadline = now + (CONTROL_S if now < self._deadline else LAST_WORDS_S)
            self._control.is_stopping = True
            self._control.signal(signal.SIGTERM)
        if self._state is State.STOPPING:
            if self._control.pid and now >= self._deadline:
                self._control.signal(signal.SIGKILL)
            return not self._control.pid
        return False


def _cause(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"
