"""A real gateway before a real model server, and the official SDKs' clients for both: straight to the model, and through.

`from tests.support.sdk import served` into a test module gives it the fixture; it is started once a module.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from tests.support.gateway import Gateway, running
from tests.support.plane import KEY, KEY_HASH

from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings

MODEL_KEY = "sk-of-the-model"
BOUND_S = 10.0

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.model]
provider = "openai"
base_url = "{models}/v1"
api_key = "{model_key}"
[backends.claude]
provider = "anthropic"
base_url = "{models}"
api_key = "{model_key}"
[routes."*"]
retries = { max_attempts = 1 }
[routes."*".versions.v1]
backends = ["model"]
[routes."claude*"]
retries = { max_attempts = 1 }
[routes."claude*".versions.v1]
backends = ["claude"]
[keys.app]
hash = "sha256:{hash}"
routes = ["*"]
default_route = "*"
"""


@dataclass
class Served:
    """Both ways to one model."""

    model_url: str
    gateway: Gateway

    def openai(self, *, straight: bool = False, **options: Any) -> OpenAI:
        return OpenAI(**self._openai(straight), **{"max_retries": 0, "timeout": BOUND_S, **options})

    def async_openai(self, *, straight: bool = False, **options: Any) -> AsyncOpenAI:
        return AsyncOpenAI(**self._openai(straight), **{"max_retries": 0, "timeout": BOUND_S, **options})

    def anthropic(self, *, straight: bool = False, **options: Any) -> Anthropic:
        return Anthropic(**self._anthropic(straight), **{"max_retries": 0, "timeout": BOUND_S, **options})

    def async_anthropic(self, *, straight: bool = False, **options: Any) -> AsyncAnthropic:
        return AsyncAnthropic(**self._anthropic(straight), **{"max_retries": 0, "timeout": BOUND_S, **options})

    def _openai(self, straight: bool) -> dict[str, str]:
        return {"base_url": f"{self._url(straight)}/v1", "api_key": MODEL_KEY if straight else KEY}

    def _anthropic(self, straight: bool) -> dict[str, str]:
        return {"base_url": self._url(straight), "api_key": MODEL_KEY if straight else KEY}

    def _url(self, straight: bool) -> str:
        return self.model_url if straight else self.gateway.base_url

    def row(self, exchange_id: str) -> dict[str, Any]:
        """The exchange as the store has it, once it is there."""
        until = time.monotonic() + BOUND_S
        while True:
            with closing(sqlite3.connect(f"file:{self.gateway.store}?mode=ro", uri=True)) as store:
                store.row_factory = sqlite3.Row
                found = store.execute("SELECT * FROM exchange WHERE id = ?", (exchange_id,)).fetchall()
            if found:
                assert len(found) == 1
                return dict(found[0])
            assert time.monotonic() < until, "the exchange is not in the store"
            time.sleep(0.02)


class ModelThread:
    """A model server in a thread with an event loop of its own, so that SDKs that block do not block it."""

    def __init__(self) -> None:
        self.server = ModelServer(Settings(api_key=MODEL_KEY))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> str:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(BOUND_S)
        return self.server.url

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(BOUND_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BOUND_S)
        self._loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("served")
    with ModelThread() as url:
        config = CONFIG.replace("{models}", url).replace("{model_key}", MODEL_KEY).replace("{hash}", KEY_HASH)
        with running(config, folder=folder) as gateway:
            yield Served(url, gateway)
