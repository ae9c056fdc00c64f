"""Starts processes, and asks the kernel what they took: processor time, memory. Linux only."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import psutil

ROOT: Final = Path(__file__).parents[1]
READY_S: Final = 60.0
STOP_S: Final = 30.0


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


class Process:
    """A child process that prints JSON lines. Ends with the `with` block, all its descendants with it."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._printed = b""
        self.command = command
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
        )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def line(self, timeout: float = READY_S) -> dict[str, Any]:
        """Read the next JSON line; other lines are skipped. BenchError when the process ends or is silent instead."""
        ends = time.monotonic() + timeout
        while (line := self._next_line(ends)) is not None:
            if line.startswith(b"{"):
                return dict(json.loads(line))
        state = "said nothing" if self.popen.poll() is None else "ended"
        raise BenchError(f"{self.command[:3]} {state}: {self.complaint()}")

    def _next_line(self, ends: float) -> bytes | None:
        """The next line it prints; None at its end, or when the time is over."""
        assert self.popen.stdout is not None
        descriptor = self.popen.stdout.fileno()
        poll = select.poll()  # select() takes no descriptor above 1,023
        poll.register(descriptor, select.POLLIN)
        while b"\n" not in self._printed:
            if not poll.poll(1000 * max(0.0, ends - time.monotonic())):
                return None
            piece = os.read(descriptor, 65536)
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    self.popen.wait(1)
                return None
            self._printed += piece
        line, _, self._printed = self._printed.partition(b"\n")
        return line

    def complaint(self) -> str:
        """The end of what it wrote to stderr."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 2000))
        return self._log.read().decode("utf-8", "replace").strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end and wait for it, then kill what is left of it; returns the seconds it took."""
        began = time.monotonic()
        rest = tree(self.pid) if self.popen.poll() is None else []
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        try:
            self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
        took = time.monotonic() - began
        for process in psutil.wait_procs(rest, timeout=0.5)[1]:
            process.kill()
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return took

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()


def python(module: str, *arguments: str) -> Process:
    """Start `python -m module`."""
    return Process([sys.executable, "-m", module, *arguments])


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds, user and system together, by process."""

    by_pid: Mapping[int, float]

    @classmethod
    def of(cls, pid: int) -> Self:
        """What the tree below `pid` has used since each of its processes started, all threads of theirs included."""
        return cls({process.pid: time.clock_gettime(_clock_of(process.pid)) for process in tree(pid)})

    def since(self, before: "Cpu") -> dict[int, float]:
        """What was used between two looks. BenchError if a process ended meanwhile: its time would be missing."""
        if gone := before.by_pid.keys() - self.by_pid.keys():
            raise BenchError(f"{len(gone)} processes ended during the measurement")
        return {pid: used - before.by_pid.get(pid, 0.0) for pid, used in self.by_pid.items()}


def _clock_of(pid: int) -> int:
    """The kernel's clock of a process's processor time. It counts what /proc/PID/stat counts, user and system together,
    but in nanoseconds: the ticks there are 10 ms, which is what nginx takes for 250 requests.
    """
    return (~pid << 3) | 2


def pss_bytes(pid: int) -> int:
    """Proportional set size of the tree below `pid`: what is shared is divided by those who share it."""
    total = 0
    for process in tree(pid):
        try:
            total += int(process.memory_full_info().pss)
        except psutil.NoSuchProcess:
            continue
    return total
