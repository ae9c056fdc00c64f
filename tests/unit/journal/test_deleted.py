"""Somebody deletes the journal's files under the worker: it notices within a second and begins anew."""

import shutil

import pytest

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.journal.frame import pack
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.writer import JournalWriter


async def kept(writer: JournalWriter, number: int) -> None:
    waiter = writer.append(pack({"k": "refused", "n": number}))
    if waiter is not None:
        await waiter


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("everything", [True, False])
async def test_what_is_written_after_the_next_tick_can_be_read(tmp_path, durability, everything):
    root, clock = tmp_path / "journal", ManualClock()
    writer = JournalWriter.open(root, Journal(durability=durability), clock)
    await kept(writer, 1)
    if everything:
        shutil.rmtree(root)
    else:
        for segment in root.glob("*/*.seg"):
            segment.unlink()
    clock.advance(1.1)
    writer.tick()
    await kept(writer, 2)
    reader = JournalReader(root)
    found = [frame.meta["n"] for tail in reader.discover({}) for frame in tail.read()]
    assert found == [2]
    reader.close()
    writer.close()


async def test_a_journal_nobody_touched_stays_the_same_incarnation(tmp_path):
    clock = ManualClock()
    writer = JournalWriter.open(tmp_path / "journal", Journal(), clock)
    name = writer.incarnation
    await kept(writer, 1)
    clock.advance(1.1)
    writer.tick()
    assert writer.incarnation == name
    writer.close()
