"""A real disk that is really full: a small tmpfs, where the machine lets one be mounted."""

import subprocess

import pytest

from llmgateway.config.snapshot import Journal
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.journal.frame import pack
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.writer import JournalWriter

MIB = 1024 * 1024
SETTINGS = Journal(segment_bytes=MIB, reserve_bytes=MIB)


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={8 * MIB}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(writer, ledger, number=0) -> int:
    """Admit exchanges until the journal says no; tells how many it took."""
    while True:
        try:
            writer.append(pack({"n": number}, [("request", bytes(10_000))]))
        except GatewayError as error:
            assert error.code == "log_store_full"
            return number
        ledger.append(number)
        number += 1


def test_running_exchanges_are_settled_new_ones_refused_and_it_heals_once_segments_are_unlinked(small_disk):
    clock = ManualClock()
    writer = JournalWriter.open(small_disk / "journal", SETTINGS, clock)
    ledger: list[int] = []
    admitted = fill(writer, ledger)
    assert admitted > 300
    assert writer.is_full
    for number in range(50):  # the exchanges that are under way
        writer.append(pack({"n": admitted + number}, [("reply", bytes(10_000))]), may_use_reserve=True)
        ledger.append(admitted + number)
    with pytest.raises(GatewayError):
        writer.append(pack({"n": -1}, [("request", bytes(10_000))]))
    writer.append(pack({"n": admitted + 50}, []), may_use_reserve=True)
    ledger.append(admitted + 50)

    reader = JournalReader(small_disk / "journal")
    (tail,) = reader.discover({})
    found = []
    while frames := tail.read():
        found += [frame.meta["n"] for frame in frames]
    assert found == ledger
    reader.reclaim(tail, tail.position)
    del frames

    clock.advance(1)
    writer.tick()
    assert not writer.is_full
    fill(writer, ledger, admitted + 51)
    while frames := tail.read():
        found += [frame.meta["n"] for frame in frames]
    assert found == ledger
    assert reader.stats.damaged == reader.stats.torn_tails == 0
    reader.close()
    writer.close()


def test_a_writer_that_begins_on_a_full_disk_refuses_and_heals(small_disk):
    ballast = small_disk / "ballast"
    with ballast.open("wb") as file, pytest.raises(OSError):
        while True:
            file.write(bytes(64 * 1024))
            file.flush()
    clock = ManualClock()
    writer = JournalWriter.open(small_disk / "journal", SETTINGS, clock)
    assert writer.is_full
    with pytest.raises(GatewayError):
        writer.append(pack({"n": 0}))
    ballast.unlink()
    clock.advance(1)
    writer.append(pack({"n": 1}))
    assert not writer.is_full
    writer.close()
