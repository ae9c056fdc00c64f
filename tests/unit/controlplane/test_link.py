"""Control's end of the link, and who needs which snapshot."""

import asyncio
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.backends import World
from tests.support.control import status

from llmgateway.controlplane import link as module
from llmgateway.controlplane.backends import Backends
from llmgateway.controlplane.link import Links, is_current, reconciled
from llmgateway.controlplane.tally import Tally
from llmgateway.domain.clock import ManualClock
from llmgateway.telemetry.frames import MAX_SNAPSHOT_BYTES, MAX_STATUS_BYTES, frame, parse, revision, socket_path


class Peer:
    """A worker's side, by hand."""

    def __init__(self, path):
        self.path = path

    async def __aenter__(self):
        with socket_path(self.path) as short:
            self.reader, self.writer = await asyncio.open_unix_connection(short, limit=MAX_SNAPSHOT_BYTES)
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    def say(self, kind, **fields):
        self.writer.write(frame(kind, fields, 10**9))

    async def hear(self):
        line = await asyncio.wait_for(self.reader.readline(), 5)
        return parse(line) if line else None


@pytest.fixture
async def links(tmp_path):
    links = Links(tmp_path / "run" / "control.sock", clock=ManualClock(), tally=Tally())
    await links.start()
    yield links
    await links.stop()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_the_socket_is_private(links, tmp_path):
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "run" / "control.sock").stat().st_mode) == 0o600


async def test_a_data_folder_with_a_very_long_path_works_too(tmp_path):
    folder = tmp_path / ("d" * 120) / "run"
    links = Links(folder / "control.sock", clock=ManualClock(), tally=Tally())
    await links.start()
    async with Peer(folder / "control.sock") as peer:
        peer.say("status", **status())
        await until(links.live)
    await links.stop()


async def test_workers_are_listed_while_they_are_connected(links):
    async with Peer(links._path) as two, Peer(links._path) as one:
        two.say("status", **status(2))
        one.say("status", **status(1))
        await until(lambda: len(links.live()) == 2)
        assert [state.slot for state in links.live()] == [1, 2]
    await until(lambda: not links.live())


async def test_a_status_cut_at_any_place_arrives_whole(links):
    line = frame("status", status(7), MAX_STATUS_BYTES)
    async with Peer(links._path) as peer:
        for at in range(len(line)):
            peer.writer.write(line[at : at + 1])
            if at % 50 == 0:
                await peer.writer.drain()
        await until(links.live)
        assert links.live()[0].slot == 7


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b'{"k":3}\n',
        b'{"k":"status","slot":"x"}\n',
        b"x" * (MAX_STATUS_BYTES + 10) + b"\n",
        b'{"k":"status"' + b" " * MAX_STATUS_BYTES + b"}\n",
    ],
)
async def test_a_peer_that_talks_nonsense_is_cut_off_and_the_others_stay(links, line):
    async with Peer(links._path) as good, Peer(links._path) as bad:
        good.say("status", **status())
        await until(links.live)
        bad.writer.write(line)
        try:
            assert await bad.hear() is None
        except ConnectionResetError:
            pass
        assert len(links.live()) == 1


async def test_words_of_a_newer_worker_are_ignored(links):
    async with Peer(links._path) as peer:
        peer.say("gossip", of="nothing")
        peer.say("status", **status())
        await until(links.live)


async def test_publishing_reaches_every_worker_and_waits_for_what_they_say(links):
    links.hold(1, "one")
    async with Peer(links._path) as good, Peer(links._path) as bad:
        good.say("status", **status(0))
        bad.say("status", **status(1))
        await until(lambda: len(links.live()) == 2)
        publishing = asyncio.create_task(links.publish(2, "two"))
        assert await good.hear() == await bad.hear() == ("snapshot", {"generation": 2, "text": "two"})
        good.say("ack", generation=2, error=None)
        bad.say("ack", generation=2, error="no such file")
        acks = {ack.slot: ack.error for ack in await publishing}
    assert acks == {0: None, 1: "no such file"}


