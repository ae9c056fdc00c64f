"""Bodies are packed with a dictionary that must outlive them."""

from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from tests.support.exchanges import REPLY, REQUEST, ExchangeFactory

from llmgateway.ports.store import BODY_KINDS, Body, Entry, StoreRefusedError
from llmgateway.store import dictionary
from llmgateway.store.rows import DICTIONARY_BELOW, BodyCodec
from llmgateway.store.sqlite import SqliteStore

# A body packed with a dictionary is lost without it: no dictionary of a release may ever change.
KNOWN = {"bodies-1.zdict": "6e7892b145272cc98615ca32c9c1466ad37de27294d6eb75fec8dfe72dae4ac1"}


def packed(content: bytes) -> bytes:
    *_, codec, stored = BodyCodec().values(1, Body("request", "application/json", len(content), content))
    assert codec == "zstd"
    return stored


def test_the_dictionary_is_the_one_that_bodies_were_packed_with() -> None:
    assert sha256(dictionary.current().as_bytes()).hexdigest() == KNOWN[dictionary.CURRENT]


def test_a_small_body_names_the_dictionary_and_a_large_one_needs_none() -> None:
    assert zstandard.get_frame_parameters(packed(REQUEST)).dict_id == dictionary.current().dict_id()
    assert zstandard.get_frame_parameters(packed(REQUEST * 10)).dict_id == 0
    assert len(REQUEST) < DICTIONARY_BELOW < len(REQUEST * 10)


def test_the_dictionary_is_worth_it() -> None:
    body = (
        b'{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"gpt-4o-mini","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"Hello there, how may I help?","refusal":null,"annotations":[]},"logprobs"'
        b':null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}'
    )
    alone = zstandard.ZstdCompressor(level=1).compress(body)
    assert len(packed(body)) < 0.5 * len(alone)


@pytest.mark.parametrize(
    "content", [REQUEST, REPLY, REQUEST * 10, b"x" * (DICTIONARY_BELOW - 1), b"x" * DICTIONARY_BELOW]
)
def test_both_kinds_come_back(content: bytes) -> None:
    codec = BodyCodec()
    body = Body("events", "text/event-stream", len(content), content)
    assert codec.body(codec.values(1, body)[1:]) == body


def test_a_body_that_was_packed_without_a_dictionary_comes_back() -> None:
    stored = zstandard.ZstdCompressor(level=3).compress(REQUEST)
    assert BodyCodec().body((0, "application/json", 9, None, 0, "zstd", stored)).content == REQUEST


def test_a_dictionary_of_a_newer_version_is_asked_for_by_number() -> None:
    samples = [REQUEST + bytes([at % 251]) * (at % 90) for at in range(400)]
    foreign = zstandard.train_dictionary(1024, samples, dict_id=40_000)
    stored = zstandard.ZstdCompressor(dict_data=foreign).compress(REQUEST)
    with pytest.raises(StoreRefusedError, match="dictionary 40000"):
        BodyCodec().body((0, "application/json", 9, None, 0, "zstd", stored))


@pytest.mark.parametrize("damage", [lambda at: at[:9], lambda at: at[:3], lambda at: b"\0" + at[1:], lambda _: b""])
def test_a_damaged_body_is_refused_as_the_port_has_it(damage) -> None:
    stored = damage(zstandard.ZstdCompressor().compress(REQUEST))
    with pytest.raises(StoreRefusedError, match="a body is damaged"):
        BodyCodec().body((0, "application/json", 9, None, 0, "zstd", stored))


async def test_a_purge_takes_all_kinds_of_an_exchanges_bodies_and_none_of_its_neighbours(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    make = ExchangeFactory()
    kinds = [Body(kind, "text/plain", 3, b"abc") for kind in BODY_KINDS]
    entries = [Entry(make.row(), kinds) for _ in range(3)]
    await store.append(entries, [], [], None)
    seqs = [entry.row["seq"] for entry in entries]
    assert await store.bodies(seqs) == dict.fromkeys(seqs, kinds)
    assert await store.purge_exchanges(None, limit=1) == 1
    assert await store.bodies(seqs) == dict.fromkeys(seqs[1:], kinds)
    assert await store.purge_bodies(make.clock.time() + 1, limit=4) == 4
    assert await store.bodies(seqs) == {seqs[2]: kinds[1:]}
    await store.close()
