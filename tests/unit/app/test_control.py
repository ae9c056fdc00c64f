"""One control process a data folder, whatever was killed."""

import asyncio
import os

from llmgateway.app import control
from llmgateway.app.control import _turn
from llmgateway.app.parts import Leave
from llmgateway.supervisor import locks

BOUND_S = 5.0


async def test_control_waits_until_the_one_before_it_has_ended(tmp_path):
    path = tmp_path / locks.CONTROL
    before = locks.take(path)
    assert before is not None
    waiting = asyncio.create_task(_turn(path, Leave()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    os.close(before)
    held = await asyncio.wait_for(waiting, BOUND_S)
    assert held is not None
    assert locks.take(path) is None
    os.close(held)


async def test_told_to_leave_it_waits_no_longer(tmp_path):
    path = tmp_path / locks.CONTROL
    before = locks.take(path)
    assert before is not None
    leave = Leave()
    waiting = asyncio.create_task(_turn(path, leave))
    await asyncio.sleep(0)
    leave.now()
    assert await asyncio.wait_for(waiting, BOUND_S) is None
    os.close(before)


async def test_a_long_wait_names_whom_it_waits_for(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(control, "WARN_S", 0.0)
    path = tmp_path / locks.CONTROL
    before = locks.take(path)
    assert before is not None
    leave = Leave()
    waiting = asyncio.create_task(_turn(path, leave))
    while not caplog.records:
        await asyncio.sleep(0)
    leave.at_once()
    assert await asyncio.wait_for(waiting, BOUND_S) is None
    assert str(os.getpid()) in caplog.text
    assert len(caplog.records) == 1
    os.close(before)
