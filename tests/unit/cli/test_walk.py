"""Going through the newest exchanges of a log: in batches, with progress, and with work that nobody has to wait for."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.unit.cli.test_logs import fill

from llmgateway.cli.logs import options, walk
from llmgateway.ports.store import Entry, Row, StoreReader, Wanted


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 5, [2, 2, 1]),
        ([90, 20, 1, 1], [1, 2, 1]),
        ([500, 500], [1, 1]),
        ([None, None], [2]),
        ([], []),
    ],
)
def test_bodies_are_read_a_few_at_a_time(monkeypatch, sizes: list[int | None], expected: list[int]) -> None:
    monkeypatch.setattr(walk, "BATCH", 2)
    monkeypatch.setattr(walk, "BATCH_BYTES", 100)
    page = [{"request_bytes": size, "reply_bytes": 0} for size in sizes]
    assert [len(batch) for batch in walk.batches(page)] == expected


def test_progress_is_told_as_it_goes(tmp_path: Path, make: ExchangeFactory, monkeypatch) -> None:
    monkeypatch.setattr(walk, "BATCH", 2)
    fill(tmp_path, [Entry(make.row()) for _ in range(5)])
    heard: list[tuple[str, int]] = []

    async def work(rows: list[Row]) -> None:
        heard.append(("done", len(rows)))

    step = lambda rows: heard.append(("told", len(rows)))  # noqa: E731
    options.with_reader(tmp_path / "store.sqlite3", lambda reader: walk.walk(reader, Wanted(), 100, work, step))
    assert heard == [("done", 2), ("told", 2), ("done", 2), ("told", 2), ("done", 1), ("told", 1)]


@pytest.mark.parametrize(("limit", "expected"), [(5, 5), (6, 6), (7, 7), (100, 7)])
def test_no_more_than_the_limit_are_seen_newest_first_over_pages(
    tmp_path: Path, make: ExchangeFactory, monkeypatch, limit: int, expected: int
) -> None:
    monkeypatch.setattr(walk, "PAGE", 3)
    entries = [Entry(make.row()) for _ in range(7)]
    fill(tmp_path, entries)
    seen: list[str] = []

    async def work(_: StoreReader, rows: list[Row]) -> None:
        seen.extend(row["id"] for row in rows)

    walk.with_progress(tmp_path / "store.sqlite3", Wanted(), limit, "walking", work)
    assert seen == [entry.row["id"] for entry in reversed(entries)][:expected]


async def test_what_runs_beside_holds_nobody_up_who_leaves() -> None:
    started, go = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go.wait(10)

    running = asyncio.create_task(walk.aside(work))
    while not started.is_set():
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (thread,) = [each for each in threading.enumerate() if each.name == walk.THREAD]
    assert thread.daemon
    go.set()
    thread.join(10)


async def test_what_goes_wrong_beside_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        await walk.aside(lambda: 1 / 0)
    assert await walk.aside(lambda: 3) == 3


LONG = """
import re2, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in the background has it ignored
from llmgateway.cli.main import main
from llmgateway.controlplane.evaluation.tried import Tried
from llmgateway.guarding.replayed import Replay
word, text = re2.compile("a+b"), "a" * 1_000_000

def add(*_):
    print("judging", flush=True)
    while True:
        word.search(text)

Replay.add = Tried.add = add
main()
"""


@pytest.mark.parametrize(
    "command", [["guard", "replay", "--guardrails", "pii"], ["eval", "run", "--evaluators", "refusal"]]
)
def test_ctrl_c_ends_it_in_the_middle_of_a_text(
    tmp_path: Path, make: ExchangeFactory, monkeypatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, [Entry(make.row())])
    program = [sys.executable, "-c", LONG, *command, "--data", ".", "--since", "2023-01-01"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"judging\n"
        running.send_signal(signal.SIGINT)
        try:
            out, err = running.communicate(timeout=30)
        finally:
            running.kill()
    assert (running.returncode, out, err) == (130, b"", b"")
