"""The bare proxy with one or more of the things no gateway of this kind can do without:
`python -m bench.floorproxy PORT_OF_BACKEND task,journal,json`. See `bench.floor`.

task     a coroutine for each request, which waits for its answer
journal  two records of each request written to a file, as `durability = "process"` does, with the bodies
json     both bodies parsed, and two records of 24 members made
"""

import asyncio
import os
import sys
import tempfile
from typing import Final

import orjson

from bench.bareproxy import Backend, Caller, main

FEATURES: Final = frozenset(sys.argv[2].split(",") if len(sys.argv) > 2 else ())
_RECORD: Final = {f"member_{number}": number if number % 2 else "a value" for number in range(24)}
_FRAME: Final = b"x" * 24


class _Backend(Backend):
    answered: "asyncio.Future[bytes] | None" = None

    def answer(self, caller: asyncio.Transport, data: bytes) -> None:
        if self.answered is not None and self.is_over:
            self.answered.set_result(data)
        else:
            _recorded(data)
            caller.write(data)


class _Caller(Caller):
    def ask(self, backend: Backend, got: bytes) -> None:
        if "task" in FEATURES:
            task = asyncio.get_running_loop().create_task(self._carried(backend, got))
            task.add_done_callback(lambda _: None)
        else:
            _recorded(got)
            super().ask(backend, got)

    async def _carried(self, backend: Backend, got: bytes) -> None:
        assert isinstance(backend, _Backend)
        _recorded(got)
        backend.answered = asyncio.get_running_loop().create_future()
        super().ask(backend, got)
        answer = await backend.answered
        _recorded(answer)
        self.transport.write(answer)


def _recorded(message: bytes) -> None:
    record = b""
    if "json" in FEATURES:
        orjson.loads(message[message.index(b"\r\n\r\n") + 4 :])
        record = orjson.dumps(_RECORD)
    if "journal" in FEATURES:
        os.writev(_FILE.fileno(), (_FRAME, record, message))


_FILE: Final = tempfile.TemporaryFile("ab")  # noqa: SIM115 - lives as long as the process

if __name__ == "__main__":
    main(_Caller, _Backend)
