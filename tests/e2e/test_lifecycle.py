"""Start, drain, stop, reload, and what is left when the supervisor dies: signals to real processes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.support.gateway import Gateway, NotReadyError, running
from tests.support.killing import CONFIG, roles
from tests.support.killing_backend import Backend, whole_stream
from tests.support.killing_load import Caller, FailedError
from tests.support.ledger import Ledger, Request, stored

BOUND_S = 20.0


@dataclass
class Scene:
    """A gateway before a backend, and callers who stream."""

    gateway: Gateway
    backend: Backend
    ledger: Ledger

    async def streaming(self) -> tuple[Request, asyncio.Task[bytes]]:
        """Start a stream that the backend holds in its middle."""
        self.backend.hold()
        request = self.ledger.sent(is_stream=True)
        task = asyncio.create_task(Caller(self.gateway.port).ask(request))
        await asyncio.wait_for(self.backend.is_holding.wait(), BOUND_S)
        return request, task

    async def ended(self) -> int:
        process = self.gateway.process
        assert process is not None
        return await asyncio.to_thread(process.wait, BOUND_S)

    def rows(self) -> dict[str, str]:
        """How each exchange ended, by the caller's marker."""
        exchanges, _ = stored(self.gateway.store)
        assert len({row["user"] for row in exchanges}) == len(exchanges)
        return {row["user"]: row["end"] for row in exchanges}


@asynccontextmanager
async def scene(folder: Path, **changes: str) -> AsyncIterator[Scene]:
    async with Backend(seed=1) as backend:
        config = CONFIG.replace("BACKEND", backend.base_url).replace("DURABILITY", "process")
        for old, new in changes.items():
            config = config.replace(old, new)
        with running(config, folder=folder, wait=False) as gateway:
            await asyncio.to_thread(gateway.wait_ready)
            yield Scene(gateway, backend, Ledger())


async def until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + BOUND_S
    while not await asyncio.to_thread(is_so):
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


