"""Records of one incarnation become exchanges: what is open, what came twice, what is given up."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import REPLY, REQUEST, ExchangeFactory, ids
from tests.support.scores import score

from llmgateway.config.snapshot import Journal
from llmgateway.controlplane.follow import FollowCounts, Follower
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.exchange import Exchange
from llmgateway.domain.ids import named_id
from llmgateway.domain.score import Score
from llmgateway.journal import records
from llmgateway.journal.frame import seal, unpack
from llmgateway.journal.progress import Progress
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.writer import JournalWriter
from llmgateway.ports.store import Entry


class Line:
    """A journal and a follower behind it."""

    def __init__(self, root: Path) -> None:
        self.make = ExchangeFactory()
        self.writer = JournalWriter.open(root, Journal(reserve_bytes=0), SystemClock())
        self.reader = JournalReader(root)
        self.spoilt: list[tuple[str, Mapping[str, Any], Mapping[str, bytes]]] = []
        self.scores: list[Score] = []
        (tail,) = self.reader.discover({})
        self.counts = FollowCounts()
        self.follower = Follower(
            root / tail.name, tail, self.reader.fetch, lambda *record: self.spoilt.append(record), self.counts
        )

    def admit(self, exchange: Exchange) -> None:
        self.writer.append(records.admitted(exchange, records.Body(REQUEST, len(REQUEST))))

    def settle(self, exchange: Exchange) -> None:
        self.writer.append(records.settled(exchange, exchange.started + 1, records.Body(REPLY, len(REPLY))))

    def read(self) -> list[Entry]:
        entries: list[Entry] = []
        self.follower.read(1_000, 1 << 24, entries, self.scores)
        return entries

    def ids(self) -> list[str]:
        return ids(entry.row for entry in self.read())


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.writer.close()
    line.reader.close()


def test_exchanges_come_in_the_order_in_which_they_ended(line: Line) -> None:
    one, two = line.make.exchange(), line.make.exchange()
    line.admit(one)
    line.admit(two)
    line.settle(two)
    line.settle(one)
    entries = line.read()
    assert ids(entry.row for entry in entries) == [two.id, one.id]
    assert [[body.content for body in entry.bodies] for entry in entries] == [[REQUEST, REPLY]] * 2
    assert line.follower.low_water == line.follower.tail.position


@pytest.mark.parametrize("is_read_between", [True, False])
def test_admitted_twice_is_open_once_and_counts_where_it_was_seen_first(line: Line, *, is_read_between: bool) -> None:
    exchange = line.make.exchange()
    line.admit(exchange)
    if is_read_between:
        assert line.ids() == []
    line.admit(exchange)
    assert line.ids() == []
    assert line.follower.open == 1
    assert line.follower.low_water.offset == 0
    line.settle(exchange)
    assert line.ids() == [exchange.id]
    assert line.follower.open == 0
    assert line.follower.low_water == line.follower.tail.position


def test_admitted_before_settled_in_a_later_read_and_admitted_again_beside_it(line: Line) -> None:
    exchange = line.make.exchange()
    line.admit(exchange)
    assert line.ids() == []
    line.admit(exchange)
    line.settle(exchange)
    assert line.ids() == [exchange.id]
    assert line.follower.open == 0
    assert line.counts.orphans == 0


def test_beyond_the_bound_the_oldest_is_given_up_and_its_end_is_no_second_exchange_of_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.follower._progress = Progress(max_open=2)
    line.follower._open_ids = line.follower._progress.ids
    exchanges = [line.make.exchange() for _ in range(4)]
    for exchange in exchanges:
        line.admit(exchange)
    entries = line.read()
    assert ids(entry.row for entry in entries) == [exchanges[0].id, exchanges[1].id]
    assert {entry.row["end"] for entry in entries} == {"interrupted"}
    assert [body.content for body in entries[0].bodies] == [REQUEST]
    assert line.counts.interrupted == 2
    assert line.follower.open == 2


def test_more_than_the_bound_may_begin_and_end_in_one_read(line: Line) -> None:
    line.follower._progress = Progress(max_open=2)
    line.follower._open_ids = line.follower._progress.ids
    exchanges = [line.make.exchange() for _ in range(6)]
    for exchange in exchanges:
        line.admit(exchange)
    for exchange in exchanges:
        line.settle(exchange)
    assert line.ids() == [exchange.id for exchange in exchanges]
    assert line.counts.interrupted == 0


def test_what_does_not_add_up_is_put_aside_with_its_reason_and_without_its_bodies(line: Line) -> None:
    exchange = line.make.exchange()
    line.admit(exchange)
    prefix, text, body = records.settled(exchange, exchange.started + 1, records.Body(REPLY, len(REPLY)))
    broken = text.replace(b'[["reply",%d]]' % len(REPLY), b'[["reply",%d]]' % (len(REPLY) - 1))
    assert broken != text
    from llmgateway.journal.frame import HEADER, MAGIC

    assert len(prefix) == HEADER.size
    line.writer.append(_framed(MAGIC, broken, body))
    good = line.make.exchange()
    line.admit(good)
    line.settle(good)
    assert line.ids() == [good.id]
    ((reason, meta, blobs),) = line.spoilt
    assert (reason, meta["id"], blobs) == ("the record's bodies don't add up", exchange.id, {})


def _framed(magic: bytes, text: bytes, body: bytes) -> list[bytes]:
    import zlib

    covered = len(text).to_bytes(4, "little") + text + body
    return [magic + len(covered).to_bytes(4, "little") + zlib.crc32(covered).to_bytes(4, "little") + covered]


def test_what_users_say_comes_beside_the_exchanges_and_holds_nothing_up(line: Line) -> None:
    exchange = line.make.exchange()
    line.admit(exchange)
    said = [score(line.make, exchange.id), score(line.make, reference="order-1", comment="thanks")]
    for each in said:
        line.writer.append(records.scored(each, 1))
    assert line.read() == []
    assert line.scores == said
    assert line.follower.open == 1
    line.settle(exchange)
    assert line.ids() == [exchange.id]
    assert line.follower.low_water == line.follower.tail.position


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "17"}, {"id": None}, {"at": "now"}, {"at": -1.0}, {"at": True}, {"name": None}, {"name": 7},
        {"exchange_id": None}, {"value": None}, {"value": "up"}, {"data_type": "thumb"}, {"source_kind": "friend"},
        {"source_id": None}, {"comment": {}},
    ],
)  # fmt: skip
def test_what_is_no_score_is_put_aside_and_what_follows_gets_through(line: Line, changes: dict[str, Any]) -> None:
    good = score(line.make, named_id("exchange"))
    meta = unpack(b"".join(records.scored(good, 1))).meta | changes
    line.writer.append(seal(meta))
    line.writer.append(records.scored(good, 1))
    assert line.read() == []
    assert line.scores == [good]
    assert [given["k"] for _, given, _ in line.spoilt] == ["scored"]
