"""One process under the supervisor, seen from both ends.

A socket pair joins them. Up it go beats, one a second while the child's event loop turns; down it go the supervisor's
words, which wait in it while the child starts. Its closing tells the child that it is orphaned, also after kill -9.
"""

import faulthandler
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from llmgateway.supervisor.restart import Restart

# What the child says …
BEAT: Final = b"."
READY: Final = b"r"
# … and what it is told.
DRAIN: Final = b"d"  # the gateway is about to stop: show it
LEAVE: Final = b"l"  # finish and end
RELOAD: Final = b"h"

BEAT_EVERY_S: Final = 1.0
SILENT_S: Final = 10.0  # a child that is silent for so long hangs
START_S: Final = 30.0  # …but may take this long to say its first word

STACK_SIGNAL: Final = signal.SIGUSR1  # a process that gets it writes its threads' stacks to stderr, and goes on
CAUGHT: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)  # by the supervisor
_IGNORED: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # a terminal sends them to children, too
_CRASHED: Final = os.EX_SOFTWARE

Main = Callable[[socket.socket], None]


@dataclass(slots=True)
class Child:
    """What the supervisor knows of one child. `pid` 0: it does not run, and is due again at `start_at`.

    `main` lives the child's life: it gets the child's end of the line, and its return ends the process.
    """

    name: str
    main: Main
    pid: int = 0
    line: socket.socket | None = None
    started: float = 0.0
    heard: float = 0.0
    has_spoken: bool = False
    is_ready: bool = False
    kill_at: float | None = None  # it hangs, and has until then to show its stack
    start_at: float = 0.0
    last_end: str = ""  # why it is started again, in words
    restart: Restart = field(default_factory=Restart)

    def __repr__(self) -> str:
        if not self.pid:
            state = "down"
        elif self.kill_at is not None:
            state = "hanging"
        else:
            state = "ready" if self.is_ready else "starting"
        return f"<Child {self.name} {state} pid={self.pid} crashes={self.restart.crashes}>"

    def is_silent(self, now: float) -> bool:
        """Whether nothing has been heard of it for too long."""
        return self.pid != 0 and now - self.heard > (SILENT_S if self.has_spoken else START_S)

    def hear(self, now: float) -> bool:
        """Take in what the child said; False once its end is closed."""
        assert self.line is not None
        try:
            said = self.line.recv(256)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.heard = now
        self.has_spoken = self.has_spoken or bool(said)
        self.is_ready = self.is_ready or READY in said
        return bool(said)

    def say(self, word: bytes) -> bool:
        """Tell the child something; False if it is gone. It hears it as soon as its event loop turns."""
        if self.line is None:
            return False
        try:
            self.line.send(word)
        except OSError:  # it has just died, or its line is full of words that it does not read
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the child runs."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def gone(self) -> None:
        """The process has been reaped."""
        self.pid = 0
        self.is_ready = self.has_spoken = False
        self.kill_at = None
        if self.line is not None:
            self.line.close()
            self.line = None


def start(child: Child, now: float, let_go: Callable[[], None]) -> None:
    """Fork `child`; in the new process, close what is not its own with `let_go`, run its main and never return.

    Raises OSError where the machine has no room for another process.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)  # the child must not take a signal with our handlers
    try:
        pid = os.fork()
        if pid == 0:
            ours.close()
            _become(child, theirs, let_go, mask)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    ours.setblocking(False)
    child.pid, child.line = pid, ours
    child.started = child.heard = now


def _become(child: Child, line: socket.socket, let_go: Callable[[], None], mask: set[signal.Signals | int]) -> None:
    """Live the child's life, and end the process whatever happens."""
    status = _CRASHED
    try:
        _take_signals(mask)
        let_go()
        child.main(line)
        status = os.EX_OK
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else os.EX_OK if leave.code is None else 1
    except BaseException:  # noqa: BLE001 - the edge of a process: whatever it is, it is printed and the process ends
        with suppress(OSError):
            traceback.print_exc()
    finally:
        _end(status)


def _take_signals(mask: set[signal.Signals | int]) -> None:
    """Signals are the supervisor's to give. What a terminal sends to the whole group, Ctrl-C above all, is ignored."""
    signal.set_wakeup_fd(-1)
    for number in CAUGHT:
        signal.signal(number, signal.SIG_IGN if number in _IGNORED else signal.SIG_DFL)
    faulthandler.enable()
    faulthandler.register(STACK_SIGNAL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _end(status: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass
    finally:
        os._exit(status)
