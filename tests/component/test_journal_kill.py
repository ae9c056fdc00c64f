"""Processes killed with SIGKILL while they write: whatever `append` has promised must be read back, once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llmgateway.config.snapshot import Durability, Journal
from llmgateway.domain.clock import SystemClock
from llmgateway.journal import lock
from llmgateway.journal.frame import pack
from llmgateway.journal.layout import incarnation_names
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.tail import Frame
from llmgateway.journal.writer import JournalWriter

KILLS = 25
GROUP = 8  # exchanges at once, where the disk is waited for


def write_for_ever(root: str, durability: str) -> None:
    """The child: append, and only then tell the number over the pipe."""
    settings = Journal(durability=Durability(durability), segment_bytes=64 * 1024, reserve_bytes=64 * 1024)
    writer = JournalWriter.open(root, settings, SystemClock())
    body = bytes(range(256)) * 8
    if settings.durability is Durability.DISK:
        asyncio.run(write_groups(writer, body))
    number = 0
    while True:
        writer.append(pack({"n": number}, [("request", body[: number % 2000])]))
        os.write(1, b"%d\n" % number)
        number += 1


async def write_groups(writer: JournalWriter, body: bytes) -> None:
    async def one(number: int) -> None:
        await writer.append(pack({"n": number}, [("request", body[: number % 2000])]))
        os.write(1, b"%d\n" % number)

    number = 0
    while True:
        await asyncio.gather(*(one(number + at) for at in range(GROUP)))
        number += GROUP


class Child:
    """A writing process and the ledger of what it was promised."""

    def __init__(self, root: Path, durability: Durability) -> None:
        command = [sys.executable, __file__, str(root), durability.value]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
        self._heard = b""

    def hear(self, count: int) -> None:
        """Listen until that many numbers have come."""
        while self._heard.count(b"\n") < count:
            heard = os.read(self._process.stdout.fileno(), 65536)
            assert heard, "the writer ended by itself"
            self._heard += heard

    def kill(self) -> list[int]:
        self._process.send_signal(signal.SIGKILL)
        self._heard += self._process.stdout.read()
        self._process.stdout.close()
        assert self._process.wait(20) == -signal.SIGKILL
        whole, _, _ = self._heard.rpartition(b"\n")
        return [int(line) for line in whole.split()]


def read_all(root: Path) -> tuple[list[Frame], JournalReader]:
    reader = JournalReader(root)
    frames = []
    for tail in reader.discover({}):
        while found := tail.read():
            frames += found
        assert tail.is_exhausted
    return frames, reader


@pytest.mark.parametrize(("durability", "kills"), [(Durability.PROCESS, KILLS), (Durability.DISK, 5)])
def test_what_was_promised_survives_a_kill(tmp_path, durability, kills):
    chance = random.Random(7)
    promised = 0
    for turn in range(kills):
        root = tmp_path / str(turn)
        child = Child(root, durability)
        child.hear(chance.randint(1, 600))
        ledger = child.kill()
        (name,) = incarnation_names(root)
        assert not lock.is_held(root / name)
        frames, reader = read_all(root)
        found = [frame.meta["n"] for frame in frames]
        assert set(ledger) <= set(found)
        assert found == list(range(len(found)))
        assert all(len(frame.blobs().get("request", b"")) == frame.meta["n"] % 2000 for frame in frames)
        assert reader.stats.damaged == reader.stats.missing_segments == 0
        (tail,) = reader.discover({})
        assert reader.reclaim(tail, tail.position)
        reader.close()
        promised += len(ledger)
    assert promised > kills


def test_a_reader_right_behind_the_writer_sees_each_record_once_and_knows_when_it_is_dead(tmp_path):
    child = Child(tmp_path, Durability.PROCESS)
    child.hear(1)
    reader = JournalReader(tmp_path)
    (tail,) = reader.discover({})
    found: list[int] = []
    heard = 1
    while len(found) < 3000:
        heard += 50
        child.hear(heard)
        assert tail.is_alive
        found += [frame.meta["n"] for frame in tail.read(max_frames=500)]
        assert not tail.is_exhausted
        assert not reader.reclaim(tail, tail.position)
    ledger = child.kill()
    while not tail.is_exhausted:
        found += [frame.meta["n"] for frame in tail.read()]
    assert found == list(range(len(found)))
    assert set(ledger) <= set(found)
    assert reader.stats.damaged == reader.stats.missing_segments == reader.stats.empty_segments == 0
    assert reader.reclaim(tail, tail.position)
    reader.close()


if __name__ == "__main__":
    write_for_ever(*sys.argv[1:])
