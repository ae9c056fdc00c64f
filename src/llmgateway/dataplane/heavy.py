"""Judges that compute for long: each in a process of its own, so that neither the event loop nor the interpreter waits.

A process starts with the first text for it, and goes down with the worker. One that takes too long is killed, for
nothing else stops a computation; the next text starts another.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any, Final

from llmgateway.domain.errors import GatewayError
from llmgateway.ports.judge import Judge, Judged, Piece

GRACE_S: Final = 10.0  # for a computation that nobody waits for any more; it may be a model that is being loaded
RETIRED_S: Final = 60.0  # before a judge's process ends that no configuration names any more
_LOOK_S: Final = 1.0
_judge: Judge | None = None  # in such a process: the one that it is for


class Heavy:
    """The processes of one worker, by what defines each judge."""

    def __init__(self) -> None:
        self._judges: dict[str, Any] = {}
        self._wanted: frozenset[str] = frozenset()
        self._processes: dict[str, _Process] = {}

    async def judge(self, definition: str, pieces: Sequence[Piece]) -> Sequence[Judged]:
        """What a judge says, from its process. RuntimeError where it fails, GatewayError where its process does."""
        process = self._processes.get(definition)
        if process is None or process.is_gone:
            if definition not in self._judges:
                raise GatewayError("guardrail_unavailable")  # retired with its configuration
            process = self._processes[definition] = _Process(self._judges[definition])
        return await process.judge(list(pieces))

    def prepare(self, judges: Mapping[str, Any]) -> None:
        """Start these judges' processes, so that the first text need not wait; end the others', not at once: exchanges
        that are under way may ask them still.
        """
        self._wanted = frozenset(judges)
        for definition in judges.keys() - self._judges.keys():
            self._judges[definition] = judges[definition]
            process = self._processes[definition] = _Process(judges[definition])
            process.start()
        for definition in self._judges.keys() - judges.keys():
            asyncio.get_running_loop().call_later(RETIRED_S, self._retire, definition, self._judges[definition])

    def _retire(self, definition: str, judge: Any) -> None:
        if self._judges.get(definition) is judge and definition not in self._wanted:
            del self._judges[definition]
            if definition in self._processes:
                self._processes.pop(definition).kill()

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
    try:
        return _judge.judge(pieces)
    except Exception as error:  # noqa: BLE001 - not every error can go to another process as it is
        raise RuntimeError(type(error).__name__) from None
