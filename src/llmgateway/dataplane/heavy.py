"""Judges that compute for long: each in a process of its own, so that neither the event loop nor the interpreter waits.

A process starts with the first text for it, and goes down with the worker. One that takes too long is killed, for
nothing else stops a computation; the next text starts another.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.ports.judge import Judge, Judged, Piece

GRACE_S: Final = 10.0  # for a computation that nobody waits for any more; it may be a model that is being loaded
_LOOK_S: Final = 1.0
_judge: Judge | None = None  # in such a process: the one that it is for


class Heavy:
    """The processes of one worker, by judge."""

    def __init__(self) -> None:
        self._processes: dict[Any, _Process] = {}

    async def judge(self, judge: Any, pieces: Sequence[Piece]) -> Sequence[Judged]:
        """What a judge says, from its process. Raises what the judge raises; cancelled, it ends the process."""
        process = self._processes.get(judge)
        if process is None or process.is_gone:
            process = self._processes[judge] = _Process(judge)
        return await process.judge(list(pieces))

    def warm_up(self, judge: Any) -> None:
        """Start a judge's process, so that the first text need not wait for it."""
        if judge not in self._processes:
            self._processes[judge] = _Process(judge)
            self._processes[judge].start()

    def close(self) -> None:
        """End them all."""
        for process in self._processes.values():
            process.kill()
        self._processes.clear()


class _Process:
    def __init__(self, judge: Any) -> None:
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_begin, initargs=(judge, os.getpid())
        )
        self.is_gone = False

    async def judge(self, pieces: list[Piece]) -> Sequence[Judged]:
        work = self._pool.submit(_work, pieces)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            if not work.cancel():  # it computes: others may wait behind it
                asyncio.get_running_loop().call_later(GRACE_S, self._kill_unless_done, work)
            raise
        except BrokenProcessPool:
            self.kill()
            raise GatewayError("guardrail_unavailable") from None

    def _kill_unless_done(self, work: "Future[Any]") -> None:
        if not work.done():
            self.kill()

    def start(self) -> None:
        self._pool.submit(_work, [])

    def kill(self) -> None:
        self.is_gone = True
        for pid in list(self._pool._processes or ()):  # noqa: SLF001 - there is no other way to stop a computation
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pool.shutdown(wait=False, cancel_futures=True)


def _begin(judge: Judge, parent: int) -> None:
    """The process's first act. A terminal's Ctrl-C is its worker's affair; a worker that was killed says nothing."""
    global _judge  # noqa: PLW0603 - a process has one judge
    _judge = judge
    with suppress(Exception):  # it says so again when it is asked in earnest
        judge.judge([Piece("-", "user")])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


def _work(pieces: list[Piece]) -> list[Judged]:
    assert _judge is not None
    return _judge.judge(pieces)