def status(url: str, path: str) -> int:
    """The status of a GET; 0 if nobody listens."""
    try:
        with urllib.request.urlopen(url + path, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code
    except OSError:
        return 0


def live(gateway: Gateway) -> dict:
    with urllib.request.urlopen(f"{gateway.admin_url}/admin/v1/live", timeout=5) as reply:
        return json.load(reply)


def serve(config: Path) -> tuple[int, str, float]:
    """Try to start another gateway: exit code, what it said, how long that took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "serve", "--config", str(config)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, time.monotonic() - began


# --- stopping


async def test_an_idle_gateway_stops_within_a_second_and_leaves_nothing(tmp_path):
    async with scene(tmp_path) as one:
        began = time.monotonic()
        assert await asyncio.to_thread(one.gateway.stop) == 0
        assert time.monotonic() - began <= 1.0
        assert one.gateway.family() == []


def by_supervisor(gateway: Gateway, number: signal.Signals) -> None:
    gateway.signal(number)


def by_group(gateway: Gateway, number: signal.Signals) -> None:
    assert gateway.process is not None
    os.killpg(gateway.process.pid, number)


@pytest.mark.parametrize(
    ("send", "number"),
    [
        (by_supervisor, signal.SIGTERM),
        (by_supervisor, signal.SIGINT),
        (by_group, signal.SIGINT),  # Ctrl-C
        (by_group, signal.SIGTERM),  # systemd's default
    ],
)
async def test_a_drain_finishes_streams_and_takes_nobody_new(tmp_path, send, number):
    async with scene(tmp_path) as one:
        request, stream = await one.streaming()
        send(one.gateway, number)
        await until(lambda: status(one.gateway.admin_url, "/readyz") == 503, "readiness goes off")
        await until(lambda: status(one.gateway.base_url, "/livez") == 0, "the listener closes")
        assert not stream.done()
        one.backend.go_on()
        assert await stream == whole_stream(request.marker)
        assert await one.ended() == 0
        assert one.rows() == {request.marker: "completed"}  # control was there to the end


async def test_control_that_dies_during_a_drain_comes_back_and_ingests_the_rest(tmp_path):
    async with scene(tmp_path) as one:
        request, stream = await one.streaming()
        one.gateway.signal(signal.SIGTERM)
        await until(lambda: status(one.gateway.admin_url, "/readyz") == 503, "readiness goes off")
        control = roles(one.gateway).control
        assert control is not None
        control.kill()
        control.wait(BOUND_S)
        await until(lambda: status(one.gateway.admin_url, "/readyz") == 503, "a new one says so, too")
        one.backend.go_on()
        assert await stream == whole_stream(request.marker)
        assert await one.ended() == 0
        assert one.rows() == {request.marker: "completed"}


async def test_readiness_goes_off_before_the_listener_closes(tmp_path):
    wait = {"workers = 2": 'workers = 2\n[server.timeouts]\npre_stop = "60s"'}
    async with scene(tmp_path, **wait) as one:
        one.gateway.signal(signal.SIGTERM)
        await until(lambda: status(one.gateway.base_url, "/readyz") == 503, "readiness goes off")
        request = one.ledger.sent()
        assert await Caller(one.gateway.port).ask(request)  # whoever comes late is still served
        one.gateway.signal(signal.SIGTERM)
        assert await one.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nobody_who_has_connected_goes_without_an_answer(tmp_path, number):
    """When the listener closes, callers are queued on it, or have connected and not yet said what they want."""
    async with scene(tmp_path) as one:
        asked = Counter()
        callers = [asyncio.create_task(knock_until_refused(one.gateway.port, asked)) for _ in range(30)]
        await asyncio.sleep(0.3)  # a moment like any other
        one.gateway.signal(number)
        await asyncio.wait_for(asyncio.gather(*callers), BOUND_S)
        assert set(asked) == {"answered"}
        assert asked["answered"] > 100


async def knock_until_refused(port: int, asked: Counter) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except (ConnectionRefusedError, ConnectionResetError):  # the latter: in the very moment when it is closed
            return
        try:
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            asked["answered" if (await reader.read()).startswith(b"HTTP/1.1 200") else "cut off"] += 1
        except ConnectionResetError:
            asked["reset"] += 1
        finally:
            writer.close()


async def test_a_second_signal_cuts_what_runs_and_the_log_says_so(tmp_path):
    async with scene(tmp_path) as one:
        request, stream = await one.streaming()
        one.gateway.signal(signal.SIGTERM)
        await until(lambda: status(one.gateway.base_url, "/livez") == 0, "the listener closes")
        one.gateway.signal(signal.SIGTERM)
        with pytest.raises((FailedError, OSError)):
            await stream
        assert await one.ended() == 0
        assert one.rows() == {request.marker: "interrupted"}


async def test_quit_stops_at_once_and_the_next_start_knows_what_ran(tmp_path):
    async with scene(tmp_path) as one:
        request, stream = await one.streaming()
        one.gateway.signal(signal.SIGQUIT)
        assert await one.ended() == 0
        assert one.gateway.family() == []
        with pytest.raises((FailedError, OSError)):
            await stream
        await asyncio.to_thread(one.gateway.start)
        await until(lambda: one.rows() == {request.marker: "interrupted"}, "the exchange is in the store")


# --- the supervisor dies


async def test_orphans_finish_their_streams_beside_a_new_gateway_on_the_same_ports(tmp_path):
    async with scene(tmp_path) as one:
        request, stream = await one.streaming()
        before = roles(one.gateway)
        assert before.control is not None
        killed = time.monotonic()
        one.gateway.kill(everything=False)
        await asyncio.to_thread(one.gateway.start)
        assert time.monotonic() - killed <= 10  # one second where nothing else runs
        psutil.wait_procs([before.control], timeout=BOUND_S)
        assert not before.control.is_running()  # the store has one writer
        fresh = one.ledger.sent()
        assert not stream.done()
        one.backend.go_on()
        assert await Caller(one.gateway.port).ask(fresh)
        assert await stream == whole_stream(request.marker)
        orphans = [worker for worker in before.workers if worker.is_running()]
        assert psutil.wait_procs(orphans, timeout=BOUND_S)[1] == []
        done = {request.marker: "completed", fresh.marker: "completed"}
        await until(lambda: one.rows() == done, "both are in the store")


async def test_orphans_let_go_of_the_port_at_once_even_if_a_drain_would_wait(tmp_path):
    wait = {"workers = 2": 'workers = 2\n[server.timeouts]\npre_stop = "60s"'}
    async with scene(tmp_path, **wait) as one:
        one.gateway.kill(everything=False)
        assert await asyncio.to_thread(one.gateway.wait_gone, 5.0)


async def test_an_orphan_that_hangs_is_named_and_is_no_obstacle_once_it_goes_on(tmp_path):
    async with scene(tmp_path) as one:
        control = roles(one.gateway).control
        assert control is not None
        control.suspend()
        one.gateway.kill(everything=False)
        with pytest.raises(NotReadyError, match="processes of a gateway that was killed still run on this data folder"):
            await asyncio.to_thread(one.gateway.start)
        control.resume()
        await asyncio.to_thread(one.gateway.start)
        assert roles(one.gateway).control is not None


# --- starting


async def test_a_second_gateway_on_the_folder_is_refused_and_the_first_serves_on(tmp_path):
    async with scene(tmp_path) as one:
        assert one.gateway.process is not None
        code, said, took_s = await asyncio.to_thread(serve, one.gateway.config)
        assert code != 0
        assert said.startswith("error: another gateway")
        assert str(one.gateway.process.pid) in said
        assert "Traceback" not in said
        assert took_s < 10  # not for the time that a start may take
        assert status(one.gateway.base_url, "/readyz") == 200


async def test_a_busy_port_is_named_without_waiting(tmp_path):
    async with scene(tmp_path) as one:
        other = tmp_path / "other.toml"
        other.write_text(one.gateway.config.read_text().replace(str(one.gateway.data), str(tmp_path / "other")))
        code, said, took_s = await asyncio.to_thread(serve, other)
        assert code != 0
        assert f"127.0.0.1:{one.gateway.port} is in use by another program" in said
        assert "Traceback" not in said
        assert took_s < 10  # most of it is Python's own start


async def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    config = tmp_path / "broken.toml"
    config.write_text(CONFIG.replace("{data}", str(tmp_path / "file" / "data")).replace("{port}", "0").replace(
        "{admin_port}", "0").replace("DURABILITY", "process").replace("BACKEND", "http://127.0.0.1:9/v1"))  # fmt: skip
    code, said, _ = await asyncio.to_thread(serve, config)
    assert code != 0
    assert "data folder" in said
    assert "Traceback" not in said


# --- reloading


async def test_a_worker_started_after_a_reload_runs_the_new_configuration_in_the_old_folder(tmp_path):
    async with scene(tmp_path) as one:
        text = one.gateway.config.read_text()
        changed = text.replace(str(one.gateway.data), str(tmp_path / "elsewhere")).replace(
            "[routes.chat", "[routes.talk"
        )
        one.gateway.config.write_text(changed)
        one.gateway.signal(signal.SIGHUP)
        await until(lambda: generations(one.gateway) == [2, 2], "both workers run the new configuration")
        for worker in roles(one.gateway).workers:
            worker.kill()
        control = roles(one.gateway).control
        assert control is not None
        control.kill()
        await until(lambda: generations(one.gateway) == [2, 2], "the new ones run it, too")
        request = one.ledger.sent()
        with pytest.raises(FailedError, match="model_not_found"):
            await Caller(one.gateway.port).ask(request)
        await until(lambda: one.rows() == {request.marker: "refused"}, "it is in the old store")
        assert not (tmp_path / "elsewhere").exists()


def generations(gateway: Gateway) -> list[int]:
    with suppress(OSError):
        workers = live(gateway)["workers"]
        alive = {worker.pid for worker in roles(gateway).workers}
        return [worker["generation"] for worker in workers if worker["pid"] in alive]
    return []


async def test_a_reload_of_a_broken_file_changes_nothing(tmp_path):
    async with scene(tmp_path) as one:
        one.gateway.config.write_text("nonsense")
        one.gateway.signal(signal.SIGHUP)
        await until(lambda: "the configuration is refused" in one.gateway.output(), "it is refused")
        request = one.ledger.sent()
        assert await Caller(one.gateway.port).ask(request)
        assert live(one.gateway)["generation"] == 1


async def test_callers_in_the_queue_are_served_when_workers_die(tmp_path):
    """The listener is one for all: connections that nobody has accepted yet wait for the next worker."""
    async with scene(tmp_path) as one:
        workers = roles(one.gateway).workers
        for worker in workers:
            worker.suspend()
        queued = [socket.create_connection(("127.0.0.1", one.gateway.port)) for _ in range(50)]
        for connection in queued:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        for worker in workers:
            worker.kill()
        for connection in queued:
            connection.settimeout(BOUND_S)
            with connection:
                assert (await asyncio.to_thread(connection.recv, 100)).startswith(b"HTTP/1.1 200")


async def test_a_new_gateway_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """Its store is being made by whoever comes first; that is no news."""
    async with scene(tmp_path) as it:
        it.gateway.stop()
        assert [line for line in it.gateway.log.read_text().splitlines() if '"level":"info"' not in line][:1] == [
            "llmgateway 0.1.0 is ready"
        ]


async def test_what_is_loaded_before_the_fork_stays_shared(tmp_path: Path) -> None:
    """A collection in a child would write to every page of it, and each worker would take three times the memory."""
    async with scene(tmp_path) as it:
        for worker in roles(it.gateway).workers:
            maps = worker.memory_maps()
            own, shared = (sum(getattr(each, kind) for each in maps) for kind in ("private_dirty", "shared_dirty"))
            assert own < shared