async def test_what_is_in_force_already_is_told_again_where_it_was_read_again(links):
    links.hold(1, "one")
    async with Peer(links._path) as has, Peer(links._path) as lacks:
        has.say("status", **status(0, generation=1, revision=revision("one")))
        lacks.say("status", **status(1, generation=0))
        await until(lambda: len(links.live()) == 2)
        assert (await lacks.hear())[1]["generation"] == 1
        lacks.say("status", **status(1, generation=1, revision=revision("one")))
        await until(lambda: all(each.generation == 1 for each in links.live()))
        assert await links.publish(1, "one") == []  # both have it
        publishing = asyncio.create_task(links.publish(1, "one", is_again=True))
        for peer in (has, lacks):
            assert await peer.hear() == ("snapshot", {"generation": 1, "text": "one"})
            peer.say("ack", generation=1, error=None)
        assert {ack.slot: ack.error for ack in await publishing} == {0: None, 1: None}


async def test_a_worker_that_has_not_knocked_yet_is_waited_for(tmp_path):
    links = Links(tmp_path / "c.sock", clock=ManualClock(), tally=Tally(), workers=2)
    await links.start()
    links.hold(1, "one")
    async with Peer(links._path) as early, Peer(links._path) as late:
        early.say("status", **status(0))
        await until(lambda: len(links.live()) == 1)
        publishing = asyncio.create_task(links.publish(2, "two"))
        late.say("status", **status(1))
        for each in (early, late):
            await each.hear()
            each.say("ack", generation=2, error=None)
        assert {ack.slot: ack.error for ack in await publishing} == {0: None, 1: None}
    await links.stop()


async def test_one_that_never_knocks_is_not_waited_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.link.GATHER_S", 0.03)
    links = Links(tmp_path / "c.sock", clock=ManualClock(), tally=Tally(), workers=2)
    assert await links.publish(2, "two") == []
    assert links.generation == 2


async def test_a_silent_worker_costs_the_timeout_and_a_leaving_one_nothing(links):
    links.hold(1, "one")
    async with Peer(links._path) as silent:
        silent.say("status", **status(0))
        async with Peer(links._path) as leaving:
            leaving.say("status", **status(1))
            await until(lambda: len(links.live()) == 2)
            publishing = asyncio.create_task(links.publish(2, "two", timeout_s=0.05))
            await leaving.hear()
        acks = {ack.slot: ack.error for ack in await publishing}
    assert acks[0] == "no answer in 0.05 s"
    assert acks[1] == "the worker left before it answered"


async def test_publishing_to_nobody_returns_at_once(links):
    assert await links.publish(2, "two") == []
    assert links.generation == 2


async def test_a_text_too_large_for_a_frame_is_refused_before_anything_changes(links):
    links.hold(1, "one")
    with pytest.raises(ValueError, match="over the limit"):
        await links.publish(2, "x" * MAX_SNAPSHOT_BYTES)
    assert links.generation == 1


async def test_a_worker_that_missed_a_snapshot_is_sent_it_once_when_it_comes(links):
    links.hold(5, "five")
    async with Peer(links._path) as peer:
        peer.say("status", **status(generation=4))
        assert await peer.hear() == ("snapshot", {"generation": 5, "text": "five"})
        for _ in range(2):  # it has refused: it is not told every second
            peer.say("status", **status(generation=4))
        peer.say("status", **status(generation=4, gauges={"connections": 77}))
        await until(lambda: links.live()[0].gauge("connections") == 77)
        publishing = asyncio.create_task(links.publish(6, "six", timeout_s=0.05))
        assert (await peer.hear())[1]["generation"] == 6
        await publishing


async def test_control_that_came_back_with_an_old_number_takes_the_workers(links):
    links.hold(1, "text")
    async with Peer(links._path) as peer:
        peer.say("status", **status(generation=7, revision=revision("text")))
        await until(lambda: links.generation == 7)


async def test_control_that_came_back_with_another_text_hands_it_out_under_a_new_number(links):
    links.hold(1, "new")
    async with Peer(links._path) as peer:
        peer.say("status", **status(generation=7, revision=revision("old")))
        assert await peer.hear() == ("snapshot", {"generation": 8, "text": "new"})
        peer.say("status", **status(generation=8, revision=revision("new")))
        await until(lambda: links.live()[0].generation == 8)
        assert links.generation == 8


