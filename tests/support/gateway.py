"""The gateway as real processes, for tests that need the whole thing: `llmgateway serve` on free ports.

`with running(CONFIG) as gateway: gateway.base_url …`, or the fixture `start_gateway` (import it into a conftest or
test module). In the configuration `{port}`, `{admin_port}` and `{data}` stand for what is chosen here; other braces
are TOML's own. When the block ends with an exception, the processes' last output is added to it as a note.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from bench.ports import free_port

READY_S = 20.0
STOP_S = 15.0
_TAIL = 60


class NotReadyError(Exception):
    """The gateway ended, or did not become ready in time."""


@dataclass
class Gateway:
    """One gateway: a supervisor with its children, its folder and its addresses."""

    config: Path
    port: int
    admin_port: int
    data: Path
    environ: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    _seen: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """Where callers send requests, without `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def store(self) -> Path:
        return self.data / "store.sqlite3"

    def start(self, *, wait: bool = True) -> None:
        """Start it, also again after `kill` or `stop`: ports and folder stay the same. Raises NotReadyError."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "llmgateway", "serve", "--config", str(self.config)],
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = READY_S) -> None:
        """Wait until both listeners say that they are ready."""
        for url in (self.base_url, self.admin_url):
            self._wait_for(f"{url}/readyz", time.monotonic() + timeout)
        self.family()

    def _wait_for(self, url: str, until: float) -> None:
        while not _is_ok(url):
            code = self.process.poll() if self.process else None
            if code is not None:
                raise NotReadyError(f"the gateway ended with exit code {code}\n{self.output()}")
            if time.monotonic() > until:
                raise NotReadyError(f"{url} was not ready in time\n{self.output()}")
            time.sleep(0.02)

    def family(self) -> list[psutil.Process]:
        """The supervisor, first, and all that it has started and that still runs."""
        if self.process is not None and self.process.poll() is None:
            root = psutil.Process(self.process.pid)
            for each in (root, *root.children(recursive=True)):
                self._seen.setdefault(each.pid, each)
        return [each for each in self._seen.values() if _lives(each)]

    def wait_gone(self, timeout: float = STOP_S) -> bool:
        """Wait until no process of it is left; tells whether that came true."""
        until = time.monotonic() + timeout
        while self.family():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, timeout: float = STOP_S) -> int:
        """Ask it to drain and wait for the end; returns the exit code."""
        assert self.process is not None
        self.family()
        self.process.terminate()
        return self.process.wait(timeout)

    def kill(self, *, everything: bool = True) -> None:
        """kill -9: of every process at once, or of the supervisor alone."""
        assert self.process is not None
        for each in self.family() if everything else self.family()[:1]:
            _kill(each)
        self.process.wait(STOP_S)

    def output(self) -> str:
        """The last lines that the processes wrote."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(["--- output of the gateway", *lines[-_TAIL:]])


def _is_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except OSError:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        pass


def prepare(config: str, folder: Path, environ: Mapping[str, str] | None = None) -> Gateway:
    """Fill the placeholders in and write the configuration, without starting anything."""
    port, admin_port, data = free_port(), free_port(), folder / "data"
    text = config.replace("{port}", str(port)).replace("{admin_port}", str(admin_port)).replace("{data}", str(data))
    path = folder / "config.toml"
    path.write_text(text)
    log = folder / "output.log"
    log.touch()
    return Gateway(path, port, admin_port, data, environ or {}, log)


@contextmanager
def running(
    config: str, *, environ: Mapping[str, str] | None = None, folder: Path | None = None, wait: bool = True
) -> Iterator[Gateway]:
    """Run a gateway for a block. Whatever the block does, no process and no folder made here is left."""
    made = Path(tempfile.mkdtemp(prefix="llmgateway-test-")) if folder is None else None
    gateway = prepare(config, folder or made or Path(), environ)
    try:
        gateway.start(wait=wait)
        yield gateway
    except BaseException as error:
        error.add_note(gateway.output())
        raise
    finally:
        _clear(gateway)
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _clear(gateway: Gateway) -> None:
    if gateway.process is None:
        return
    if gateway.process.poll() is None:
        try:
            gateway.stop()
        except subprocess.TimeoutExpired:
            pass
    for each in gateway.family():
        _kill(each)
    try:
        os.killpg(gateway.process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    gateway.process.wait(STOP_S)


Starter = Callable[..., Gateway]


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Starter]:
    """A function that starts gateways with the arguments of `running`; they stop with the test."""
    with ExitStack() as stack:
        count = 0

        def start(config: str, **options: object) -> Gateway:
            nonlocal count
            count += 1
            folder = tmp_path / f"gateway-{count}"
            folder.mkdir()
            return stack.enter_context(running(config, folder=folder, **options))  # type: ignore[arg-type]  # passed on

        yield start
