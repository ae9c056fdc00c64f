"""What every contender can do for a measurement."""

import http.client
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar, Self

from bench import payload
from bench.process import READY_S, BenchError, Cpu, Process, pss_bytes


class Contender:
    """A running contender; stopped at the end of its `with` block, its folder removed."""

    name: ClassVar[str]
    is_slow: ClassVar[bool] = False  # takes a tenth of the load, or it would only measure its queue
    headers: Mapping[str, str] = {"authorization": "Bearer sk-bench"}
    port: int

    @classmethod
    def missing(cls) -> str | None:
        """Why it can't be measured here; None if it can."""
        return None

    @classmethod
    def version(cls) -> str:
        """What it calls itself."""
        return ""

    def __init__(self, backend: int) -> None:
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.process: Process | None = None
        self.ready_s = 0.0
        began = monotonic()
        try:
            self.start()
            self.until_ready()
        except BaseException:
            self.stop()
            raise
        self.ready_s = monotonic() - began

    def start(self) -> None:
        """Start it; sets `process` and `port`."""
        raise NotImplementedError

    def until_ready(self) -> None:
        """Wait until it answers a chat request."""
        ends = monotonic() + READY_S
        while not self._answers():
            if monotonic() > ends or (self.process is not None and self.process.popen.poll() is not None):
                raise BenchError(f"{self.name} does not answer: {self.process and self.process.complaint()}")
            sleep(0.02)

    def drained(self, exchanges: int) -> None:
        """Wait until everything is done that it owes for so many exchanges since its start."""

    def cpu(self) -> Cpu:
        """What all its processes have used until now."""
        return Cpu.of(self.process.pid) if self.process is not None else Cpu({})

    def pss(self) -> int:
        """Bytes of memory of all its processes."""
        return pss_bytes(self.process.pid) if self.process is not None else 0

    def role(self, pid: int) -> str:
        """What a process of it does."""
        return "all"

    def stop(self) -> float:
        """Stop it and remove what it wrote; returns how long it took to stop."""
        took = 0.0
        if self.process is not None:
            with self.process as process:
                took = process.stop()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        return took

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        headers = {**self.headers, "content-type": "application/json"}
        try:
            connection.request("POST", "/v1/chat/completions", payload.request("user-0"), headers)
            reply = connection.getresponse()
            text = reply.read()
        except OSError:
            return False
        finally:
            connection.close()
        if reply.status in {400, 401, 403, 404, 422}:
            raise BenchError(f"{self.name} refuses the request: {reply.status} {text[:300]!r}")
        return reply.status == 200
