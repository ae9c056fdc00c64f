"""A headless Chromium, driven over its own protocol: as much of it as tests of pages need."""

import asyncio
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_S = 60.0
_LISTENS = re.compile(rb"DevTools listening on (ws://\S+)")
_KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, "")}


def program() -> str | None:
    """Where Chromium is, if it is: $CHROMIUM, or on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page. `messages`: what its console said, errors and refusals of its policy among it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._session = ""
        self.messages: list[str] = []
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def start(self) -> None:
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        self._session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params} | (
            {"sessionId": self._session} if self._session else {}
        )
        await self._socket.send_str(json.dumps(message))
        async with asyncio.timeout(30):
            return await answer

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until("location.href !== 'about:blank'")

    async def eval(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, script: str, seconds: float = 20.0) -> None:
        """Wait until an expression holds, also over a change of the page, and the page is there whole."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if await self.eval(f"document.readyState === 'complete' && ({script})"):
                        return
                except (AssertionError, ConnectionError):
                    pass  # between two pages there is nothing to ask
                await asyncio.sleep(0.02)

    async def press(self, *keys: str) -> None:
        for key in keys:
            name, code, text = _KEYS[key] if key in _KEYS else (key, ord(key.upper()), key)
            about = {"key": name, "windowsVirtualKeyCode": code, "code": name}
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if (waiting := self._waiting.pop(told.get("id", 0), None)) is not None:
                if "error" in told:
                    waiting.set_exception(ConnectionError(told["error"]["message"]))
                else:
                    waiting.set_result(told["result"])
            elif _is_told(told):
                self.messages.append(json.dumps(told["params"]))


def _is_told(event: dict[str, Any]) -> bool:
    """Whether the console says something. That a door answers 401 is no news."""
    if event.get("method") == "Log.entryAdded":
        return event["params"]["entry"]["source"] != "network"
    return event.get("method") in {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"}


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one page; its profile is in `folder`."""
    found = program()
    assert found is not None
    words = (
        "--headless=new", "--window-size=1280,900", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
        "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank",
    )  # fmt: skip
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(found, *words, stdout=asyncio.subprocess.DEVNULL, stderr=pipe)
    drained = None
    try:
        url = await _address(process)
        assert process.stderr is not None
        drained = asyncio.get_running_loop().create_task(process.stderr.read())
        async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
            page = Tab(socket)
            await page.start()
            yield page
            await page.close()
    finally:
        process.kill()
        await process.wait()
        if drained is not None:
            await drained


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(START_S):
        while line := await process.stderr.readline():
            if found := _LISTENS.search(line):
                return found[1].decode()
    raise AssertionError("Chromium has ended before it listened")
