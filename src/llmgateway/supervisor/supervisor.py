"""The loop that keeps the children running and passes orders on.

No event loop and no threads: it forks. Signals: TERM or INT drains, once more stops the workers now, QUIT (or a third
one) stops everything now, HUP reloads.
"""

import faulthandler
import logging
import os
import selectors
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from types import FrameType
from typing import Final

from llmgateway.domain.clock import Clock
from llmgateway.supervisor.child import CAUGHT, DRAIN, LEAVE, RELOAD, STACK_SIGNAL, Child, start
from llmgateway.supervisor.standin import StandIn

logger = logging.getLogger(__name__)

TICK_S: Final = 0.5
GRACE_S: Final = 2.0  # workers keep the deadline of a drain themselves; the kill comes a little after it
LAST_WORDS_S: Final = 5.0  # for the control process to ingest what the workers left, when they were stopped at once
CONTROL_S: Final = 30.0  # …and after a drain
HANGING_S: Final = 1.0  # between the stack dump and the kill
PAUSE_S: Final = 3.0  # a tick this late: all of us were stopped, or starved, and silence says nothing


class State(Enum):
    RUNNING = auto()
    DRAINING = auto()  # workers finish what they have
    STOPPING = auto()  # workers are gone, control ingests the rest


class Order(Enum):
    RELOAD = auto()
    DRAIN = auto()
    CUT = auto()  # no more time for the workers
    KILL = auto()  # no more time for anybody


ORDERS: Final[Mapping[tuple[State, int], Order]] = {
    (State.RUNNING, signal.SIGHUP): Order.RELOAD,
    (State.RUNNING, signal.SIGTERM): Order.DRAIN,
    (State.RUNNING, signal.SIGINT): Order.DRAIN,
    (State.DRAINING, signal.SIGTERM): Order.CUT,
    (State.DRAINING, signal.SIGINT): Order.CUT,
    (State.STOPPING, signal.SIGTERM): Order.KILL,
    (State.STOPPING, signal.SIGINT): Order.KILL,
    **{(state, signal.SIGQUIT): Order.KILL for state in State},
}


