"""The worker's end of the link: knocks for ever, tells how it is, takes snapshots or says why not."""

import asyncio
import random

import pytest
from tests.support.control import status

from llmgateway.dataplane.link import MAX_WAIT_S, Link, News, wait_s
from llmgateway.telemetry.frames import frame, parse, revision


class Server:
    """A control that can be killed and brought back."""

    def __init__(self, path):
        self.path, self.connections = path, asyncio.Queue()

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(lambda *ends: self.connections.put_nowait(ends), self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        self.path.unlink(missing_ok=True)

    async def peer(self):
        return await asyncio.wait_for(self.connections.get(), 5)


async def hear(reader, kind):
    async with asyncio.timeout(5):
        while True:
            said, fields = parse(await reader.readline())
            if said == kind:
                return fields


async def nothing(*_):
    """Take every snapshot."""


class Pauses:
    """A sleep that only yields, and notes what was asked for."""

    def __init__(self):
        self.asked = []

    async def __call__(self, seconds):
        self.asked.append(seconds)
        await asyncio.sleep(0.001)


@pytest.fixture
async def opened(tmp_path):
    links = []

    def link(on_snapshot=nothing, held=None, **more):
        made = Link(tmp_path / "c.sock", status, on_snapshot, held=held, period_s=1.0, sleep=Pauses(), **more)
        links.append(made)
        made.start()
        return made

    yield link
    for each in links:
        await each.close()


async def test_it_tells_its_status_and_which_text_it_holds(opened, tmp_path):
    async with Server(tmp_path / "c.sock") as server:
        opened(held="text")
        reader, writer = await server.peer()
        fields = await hear(reader, "status")
        assert fields == status() | {"revision": revision("text")}
        assert await hear(reader, "status")  # and again
        writer.transport.abort()


async def test_it_goes_on_knocking_until_control_is_there_and_again_after_it_was_killed(opened, tmp_path):
    link = opened()
    async with asyncio.timeout(5):
        while len(link._sleep.asked) < 6:
            await asyncio.sleep(0)
    assert max(link._sleep.asked) <= MAX_WAIT_S * 1.25
    for _ in range(2):
        async with Server(tmp_path / "c.sock") as server:
            reader, writer = await server.peer()
            await hear(reader, "status")
            assert link.is_connected
            writer.transport.abort()
            async with asyncio.timeout(5):
                while link.is_connected:
                    await asyncio.sleep(0)


async def test_a_snapshot_is_put_in_force_and_acknowledged(opened, tmp_path):
    taken = []

    async def take(*given):
        taken.append(given)

    async with Server(tmp_path / "c.sock") as server:
        link = opened(take)
        reader, writer = await server.peer()
        writer.write(frame("snapshot", {"generation": 3, "text": "é\n\u2028"}, 10**6))
        assert await hear(reader, "ack") == {"generation": 3, "error": None, "revision": revision("é\n\u2028")}
        writer.write(frame("snapshot", {"generation": 4, "text": "a = 1", "document": {"a": 1}}, 10**6))
        assert (await hear(reader, "ack"))["generation"] == 4
        assert taken == [(3, "é\n\u2028", None), (4, "a = 1", {"a": 1})]
        assert link.revision == revision("a = 1")
        writer.transport.abort()


@pytest.mark.parametrize("fails", [True, False])
async def test_a_snapshot_that_cannot_be_taken_leaves_the_old_one_and_the_link(opened, tmp_path, fails):
    async def refuse(generation, text, document):
        if fails:
            raise RuntimeError("secret")
        return "x" * 5_000

    async with Server(tmp_path / "c.sock") as server:
        opened(refuse, held="old")
        reader, writer = await server.peer()
        writer.write(frame("snapshot", {"generation": 3, "text": "new"}, 10**6))
        ack = await hear(reader, "ack")
        assert ack["error"] == ("the worker failed on it: RuntimeError" if fails else "x" * 1_000)
        assert ack["revision"] == revision("old")
        assert await hear(reader, "status")
        writer.transport.abort()


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"k":"snapshot"}\n', b'{"k":"snapshot","generation":1,"text":2}\n'])
async def test_nonsense_from_control_costs_the_connection_not_the_worker(opened, tmp_path, line):
    async with Server(tmp_path / "c.sock") as server:
        opened()
        _, writer = await server.peer()
        writer.write(line)
        reader, again = await server.peer()
        assert await hear(reader, "status")
        writer.transport.abort()
        again.transport.abort()


