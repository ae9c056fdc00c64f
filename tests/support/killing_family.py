"""A supervisor whose children do next to nothing, as a program of its own: `python -m tests.support.killing_family`.

Everything that happens is a line on standard output, written in one go: `worker-0 up 4711`, `control told drain` …
Arguments are `name=value`: the children's manners (`worker-0=stubborn`), and `silent`, `pause`, `drain`, `wait` in
seconds; `patience`: after so many somebody stands in for control, on a port that `admin` names. `Family` runs it and waits for lines.
"""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from llmgateway.domain.clock import SystemClock
from llmgateway.supervisor import child as children
from llmgateway.supervisor import restart, standin, supervisor, tether
from llmgateway.telemetry.logs import setup_logging

ROOT = Path(__file__).parents[2]
WORDS = {children.DRAIN: "drain", children.LEAVE: "leave", children.RELOAD: "reload"}
BOUND_S = 20.0


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def live(name: str, manners: str, line: socket.socket) -> None:
    """A child's life. Manners: polite, crashing, stubborn (hears no wish to end), lingering (stays even as an orphan),
    blocked (its loop stands still).
    """
    if manners == "crashing":
        say(f"{name} up {os.getpid()}")
        raise SystemExit(3)
    asyncio.run(_live(name, manners, line))


async def _live(name: str, manners: str, line: socket.socket) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(word: str, *, is_last: bool) -> None:
        say(f"{name} told {word}")
        if is_last and manners != "stubborn":
            end.set()

    def orphaned() -> None:
        say(f"{name} orphaned")
        if manners != "lingering":
            end.set()

    leash = tether.Tether(line, orphaned)
    for word, text in WORDS.items():
        leash.heed(word, partial(told, text, is_last=word == children.LEAVE))
    loop.add_signal_handler(signal.SIGTERM, partial(told, "term", is_last=name != "control"))
    say(f"{name} up {os.getpid()}")
    leash.start()
    leash.ready()
    if manners == "blocked":
        time.sleep(60)
    await end.wait()
    leash.close()


def main(arguments: list[str]) -> int:
    given = dict(argument.split("=") for argument in arguments)
    silent = float(given.get("silent", "10"))
    children.SILENT_S = silent  # type: ignore[misc]  # the real figures would make the tests slow
    tether.BEAT_EVERY_S = silent / 10  # type: ignore[misc,attr-defined]
    supervisor.PAUSE_S = float(given.get("pause", "3"))  # type: ignore[misc]
    supervisor.GRACE_S = 0.1  # type: ignore[misc]
    supervisor.HANGING_S = 0.5  # type: ignore[misc]
    supervisor.TICK_S = min(0.5, silent / 5)  # type: ignore[misc]
    restart.FIRST_WAIT_S = float(given.get("wait", "0.05"))  # type: ignore[misc]
    setup_logging(role="supervisor")
    listener = socket.create_server(("127.0.0.1", 0))

    def make(name: str) -> children.Child:
        return children.Child(name, partial(live, name, given.get(name, "polite")))

    made = supervisor.Supervisor(
        [make("worker-0"), make("worker-1")],
        make("control"),
        [listener],
        clock=SystemClock(),
        drain_s=lambda: float(given.get("drain", "30")),
        on_ready=lambda: say(f"ready {listener.getsockname()[1]}"),
        in_child=listener.close,
    )
    if "patience" in given:
        standin.PATIENCE_S = float(given["patience"])  # type: ignore[misc]
        admin = socket.create_server(("127.0.0.1", 0))
        admin.setblocking(False)
        made.stand_in = standin.StandIn(admin)
        say(f"admin {admin.getsockname()[1]}")
    status = made.run()
    say("end")
    return status


class Family:
    """The program as a process of its own, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._text = b""
        self.lines: list[str] = []  # what has been read so far

    def wait_for(self, start: str) -> str:
        """Read on to the next line that begins so; what follows its beginning."""
        until = time.monotonic() + BOUND_S
        assert self.process.stdout is not None
        while True:
            while b"\n" in self._text:
                line, _, self._text = self._text.partition(b"\n")
                self.lines.append(line.decode())
                if self.lines[-1].startswith(start):
                    return self.lines[-1][len(start) :].strip()
            left = until - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, left))
            piece = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
            assert piece, f"no {start!r} in {self.lines}"
            self._text += piece

    def pids(self) -> dict[str, int]:
        """Wait for the start of all three, and for `ready`; their process ids."""
        self.wait_for("ready")
        ups = [line.split() for line in self.lines if " up " in line]
        return {name: int(pid) for name, _, pid in ups}

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def send_group(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)


@contextmanager
def family(*arguments: str, errors: Path | None = None) -> Iterator[Family]:
    """Run the program for a block; nothing of it is left afterwards."""
    with open(errors or os.devnull, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killing_family", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield Family(process)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait(BOUND_S)
        assert process.stdout is not None
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
