"""What answers say of themselves, in every store: each once, in order, and never more than so many."""

from llmgateway.ports import fingerprints as port
from llmgateway.ports.fingerprints import Fingerprint
from llmgateway.store import sqlite_fingerprints
from llmgateway.store.salvage import salvage
from llmgateway.store.sqlite import SqliteStore


def seen(number, **changes):
    return Fingerprint("id-1", "one", "", "fingerprint", f"fp_{number}", float(number))._replace(**changes)


async def test_each_is_there_once_and_in_the_order_in_which_it_was_seen(store):
    await store.add_fingerprints([seen(2), seen(1)])
    await store.add_fingerprints([seen(1, at=9.0), seen(1, backend="two", at=3.0)])
    assert await store.fingerprints() == [seen(1), seen(2), seen(1, backend="two", at=3.0)]


async def test_what_a_backend_writes_can_be_stored(store):
    await store.add_fingerprints([seen(1, value="a\0b\ud800", at=1.0)])
    ((found),) = await store.fingerprints()
    assert "\0" not in found.value


async def test_the_oldest_go_when_there_are_too_many(store, monkeypatch):
    assert sqlite_fingerprints.MAX_FINGERPRINTS == port.MAX_FINGERPRINTS
    monkeypatch.setattr(sqlite_fingerprints, "MAX_FINGERPRINTS", 2)
    await store.add_fingerprints([seen(number) for number in range(4)])
    assert await store.fingerprints() == [seen(2), seen(3)]


async def test_what_can_be_read_of_a_damaged_store_has_them(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    await store.add_fingerprints([seen(1)])
    await store.close()
    salvage(tmp_path / "store.sqlite3", tmp_path / "fresh.sqlite3")
    fresh = SqliteStore(tmp_path / "fresh.sqlite3")
    await fresh.open()
    assert await fresh.fingerprints() == [seen(1)]
    await fresh.close()
