"""One process under the supervisor, seen from both ends.

A socket pair joins them. The child sends a byte a second while its event loop turns; the supervisor's end closing tells
the child that it has been orphaned, also when the supervisor was killed.
"""

import faulthandler
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from llmgateway.supervisor.restart import Restart

BEAT: Final = b"."
READY: Final = b"r"
BEAT_EVERY_S: Final = 1.0
SILENT_S: Final = 10.0  # a child that is silent for so long hangs
START_S: Final = 30.0  # …but may take this long to start

Main = Callable[[socket.socket], None]


@dataclass(slots=True)
class Child:
    """What the supervisor knows of one child. `pid` 0: it does not run, and is due again at `start_at`."""

    name: str
    main: Main
    pid: int = 0
    line: socket.socket | None = None
    started: float = 0.0
    heard: float = 0.0
    is_ready: bool = False
    start_at: float = 0.0
    is_stopping: bool = False
    is_hanging: bool = False
    restart: Restart = field(default_factory=Restart)

    def __repr__(self) -> str:
        state = "down" if not self.pid else "stopping" if self.is_stopping else "ready" if self.is_ready else "starting"
        return f"<Child {self.name} {state} pid={self.pid} crashes={self.restart.crashes}>"

    def is_silent(self, now: float) -> bool:
        return self.pid != 0 and now - self.heard > (SILENT_S if self.is_ready else START_S)

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
        self.is_ready = self.is_ready or READY in said
        return bool(said)

    def signal(self, number: signal.Signals) -> None:
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def gone(self) -> None:
        """The process has been reaped."""
        self.pid = 0
        self.is_ready = self.is_hanging = False
        if self.line is not None:
            self.line.close()
            self.line = None


def start(child: Child, now: float, close_in_child: Callable[[], None]) -> None:
    """Fork `child`; in the new process run its main and never return."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become(child, theirs, close_in_child)
    theirs.close()
    ours.setblocking(False)
    child.pid, child.line = pid, ours
    child.started = child.heard = now
    child.is_ready = child.is_stopping = False


def _become(child: Child, line: socket.socket, close_in_child: Callable[[], None]) -> None:
    """Live the child's life. Signals are the supervisor's to give: Ctrl-C reaches the whole group, and is ignored."""
    status = 70  # EX_SOFTWARE
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable()
        close_in_child()
        child.main(line)
        status = 0
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001 - the edge of a process: whatever it is, it is printed and the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
