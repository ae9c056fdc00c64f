"""Each way in which a connection can go wrong, on both sides of a data plane, with the books held against each other.

The faults come from the proxy of the reliability suite (bench/faults), so bytes really break between two sockets.
"""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from bench.faults.backend import Backend
from bench.faults.fault import BLACKHOLE, REFUSED, SILENT, Act, Fault
from bench.faults.proxy import FaultProxy
from tests.support.killing_backend import DONE, whole_stream
from tests.support.plane import Answer, plane
from tests.support.rows import CONFIG, assert_idle

PIECES = 3
UNHARMED = [
    Fault(),
    Fault(delay=0.01, jitter=0.02),
    Fault(slice=1),
    Fault(slice=7, gap=0.0005),
    Fault(rate=100_000, slice=300),
]
BROKEN = [Fault(act=act, at=at) for act in (Act.RESET, Act.HALF_CLOSE, Act.STALL) for at in (0, 20, 100, 400)]


@dataclass
class Books:
    """What each caller got, by the name it gave itself."""

    answers: dict[str, Answer] = field(default_factory=dict)


async def ask(running, books, marker, *, is_stream, route="hasty"):
    document = {
        "model": route,
        "user": marker,
        "stream": is_stream,
        "messages": [{"role": "user", "content": "Say something."}],
    }
    books.answers[marker] = await running.post("/v1/chat/completions", document)


async def ask_all(running, books, count=3, **more):
    """Some of each kind at once."""
    await asyncio.gather(
        *(ask(running, books, f"{kind}{at}", is_stream=kind == "s", **more) for at in range(count) for kind in "us")
    )
    await running.quiet()


@asynccontextmanager
async def behind(tmp_path):
    """A plane, the proxy, and a backend that counts."""
    async with Backend(seed=1, pause_s=0.002, pieces=PIECES) as backend, FaultProxy(backend.port, seed=1) as proxy:
        async with plane(tmp_path, proxy.url, config=CONFIG) as running:
            yield running, proxy, backend


def check(running, books, backend):
    """One record a request; it says what the caller got, and the backend has heard of all that were answered by it."""
    records = {record.meta["user"]: record.meta for record in running.of_kind("admitted")}
    outcomes = {record.meta["id"]: record.meta for record in running.of_kind("settled")}
    assert len(running.of_kind("settled")) == len(outcomes) == len(records) == len(books.answers)
    for marker, answer in books.answers.items():
        outcome = outcomes[records[marker]["id"]]
        assert outcome["status"] == answer.status, marker
        if is_good(answer):
            assert (outcome["end"], outcome["error_code"]) == ("completed", None), marker
            assert marker in backend.heard
        else:
            assert outcome["end"] not in {"completed", "interrupted"}, marker
            assert_told(answer)
    assert set(backend.heard) <= set(records)
    assert_idle(running)


def is_good(answer):
    return answer.status == 200 and answer.is_whole


def assert_told(answer):
    """An error of a status of its own, or rule F: an error event, no [DONE], no proper end."""
    if answer.status != 200:
        assert answer.is_whole and answer.json()["error"]["code"], answer
    elif answer.body:
        assert not answer.is_whole and DONE not in answer.body
        assert json.loads(answer.body.strip().rpartition(b"data: ")[2])["error"]["code"]


@pytest.mark.parametrize("fault", UNHARMED)
async def test_what_only_slows_or_cuts_up_an_answer_changes_not_one_byte_of_it(tmp_path, fault):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        proxy.answers = fault
        await ask_all(running, books)
        check(running, books, backend)
    for marker, answer in books.answers.items():
        assert is_good(answer), (marker, answer)
        if marker.startswith("s"):
            assert answer.body == whole_stream(marker, PIECES)


@pytest.mark.parametrize("fault", [Fault(slice=1), Fault(rate=50_000, slice=100), Fault(delay=0.02)])
async def test_what_slows_a_request_down_changes_nothing(tmp_path, fault):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        proxy.requests = fault
        await ask_all(running, books)
        check(running, books, backend)
    assert all(map(is_good, books.answers.values()))


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: f"{fault.act.value}-{fault.at}")
async def test_an_answer_that_breaks_anywhere_is_told_and_never_looks_whole(tmp_path, fault):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        proxy.answers = fault
        await ask_all(running, books, count=2)
        check(running, books, backend)
    bad = [answer for marker, answer in books.answers.items() if marker.startswith("s")]
    assert not any(map(is_good, bad)), "a stream is longer than any of these offsets"


