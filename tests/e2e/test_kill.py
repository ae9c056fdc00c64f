"""kill -9 under load: nothing that a caller has been told is forgotten, and nothing is told twice.

The long version is `make kill` (bench/kill.py).
"""

from collections import Counter

import pytest
from tests.support.killing import VICTIMS, campaign
from tests.support.ledger import Counters, Ledger, Request, audit

ROUNDS = 2


@pytest.mark.timeout(120)
@pytest.mark.parametrize("durability", ["process", "disk"])
async def test_whatever_is_killed_no_acknowledged_exchange_is_lost_or_doubled(tmp_path, durability):
    seed = {"process": 1, "disk": 2}[durability]
    victims = VICTIMS * (ROUNDS if durability == "process" else 1)
    async with campaign(tmp_path, seed=seed, durability=durability) as killing:
        rounds = [await killing.round(victim) for victim in victims]
        problems = await killing.settle()
    assert problems == []
    for one in rounds:
        assert one.strangers == [], one
        assert one.recovery_s < 15, one
        if one.victim == "one worker":
            assert one.failures <= one.connections, one
    ends = Counter(row["end"] for row in killing.exchanges)
    assert ends["completed"] >= killing.ledger.acknowledged > 200
    assert ends["interrupted"] > 0  # some were under way when their worker died
    assert killing.counters.scrapes > 5


# --- the auditor itself: a test of books that never finds anything wrong proves nothing


def books(*changes):
    """One acknowledged exchange as it should be, and what `changes` make of it."""
    ledger = Ledger(prefix="t")
    request = ledger.sent()
    request.exchange_id, request.status, request.is_acknowledged = "id-1", 200, True
    ledger.answered(request)
    row = {"seq": 1, "id": "id-1", "user": request.marker, "status": 200, "end": "completed", "stream": 0}
    rows, attempts = [row], [{"exchange_seq": 1, "ordinal": 0, "result": "ok"}]
    for change in changes:
        change(ledger, rows, attempts)
    return ledger, [request.marker], rows, attempts


def test_books_that_agree_have_no_problems():
    assert audit(*books()) == []


def failed(ledger, rows, attempts):
    request = ledger.sent()
    rows.append({"seq": 2, "id": "id-2", "user": request.marker, "status": None, "end": "interrupted", "stream": 1})
    ledger.failed(request, ConnectionResetError("gone"))


def test_an_exchange_that_nobody_saw_the_end_of_may_be_interrupted():
    assert audit(*books(failed)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ledger, rows, attempts: rows.clear(), "acknowledged exchanges are missing"),
        (lambda ledger, rows, attempts: rows.clear(), "requests that the backend saw are missing"),
        (lambda ledger, rows, attempts: rows.append(rows[0]), "exchanges are in the store twice"),
        (lambda ledger, rows, attempts: rows.append({**rows[0], "id": "id-9"}), "requests have two exchanges"),
        (lambda ledger, rows, attempts: rows[0].update(end="interrupted"), "not stored as completed"),
        (lambda ledger, rows, attempts: rows[0].update(id="id-9"), "under another id"),
        (lambda ledger, rows, attempts: rows[0].update(end="interrupted"), "interrupted exchanges have a status"),
        (lambda ledger, rows, attempts: rows[0].update(end=""), "exchanges have no end"),
        (lambda ledger, rows, attempts: rows.append({**rows[0], "user": "x", "id": "y"}), "exchanges are nobody's"),
        (lambda ledger, rows, attempts: attempts.append(attempts[0]), "attempts are in the store twice"),
        (lambda ledger, rows, attempts: attempts.append({"exchange_seq": 7, "ordinal": 0}), "belong to no exchange"),
    ],
)
def test_the_auditor_finds(change, problem):
    assert any(problem in found for found in audit(*books(change)))


def test_a_request_is_acknowledged_even_if_its_connection_breaks_afterwards():
    ledger = Ledger()
    request = ledger.sent(is_stream=True)
    request.is_acknowledged = True
    ledger.failed(request, ConnectionResetError("gone"))
    assert ledger.acknowledged == 1
    assert isinstance(request, Request)


def test_a_counter_that_falls_is_noticed_and_gauges_may_do_as_they_like():
    counters = Counters()
    counters.scraped('a_total{x="1"} 5.0 # {exchange_id="7"} 0.1 3.0\nb 9.0\nllmgateway_task_failures_total 3\n')
    counters.scraped('a_total{x="1"} 4.0\nb 2.0\nllmgateway_task_failures_total 0\n')
    assert counters.fallen == ['a_total{x="1"} fell from 5 to 4']
    assert counters.total("a_total") == 5


def test_damage_to_the_journal_is_noticed_unless_it_is_a_torn_tail():
    counters = Counters()
    counters.scraped('llmgateway_log_damage_total{kind="orphan"} 0\nllmgateway_log_damage_total{kind="torn_tail"} 1\n')
    assert counters.damage == {}
    counters.scraped('llmgateway_log_damage_total{kind="damaged"} 1\n')
    assert counters.damage == {'llmgateway_log_damage_total{kind="damaged"}': 1}
