"""Halves of exchanges become rows."""

from typing import Any

import pytest
from tests.support.exchanges import REPLY, REQUEST, ExchangeFactory, verdict

from llmgateway.controlplane.merge import MalformedRecordError, kind_and_id, merged
from llmgateway.journal import records
from llmgateway.journal.frame import Record as Unpacked
from llmgateway.journal.frame import unpack
from llmgateway.ports.store import COLUMNS


class Half:
    """A record as the reader gives it."""

    def __init__(self, record: Unpacked) -> None:
        self.meta = record.meta
        self.content = record.blobs

    def blobs(self) -> dict[str, bytes]:
        return self.content


def halves(**changes: Any) -> tuple[Half, Half]:
    make = ExchangeFactory()
    exchange = make.exchange(**changes)
    first = records.admitted(exchange, records.Body(REQUEST, len(REQUEST)))
    last = records.settled(exchange, make.clock.monotonic() + 0.5, records.Body(REPLY, len(REPLY)))
    return Half(unpack(b"".join(first))), Half(unpack(b"".join(last)))


def test_an_exchange_has_facts_outcome_attempts_and_bodies() -> None:
    facts, outcome = halves()
    entry = merged(facts, outcome)
    assert set(entry.row) == {*COLUMNS, "attempts"}
    assert entry.row["end"] == "completed"
    assert entry.row["ended_at"] == pytest.approx(entry.row["at"] + 0.5)
    assert [attempt["backend"] for attempt in entry.row["attempts"]] == ["primary"]
    assert [(body.kind, body.content) for body in entry.bodies] == [("request", REQUEST), ("reply", REPLY)]


def test_merging_leaves_the_records_as_they_were() -> None:
    facts, outcome = halves()
    before = dict(facts.meta), dict(outcome.meta)
    merged(facts, outcome)
    assert (facts.meta, outcome.meta) == before


def test_without_an_outcome_it_was_interrupted_when_nobody_knows() -> None:
    facts, _ = halves()
    row = merged(facts, None).row
    assert (row["end"], row["status"], row["attempts"], row["duration_s"]) == ("interrupted", None, [], None)
    assert row["ended_at"] == row["at"]
    assert set(row) == {*COLUMNS, "attempts"}


def test_without_facts_the_id_tells_when_it_came() -> None:
    facts, outcome = halves()
    row = merged(None, outcome).row
    assert row["at"] == pytest.approx(facts.meta["at"], abs=0.001)
    assert (row["route"], row["status"]) == (None, 200)
    assert set(row) >= set(COLUMNS) - {"key", "dialect"}


@pytest.mark.parametrize("given", [None, 3, "x", {"a": 1}, [[]], [{"count": "many"}], [{"guardrail": ["x"]}]])
def test_verdicts_that_cannot_be_read_cost_no_exchange(given: Any) -> None:
    facts, outcome = halves()
    outcome.meta["verdicts"] = given
    row = merged(facts, outcome).row
    assert (row["verdicts"], row["verdicts_left_out"], row["end"]) == ([], 1, "completed")


def test_verdicts_of_a_record_are_the_rows() -> None:
    facts, outcome = halves(verdicts=[verdict(count=2), verdict(stage="reply")])
    assert merged(facts, outcome).row["verdicts"] == [verdict(count=2), verdict(stage="reply")]


def test_no_status_is_null() -> None:
    facts, outcome = halves(status=0)
    assert merged(facts, outcome).row["status"] is None


def test_a_refused_exchange_is_facts_and_outcome_in_one() -> None:
    make = ExchangeFactory()
    exchange = make.exchange(status=429, end="refused", attempts=[])
    record = unpack(b"".join(records.refused(exchange, make.clock.monotonic(), None)))
    row = merged(Half(record), None).row
    assert (row["status"], row["end"], row["route"]) == (429, "refused", "support")


def test_a_body_that_was_not_kept_has_its_size_and_hash() -> None:
    make = ExchangeFactory()
    body = records.Body(None, 99, sha256="ab")
    (kept,) = merged(Half(unpack(b"".join(records.admitted(make.exchange(), body)))), None).bodies
    assert (kept.content, kept.size, kept.sha256) == (None, 99, "ab")


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"k": "admitted"},
        {"k": "admitted", "id": 7},
        {"k": "admitted", "id": "x" * 36},
        {"k": "nonsense", "id": "018bcfe5-6803-7000-9cd5-a824485e4292"},
        {"k": ["settled"], "id": "018bcfe5-6803-7000-9cd5-a824485e4292"},
    ],
)
def test_what_no_worker_writes_is_malformed(meta: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecordError):
        kind_and_id(meta)


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "now"},
        {"duration_s": "long"},
        {"attempts": 3},
        {"attempts": [3]},
        {"request": 1},
        {"request": {"size": 1}},
    ],
)
def test_a_row_that_would_break_its_readers_is_malformed(changes: dict[str, Any]) -> None:
    facts, outcome = halves()
    facts.meta.update(changes)
    outcome.meta.update({name: value for name, value in changes.items() if name in outcome.meta})
    with pytest.raises(MalformedRecordError):
        merged(facts, outcome)
