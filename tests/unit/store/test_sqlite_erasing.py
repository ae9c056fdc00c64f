"""Nothing of what is erased is left in the file: not in free pages, not in the gaps of pages that are in use."""

import random

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.erasures import Erasure, Stage, Whose
from llmgateway.ports.store import Body, Entry
from llmgateway.store.sqlite import SqliteStore

USER = b"canary-4711"
COUNT = 3_000


@pytest.fixture
async def store(tmp_path):
    """A store with the user's exchanges between others', and with some that retention has taken."""
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    make, draw = ExchangeFactory(), random.Random(7)
    for _ in range(COUNT // 100):
        entries = []
        for _ in range(100):
            user = draw.choice((USER, USER, b"somebody-else"))
            bodies = [
                Body(kind, "application/json", 1, user + draw.randbytes(draw.choice((60, 150, 300, 1_200, 6_000))))
                for kind in ("request", "reply")
            ]
            name = user.decode()
            reference = f"{name}-{draw.random()}" if draw.random() < 0.5 else None
            row = make.row(user=name, session=f"s-{name}", tags={"who": name}, caller_request_id=reference)
            row["attempts"][0]["detail"] = f"said {name}"
            entries.append(Entry(row, bodies))
        await store.append(entries, [], [], None)
    await store.purge_bodies(1_700_000_000 + COUNT / 10_000, limit=1_000)
    await store.purge_exchanges(1_700_000_000 + COUNT / 30_000, limit=1_000)
    yield store, make
    await store.close()


async def erase(store, make):
    erasure = Erasure(make.mint(), make.clock.time() + 1, "bob", ("user",), whose=Whose(user=USER.decode()))
    await store.add_erasure(erasure)
    while erasure.stage is not Stage.CLEANING:
        if erasure.stage is Stage.COMPARING:
            erasure = await store.compared(erasure.id, (), is_all=True)
        elif erasure.stage is Stage.WAITING:
            erasure = await store.let_go(erasure.id, files=0)
        else:
            erasure = await store.advance_erasure(erasure.id)
    while free := (await store.stats()).free_bytes:
        await store.shrink(free)
    assert await store.clean()
    return erasure


def left_in(store):
    """How often the user stands in each file."""
    return {path.name: found for path in store.path.parent.iterdir() if (found := path.read_bytes().count(USER))}


async def test_no_page_has_anything_of_it(store):
    """Were rows made shorter at once, what SQLite moves to close the gaps would be left in some of its pages."""
    store, make = store
    assert sum(left_in(store).values()) > COUNT
    done = await erase(store, make)
    assert done.erased > COUNT / 2
    assert left_in(store) == {}
