"""The ledgers' backend with a will of its own: it can fail a share of its requests, and be slow."""

import asyncio
import random
from typing import Any, Final, Self

import h11
from tests.support import killing_backend

_ERROR: Final = b'{"error":{"message":"it failed","type":"server_error","param":null,"code":null}}'


class Backend(killing_backend.Backend):
    """`fail`: the share of requests answered with 500 · `slow_s`: how long each thinks first · `models`: asked for."""

    def __init__(self, *, seed: int = 0, pause_s: float = 0.01, pieces: int = 8) -> None:
        super().__init__(seed=seed, pause_s=pause_s, pieces=pieces)
        self.fail = 0.0
        self.slow_s = 0.0
        self.models: dict[str, str] = {}  # by marker
        self._dice = random.Random(seed)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2].removesuffix("/v1"))

    async def _answer(self, wire: h11.Connection, writer: Any, asked: dict[str, Any]) -> None:
        self.models[asked["user"]] = asked["model"]
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self._dice.random() >= self.fail:
            await super()._answer(wire, writer, asked)
            return
        self.heard[asked["user"]] = self.heard.get(asked["user"], 0) + 1
        headers = [("content-type", "application/json"), ("content-length", str(len(_ERROR)))]
        parts = (h11.Response(status_code=500, headers=headers), h11.Data(data=_ERROR), h11.EndOfMessage())
        writer.write(b"".join(wire.send(part) or b"" for part in parts))