async def test_it_hears_what_all_processes_hold_together(opened, tmp_path):
    heard = []
    async with Server(tmp_path / "c.sock") as server:
        opened(news=News(memory=heard.append))
        reader, writer = await server.peer()
        writer.write(frame("memory", {"bytes": "much"}, 100) + frame("memory", {"bytes": 7 * 2**30}, 100))
        writer.write(frame("snapshot", {"generation": 1, "text": ""}, 100))
        assert (await hear(reader, "ack"))["error"] is None
        assert heard == [7 * 2**30]
        writer.transport.abort()


async def test_status_goes_on_while_a_snapshot_is_being_taken(opened, tmp_path):
    go = asyncio.Event()

    async def slow(*_):
        await go.wait()

    async with Server(tmp_path / "c.sock") as server:
        opened(slow)
        reader, writer = await server.peer()
        writer.write(frame("snapshot", {"generation": 1, "text": ""}, 100))
        for _ in range(5):
            await hear(reader, "status")
        go.set()
        assert (await hear(reader, "ack"))["generation"] == 1
        writer.transport.abort()


async def test_words_of_a_newer_control_are_ignored(opened, tmp_path):
    async with Server(tmp_path / "c.sock") as server:
        opened()
        reader, writer = await server.peer()
        writer.write(frame("lease", {}, 100) + frame("snapshot", {"generation": 1, "text": ""}, 100))
        assert (await hear(reader, "ack"))["error"] is None
        writer.transport.abort()


async def test_closing_before_it_ever_started_is_fine(tmp_path):
    await Link(tmp_path / "c.sock", status, nothing).close()


def test_pauses_double_to_a_bound_and_are_spread():
    random.seed(1)
    assert 0.07 < wait_s(1) < 0.13
    assert wait_s(3) > wait_s(1) * 2
    assert MAX_WAIT_S * 0.75 <= wait_s(10_000) <= MAX_WAIT_S * 1.25
    assert len({wait_s(5) for _ in range(10)}) > 1


async def test_news_of_backends_go_out_at_once_and_what_control_says_of_them_comes_in(tmp_path):
    seen, greeted = [], []
    news = News(seen.append, lambda: greeted.append(link.tell({"n": 1, "what": "eject"})))
    link = Link(tmp_path / "c.sock", status, lambda *_: None, news=news, sleep=Pauses())
    assert not link.tell({"n": 1}), "control is away"
    async with Server(tmp_path / "c.sock") as server:
        link.start()
        reader, writer = await server.peer()
        assert await hear(reader, "status"), "it says who it is before it says anything else"
        assert await hear(reader, "backend") == {"n": 1, "what": "eject"}
        assert greeted == [True]
        assert link.tell({"n": 2, "what": "heal"})
        assert (await hear(reader, "backend"))["n"] == 2
        writer.write(frame("backends", {"heard": 2, "out": {}}, 10**6))
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.001)
        assert seen == [{"heard": 2, "out": {}}]
        await link.close()
        assert not link.tell({"n": 3})
        writer.transport.abort()


async def test_news_do_not_pile_up_before_a_control_that_does_not_read(tmp_path):
    link = Link(tmp_path / "c.sock", status, lambda *_: None, sleep=Pauses())
    async with Server(tmp_path / "c.sock") as server:
        link.start()
        _, writer = await server.peer()
        async with asyncio.timeout(5):
            while not link.tell({"n": 0}):
                await asyncio.sleep(0.001)
        taken = sum(link.tell({"n": n, "text": "x" * 1_000}) for n in range(5_000))
        assert taken < 2_000
        await link.close()
        writer.transport.abort()


async def test_closing_ends_it_in_whatever_moment_it_comes(tmp_path):
    """Python 3.11's `wait_for` swallows a cancellation that comes as its future is done."""
    async with Server(tmp_path / "c.sock") as server:
        for ticks in range(40):
            link = Link(tmp_path / "c.sock", status, lambda *_: None, period_s=0.0)
            link.start()
            async with asyncio.timeout(5):
                while not link.is_connected:
                    await asyncio.sleep(0)
                for _ in range(ticks):
                    await asyncio.sleep(0)
                await link.close()
            assert not link.is_connected
            _, writer = await server.peer()
            writer.transport.abort()
