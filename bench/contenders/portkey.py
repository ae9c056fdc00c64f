"""Portkey's gateway on Node: no keys of its own, no log; where requests go is said in each of them."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.contenders.base import Contender
from bench.ports import free_port
from bench.process import Process

PROGRAM: Final = "BENCH_PORTKEY"  # the path of its build/start-server.js


class Portkey(Contender):
    name = "Portkey"
    is_slow = True

    @classmethod
    def missing(cls) -> str | None:
        if not os.environ.get(PROGRAM):
            return f"Portkey's gateway is not named (see README; {PROGRAM} is the path of its start-server.js)"
        return None if shutil.which("node") else "Portkey needs node"

    @classmethod
    def version(cls) -> str:
        about = Path(os.environ[PROGRAM]).parents[1] / "package.json"
        return str(json.loads(about.read_text())["version"])

    @property
    def _headers(self) -> Mapping[str, str]:
        return {
            "authorization": "Bearer sk-bench",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{self.backend}/v1",
        }

    def start(self) -> None:
        self.port = free_port()
        self.headers = self._headers
        command = ["node", os.environ[PROGRAM], f"--port={self.port}", "--headless"]
        self.process = Process(command, env={"NODE_ENV": "production"})