async def test_a_killed_controls_socket_is_taken_over(links):
    other = Links(links._path, clock=ManualClock(), tally=Tally())
    await other.start()
    async with Peer(links._path) as peer:
        peer.say("status", **status())
        await until(other.live)
    await links.stop()
    assert links._path.exists()
    await other.stop()


async def test_connections_are_bounded(links, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINKS", 1)
    async with Peer(links._path) as first:
        first.say("status", **status())
        await until(links.live)
        async with Peer(links._path) as second:
            try:
                assert await second.hear() is None
            except ConnectionResetError:
                pass


async def test_a_worker_that_reads_nothing_is_cut_off(links, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 1_000)
    async with Peer(links._path) as peer:
        peer.say("status", **status())
        await until(links.live)
        for generation in range(2, 10):
            links.hold(generation, "x" * 1_000_000)
        await until(lambda: not links.live())


@given(st.integers(0, 5), st.sampled_from("ab"), st.integers(0, 5), st.one_of(st.none(), st.sampled_from("ab")))
def test_reconciling_never_steps_back_and_settles_at_once(ours, text, theirs, theirs_text):
    agreed = reconciled(ours, text, theirs, theirs_text)
    assert agreed >= max(ours, theirs)
    assert reconciled(agreed, text, agreed, text) == agreed
    assert reconciled(agreed, text, theirs, theirs_text) == agreed
    if agreed == theirs:
        assert is_current(agreed, text, theirs, theirs_text)


async def test_news_of_a_backend_are_shared_with_everyone_and_answered(tmp_path):
    world = World(v1="a b")
    backends = Backends(world.snapshot(), "now")
    links = Links(tmp_path / "c.sock", clock=ManualClock(), tally=Tally(), backends=backends)
    await links.start()
    async with Peer(links._path) as one, Peer(links._path) as two:
        for slot, peer in enumerate((one, two)):
            peer.say("status", **status(slot))
        await until(lambda: len(links.live()) == 2)
        one.say("backend", n=1, what="eject", backend="a", reason="slow")
        kind, first = await one.hear()
        assert (kind, first["heard"], set(first["out"])) == ("backends", 1, {"a"})
        _, second = await two.hear()
        assert (second["heard"], second["out"]["a"]["reason"]) == (0, "slow")
        one.say("backend", n=2, what="heal", backend="a")
        assert (await one.hear())[1] == {"epoch": "now", "heard": 2, "out": {}}
        assert (await two.hear())[1]["out"] == {}
        async with Peer(links._path) as three:
            backends.drain("b", is_drained=True)
            three.say("status", **status(2))
            assert set((await three.hear())[1]["out"]) == {"b"}
    await links.stop()


async def test_a_snapshot_goes_out_parsed_too_unless_that_is_too_long_or_no_json(links):
    async with Peer(links._path) as peer:
        peer.say("status", **status())
        await until(links.live)
        links.hold(2, "a = 1", {"a": 1})
        assert await peer.hear() == ("snapshot", {"generation": 2, "text": "a = 1", "document": {"a": 1}})
        for generation, document in ((3, {"a": "x" * MAX_SNAPSHOT_BYTES}), (4, {"a": 2**70}), (5, {"a": object()})):
            links.hold(generation, "b", document)
            assert await peer.hear() == ("snapshot", {"generation": generation, "text": "b"})


async def test_memory_is_told_to_workers_that_read_and_to_no_others(links):
    async with Peer(links._path) as one, Peer(links._path) as stranger:
        for bytes_held in (0, 5_000):
            given = status(0)
            one.say("status", **given | {"gauges": {"memory_bytes": bytes_held}})
            await until(lambda held=bytes_held: links.live() and links.live()[0].gauge("memory_bytes") == held)
            links.tell_memory(70)
            assert await one.hear() == ("memory", {"bytes": 70 + bytes_held})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stranger.reader.readline(), 0.05)