@pytest.mark.parametrize("at", [0, 9, 16, 40, 150, 300])
async def test_a_corrupted_byte_never_crosses_over_to_another_exchange(tmp_path, at):
    """A byte turned over in a head is an answer that is none; in text it is text. Either way the next one is whole."""
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        proxy.answers = Fault(act=Act.CORRUPT, at=at)
        await ask_all(running, books, count=2)
        await proxy.mend()
        await proxy.cut()
        await ask(running, books, "after", is_stream=True)
        await running.quiet()
        assert is_good(books.answers["after"])
        assert books.answers["after"].body == whole_stream("after", PIECES)
        assert len(running.of_kind("settled")) == len(books.answers)
        assert_idle(running)


@pytest.mark.parametrize(
    ("door", "status", "code"),
    [(REFUSED, 502, "upstream_unreachable"), (BLACKHOLE, 504, "upstream_timeout"), (SILENT, 504, "upstream_timeout")],
    ids=["refused", "blackhole", "silent"],
)
async def test_a_backend_that_lets_nobody_in_is_told_with_its_own_code(tmp_path, door, status, code):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        await proxy.close_door(door)
        await ask_all(running, books, count=1)
        check(running, books, backend)
        assert {(each.status, each.json()["error"]["code"]) for each in books.answers.values()} == {(status, code)}
        assert not backend.heard
        await proxy.mend()
        await ask(running, books, "after", is_stream=False)
        assert is_good(books.answers["after"])


async def test_a_backend_that_flaps_breaks_no_books(tmp_path):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        await proxy.flap(0.03)
        for number in range(12):
            await ask(running, books, f"u{number}", is_stream=False)
            await ask(running, books, f"s{number}", is_stream=True)
        await proxy.mend()
        await running.quiet()
        check(running, books, backend)


async def test_connections_cut_between_two_requests_are_noticed_and_replaced(tmp_path):
    books = Books()
    async with behind(tmp_path) as (running, proxy, backend):
        for number in range(5):
            await ask(running, books, f"u{number}", is_stream=False)
            await proxy.cut()
        await running.quiet()
        check(running, books, backend)
    assert all(map(is_good, books.answers.values()))


@pytest.mark.parametrize(
    "fault",
    [Fault(act=Act.RESET, at=30), Fault(act=Act.RESET, at=200), Fault(act=Act.HALF_CLOSE, at=100)],
    ids=lambda fault: f"{fault.act.value}-{fault.at}",
)
async def test_a_caller_that_breaks_off_leaves_one_record_or_none_and_no_slot(tmp_path, fault):
    """The proxy is between the caller and the gateway here."""
    async with Backend(seed=1, pause_s=0.002, pieces=PIECES) as backend:
        async with plane(tmp_path, backend.base_url.removesuffix("/v1"), config=CONFIG) as running:
            async with FaultProxy(running.port) as proxy:
                gateway, running.port = running.port, proxy.port
                proxy.requests = fault
                books = Books()
                for number in range(4):
                    async with asyncio.timeout(5):
                        await ask(running, books, f"s{number}", is_stream=True)
                running.port = gateway
            await running.quiet()
            assert not any(map(is_good, books.answers.values()))
            assert len(running.of_kind("settled")) == len(running.of_kind("admitted")) <= 4
            assert_idle(running)


@pytest.mark.parametrize("fault", [Fault(slice=1), Fault(rate=50_000, slice=64)])
async def test_a_caller_behind_a_bad_line_gets_the_same_bytes(tmp_path, fault):
    async with Backend(seed=1, pause_s=0.002, pieces=PIECES) as backend:
        async with plane(tmp_path, backend.base_url.removesuffix("/v1"), config=CONFIG) as running:
            async with FaultProxy(running.port) as proxy:
                gateway, running.port = running.port, proxy.port
                proxy.requests = proxy.answers = fault
                books = Books()
                await ask_all(running, books, count=2)
                running.port = gateway
            check(running, books, backend)
    for marker, answer in books.answers.items():
        assert is_good(answer)
        assert marker.startswith("u") or answer.body == whole_stream(marker, PIECES)
