"""Child processes of the demo: started, watched, and gone when it ends. They see no Ctrl-C of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

_TAIL_BYTES: Final = 8_192
_TAIL_LINES: Final = 12
_LINE: Final = 300
_GRACE_S: Final = 8.0
_LOOK_AGAIN_S: Final = 0.05
START_S: Final = 20.0


class ChildDiedError(Exception):
    """A child ended on its own, or did not start; the message shows its last words."""


class Child:
    """One `llmgateway` subcommand as a process in a session of its own. Stop it, also after a failure."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._tail = b""
        self._drains = [asyncio.ensure_future(self._drain(process.stderr))]

    @classmethod
    async def start(cls, name: str, arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> "Child":
        """Start `llmgateway` with `arguments`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "llmgateway",
            *arguments,
            env={**os.environ, **(environ or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(name, process)

    async def first_line(self) -> bytes:
        """Read what it says first on standard output; raises ChildDiedError when it says nothing."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), START_S)
        except (TimeoutError, ValueError):
            line = b""
        if not line:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.died(), _GRACE_S)  # which says how it ended
            raise ChildDiedError(f"{self.name} did not start{await self.last_words()}")
        self.keep_output()
        return line

    def keep_output(self) -> None:
        """Read on from standard output so that it never blocks; only the last of it is kept."""
        self._drains.append(asyncio.ensure_future(self._drain(self._process.stdout)))

    async def _drain(self, reader: asyncio.StreamReader | None) -> None:
        while reader is not None and (piece := await reader.read(4_096)):
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]

    async def died(self) -> None:
        """Wait until it ends by itself, then raise ChildDiedError."""
        code = await self._exit()
        how = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        raise ChildDiedError(f"{self.name} ended {how}{await self.last_words()}")

    async def _exit(self) -> int:
        """Wait for its exit code. asyncio's own wait also waits for the pipes, which its children may hold open."""
        while (code := self._process.returncode) is None:  # noqa: ASYNC110  # there is no event for the exit alone
            await asyncio.sleep(_LOOK_AGAIN_S)
        return code

    async def last_words(self) -> str:
        """The last lines it wrote, indented, or nothing."""
        if self._process.returncode is not None:
            await asyncio.wait(self._drains, timeout=1)
        lines = [line[:_LINE] for line in self._tail.decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]]
        return ":\n  " + "\n  ".join(lines) if lines else " and said nothing."

    async def stop(self) -> None:
        """End it: politely, then by force, with everything it started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._exit(), _GRACE_S)
        except TimeoutError:
            pass
        _kill_group(self._process.pid)
        await self._process.wait()
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left in it
