import asyncio
import socket

import pytest

from llmgateway.supervisor import tether as module
from llmgateway.supervisor.child import BEAT, DRAIN, LEAVE, READY, RELOAD
from llmgateway.supervisor.tether import Tether

BOUND_S = 5.0


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


async def said(line: socket.socket, count: int) -> bytes:
    text = b""
    while len(text) < count:
        text += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(line, 64), BOUND_S)
    return text


async def test_it_beats_at_once_and_again_and_says_that_it_is_ready(pair, monkeypatch):
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.01)
    ours, theirs = pair
    tether = Tether(theirs, lambda: None)
    tether.start()
    tether.ready()
    assert await said(ours, 5) == BEAT + READY + BEAT * 3
    tether.close()


async def test_after_close_it_is_silent_and_deaf(pair, monkeypatch):
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.0)
    ours, theirs = pair
    heard: list[str] = []
    tether = Tether(theirs, lambda: heard.append("orphaned"))
    tether.start()
    tether.close()
    assert await said(ours, 1) == BEAT
    ours.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert heard == []


async def test_words_lead_to_actions_in_their_order(pair):
    ours, theirs = pair
    heard: list[str] = []
    done = asyncio.Event()
    tether = Tether(theirs, lambda: None)
    tether.heed(DRAIN, lambda: heard.append("drain"))
    tether.heed(RELOAD, lambda: heard.append("reload"))
    tether.heed(LEAVE, done.set)
    tether.start()
    ours.send(RELOAD + DRAIN + RELOAD + LEAVE)
    await asyncio.wait_for(done.wait(), BOUND_S)
    assert heard == ["reload", "drain", "reload"]
    tether.close()


async def test_a_word_that_nobody_heeds_yet_waits_once(pair):
    ours, theirs = pair
    heard: list[str] = []
    done = asyncio.Event()
    tether = Tether(theirs, lambda: None)
    tether.heed(LEAVE, done.set)
    tether.start()
    ours.send(RELOAD * 100 + LEAVE)
    await asyncio.wait_for(done.wait(), BOUND_S)
    tether.heed(DRAIN, lambda: heard.append("drain"))
    tether.heed(RELOAD, lambda: heard.append("reload"))
    assert heard == ["reload"]
    tether.close()


@pytest.mark.parametrize("unread", [b"", b"x"])
async def test_it_notices_once_that_the_supervisor_is_gone(pair, unread):
    """With unread bytes in the supervisor's end its death is a reset, not an end."""
    ours, theirs = pair
    orphaned = asyncio.Event()
    count = 0

    def note() -> None:
        nonlocal count
        count += 1
        orphaned.set()

    tether = Tether(theirs, note)
    tether.start()
    if unread:
        tether.ready()
    ours.close()
    await asyncio.wait_for(orphaned.wait(), BOUND_S)
    tether.ready()
    for _ in range(5):
        await asyncio.sleep(0)
    assert count == 1