class Supervisor:
    """Runs `workers` and `control` until told to stop; `run` returns the exit status.

    `listeners` are the workers', and close with a drain; what control listens on stays, as it may have to be started
    again. Workers drain on SIGTERM; control hears DRAIN when that begins, and LEAVE once the workers are gone.
    `drain_s` tells how long workers may take; `in_child` closes in a new child what is the supervisor's alone.
    `stand_in`, where one is set, answers on control's listener while there is no control.
    """

    def __init__(
        self,
        workers: Sequence[Child],
        control: Child,
        listeners: Sequence[socket.socket],
        *,
        clock: Clock,
        drain_s: Callable[[], float],
        on_ready: Callable[[], None] = lambda: None,
        in_child: Callable[[], None] = lambda: None,
    ) -> None:
        self._workers = list(workers)
        self._control = control
        self._children = [control, *workers]
        self._listeners = listeners
        self._clock = clock
        self._drain_s = drain_s
        self._on_ready = on_ready
        self._in_child = in_child
        self.stand_in: StandIn | None = None
        self._state = State.RUNNING
        self._deadline = 0.0
        self._control_s = CONTROL_S
        self._must_reload = False
        self._was_ready = False
        self._ticked = clock.monotonic()
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._wake_in, self._wake_out = socket.socketpair()

    def __repr__(self) -> str:
        return f"<Supervisor {self._state.name.lower()} {self._children}>"

    def run(self) -> int:
        """Start the children and look after them until all have ended."""
        self._catch_signals()
        while not (self._state is State.STOPPING and not any(child.pid for child in self._children)):
            self._start_due()
            self._listen()
            while self._signals:
                self._obey(ORDERS.get((self._state, self._signals.pop(0))))
            self._reap()
            self._kill_hanging()
            self._announce()
            self._press_on()
            if self.stand_in is not None:
                self.stand_in.turn(self._clock.monotonic(), self._why_no_control())
        signal.set_wakeup_fd(-1)
        self.close()
        return os.EX_OK

    def close(self) -> None:
        """Let go of what children and signals are watched with."""
        if self.stand_in is not None:
            self.stand_in.close()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    # --- signals

    def _catch_signals(self) -> None:
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        for number in CAUGHT:
            signal.signal(number, self._note)
        faulthandler.register(STACK_SIGNAL)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _obey(self, order: Order | None) -> None:
        if order is Order.RELOAD:
            logger.info("reload asked for")
            self._must_reload = True
            self._tell_control()
        elif order is Order.DRAIN:
            self._drain()
        elif order is Order.CUT:
            logger.warning("stopping the workers at once")
            self._deadline = self._clock.monotonic()
            self._control_s = LAST_WORDS_S
        elif order is Order.KILL:
            logger.warning("stopping at once")
            self._state = State.STOPPING
            self._close_listeners()
            for child in self._children:
                child.signal(signal.SIGKILL)

    def _drain(self) -> None:
        drain_s = self._drain_s()
        logger.info("draining", extra={"deadline_s": drain_s})
        self._state = State.DRAINING
        self._deadline = self._clock.monotonic() + drain_s + GRACE_S
        self._close_listeners()
        self._tell_control()
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    def _tell_control(self) -> None:
        """Tell control where we are. One that does not run just now is told when it is started."""
        if self._must_reload:
            self._must_reload = not self._control.say(RELOAD)
        if self._state is not State.RUNNING:
            self._control.say(DRAIN)
        if self._state is State.STOPPING:
            self._control.say(LEAVE)

    def _close_listeners(self) -> None:
        """Before the workers do: they take in who is queued, and a copy left open here would queue more for nobody."""
        for listener in self._listeners:
            listener.close()

    # --- children

    def _wanted(self) -> list[Child]:
        """Who is started (again) now. Control is needed until the workers are gone, to ingest what they write."""
        if self._state is State.RUNNING:
            return self._children
        return [self._control] if self._state is State.DRAINING else []

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        for child in self._wanted():
            if child.pid == 0 and child.start_at <= now:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        try:
            start(child, now, self._let_go)
        except OSError as error:
            wait = child.restart.wait_s(0.0)
            child.start_at, child.last_end = now + wait, f"it can't be started ({error.strerror})"
            logger.error(  # noqa: TRY400 - which system call it was is no news
                "%s can't be started (%s), trying again in %.2f s", child.name, error.strerror, wait
            )
            return
        assert child.line is not None
        self._selector.register(child.line, selectors.EVENT_READ, child)
        if child is self._control:
            self._tell_control()

    def _let_go(self) -> None:
        """Runs in a new child: another child's line left open here would hide from it that it is orphaned."""
        self.close()
        for child in self._children:
            if child.line is not None:
                child.line.close()
        self._in_child()

    def _listen(self) -> None:
        """Wait for words and signals until the next thing is due, at most a tick."""
        now = self._clock.monotonic()
        waits = [child.start_at - now for child in self._wanted() if child.pid == 0]
        if self._state is not State.RUNNING:
            waits.append(self._deadline - now)
        for key, _ in self._selector.select(min([TICK_S, *(max(0.0, wait) for wait in waits)])):
            child: Child | None = key.data
            if child is None:
                self._wake_out.recv(4096)
            elif not child.hear(self._clock.monotonic()):
                self._selector.unregister(key.fileobj)

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
        if child.line is not None and child.line in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(child.line)
        child.gone()
        if child not in self._wanted():
            logger.info("%s ended (%s)", child.name, cause(status))
            return
        wait = child.restart.wait_s(now - child.started)
        child.start_at, child.last_end = now + wait, f"it ended ({cause(status)}) and is started again"
        logger.error("%s ended (%s), starting it again in %.2f s", child.name, cause(status), wait)

    def _kill_hanging(self) -> None:
        now = self._clock.monotonic()
        late_s, self._ticked = now - self._ticked, now
        for child in self._children:
            if late_s > PAUSE_S:
                child.heard = now
            if child.kill_at is not None:
                if now >= child.kill_at:
                    child.signal(signal.SIGKILL)
            elif child.is_silent(now):
                logger.error("%s hangs and is killed; its stack follows", child.name)
                child.kill_at = now + HANGING_S
                child.signal(STACK_SIGNAL)
                child.signal(signal.SIGCONT)

    # --- progress

    def _announce(self) -> None:
        if self._was_ready or not all(child.is_ready for child in self._children):
            return
        self._was_ready = True
        try:
            self._on_ready()
        except OSError as error:
            logger.warning("nobody reads that the gateway is ready: %s", error.strerror)

    def _why_no_control(self) -> str | None:
        """None where there is one, or is to be none any more."""
        if self._control.is_ready or self._state is State.STOPPING:
            return None
        return self._control.last_end or "it is starting"

    def _press_on(self) -> None:
        """Move a stop on: when the workers are gone it is control's turn; who is too late is killed."""
        if self._state is State.RUNNING:
            return
        now = self._clock.monotonic()
        if self._state is State.DRAINING and not any(worker.pid for worker in self._workers):
            self._state = State.STOPPING
            self._deadline = now + self._control_s
            self._tell_control()
        elif now >= self._deadline:
            late = self._workers if self._state is State.DRAINING else self._children
            for child in late:
                child.signal(signal.SIGKILL)
            self._deadline = now + TICK_S


def cause(status: int) -> str:
    """Say why a process ended, from its wait status."""
    if not os.WIFSIGNALED(status):
        return f"exit status {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:  # a real-time signal has no name here
        return f"killed by signal {number}"
