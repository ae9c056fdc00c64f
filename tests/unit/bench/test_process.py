"""What the kernel is asked about processes."""

import os
import sys
import time

import pytest
from bench.process import BenchError, Cpu, Process, pss_bytes


def test_processor_time_is_counted_finer_than_ticks():
    before = Cpu.of(os.getpid())
    ends = time.process_time() + 0.003
    while time.process_time() < ends:
        pass
    used = Cpu.of(os.getpid()).since(before)[os.getpid()]
    assert 0.003 <= used < 0.5


def test_a_process_that_ended_spoils_the_measurement():
    with pytest.raises(BenchError, match="1 processes ended"):
        Cpu({1: 0.5}).since(Cpu({1: 0.5, 2: 0.5}))


def test_a_process_that_began_counts_from_its_start():
    assert Cpu({1: 0.75, 2: 0.5}).since(Cpu({1: 0.5})) == {1: 0.25, 2: 0.5}


def test_memory_of_a_tree_is_something():
    assert pss_bytes(os.getpid()) > 1_000_000
    assert pss_bytes(2**22 + 1) == 0


def test_a_line_of_json_is_read_past_other_lines():
    with Process([sys.executable, "-c", "print('hello'); print('{\"port\": 1}')"]) as process:
        assert process.line(20) == {"port": 1}


def test_a_process_that_ends_without_a_line_is_an_error_with_its_last_words():
    with (
        Process([sys.executable, "-c", "raise SystemExit('out of luck')"]) as process,
        pytest.raises(BenchError, match="out of luck"),
    ):
        process.line(20)
