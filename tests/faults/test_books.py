"""Three ledgers by exchange id: each way in which they can disagree is found."""

import pytest
from bench.faults.books import compare
from tests.support.ledger import Ledger


def three(change=None, *, is_stream=False):
    """Books of one exchange that agree, and what `change` makes of them."""
    ledger = Ledger(prefix="t")
    request = ledger.sent(is_stream=is_stream)
    request.exchange_id, request.status, request.is_acknowledged = "id-1", 200, True
    ledger.answered(request)
    row = {"seq": 1, "id": "id-1", "user": request.marker, "status": 200, "end": "completed", "stream": is_stream}
    rows = [{**row, "input_tokens": 7, "output_tokens": 3}]
    heard = {request.marker: 1}
    if change is not None:
        change(ledger, heard, rows)
    return compare(ledger, heard, rows, [{"exchange_seq": 1, "ordinal": 0, "result": "ok"}])


@pytest.mark.parametrize("is_stream", [False, True])
def test_books_that_agree(is_stream):
    books = three(is_stream=is_stream)
    assert (books.problems, books.disagreements, books.failures) == ([], [], [])
    assert (books.requests, books.acknowledged, books.calls_a_request) == (1, 1, 1.0)
    assert all(figure.holds for figure in books.figures())


def test_a_status_that_differs():
    books = three(lambda ledger, heard, rows: rows[0].update(status=500))
    assert books.disagreements == ["t-0000000: 200 was sent, 500 is stored"]
    assert [figure.holds for figure in books.figures()] == [True, False, True]


@pytest.mark.parametrize("usage", [{"output_tokens": 4}, {"input_tokens": None}, {"input_tokens": 0}])
def test_a_usage_that_differs(usage):
    assert len(three(lambda ledger, heard, rows: rows[0].update(usage)).disagreements) == 1


def test_the_usage_of_a_stream_is_an_estimate_and_has_to_be_one():
    assert three(lambda ledger, heard, rows: rows[0].update(output_tokens=99), is_stream=True).disagreements == []
    assert three(lambda ledger, heard, rows: rows[0].update(output_tokens=0), is_stream=True).disagreements


def test_an_exchange_that_is_missing_is_lost_and_no_disagreement():
    books = three(lambda ledger, heard, rows: rows.clear())
    assert any("missing" in problem for problem in books.problems)
    assert books.disagreements == []


def test_rows_and_calls_of_another_load_are_left_out():
    def other(ledger, heard, rows):
        heard["u-1"] = 9
        rows.append({**rows[0], "seq": 2, "id": "id-2", "user": "user-3"})

    books = three(other)
    assert books.problems == [] and books.calls == 1


def test_calls_are_counted_with_their_repetitions():
    assert three(lambda ledger, heard, rows: heard.update({"t-0000000": 2})).calls_a_request == 2.0
