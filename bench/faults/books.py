"""The three ledgers held against each other by exchange id: the callers', the backend's, the store's.

`tests.support.ledger.audit` finds what is lost, doubled or invented; here is the rest: do they agree about each
exchange, and how often was a backend asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.ledger import Ledger, Row, audit

from bench.faults.figure import Figure, at_most, none_of

UNARY_USAGE: Final = (7, 3)  # what tests.support.killing_backend says of each whole answer
CALLS: Final = 1.2


@dataclass(frozen=True, slots=True)
class Books:
    """What a load left behind. `problems`: lost, doubled, invented. `disagreements`: status or usage."""

    requests: int
    acknowledged: int
    failures: Sequence[str]
    problems: Sequence[str]
    disagreements: Sequence[str]
    calls: int

    @property
    def calls_a_request(self) -> float:
        return self.calls / self.requests if self.requests else 0.0

    def figures(self) -> list[Figure]:
        """The lines that every test with ledgers has."""
        return [
            none_of("acknowledged exchanges lost, doubled or invented", self.problems),
            none_of("exchanges whose status or usage the ledgers disagree about", self.disagreements),
            at_most("backend calls a request", self.calls_a_request, CALLS),
        ]


def compare(ledger: Ledger, heard: Mapping[str, int], rows: Sequence[Row], attempts: Sequence[Row]) -> Books:
    """Hold the books against each other. Rows of other loads, told by the ledger's prefix, are left out."""
    exchanges = [row for row in rows if str(row["user"]).startswith(f"{ledger.prefix}-")]
    seqs = {row["seq"] for row in exchanges}
    ours = [row for row in attempts if row["exchange_seq"] in seqs]
    asked = {marker: count for marker, count in heard.items() if marker.startswith(f"{ledger.prefix}-")}
    return Books(
        requests=len(ledger.requests),
        acknowledged=ledger.acknowledged,
        failures=[f"{each.marker} {each.failure}" for each in ledger.failures],
        problems=audit(ledger, asked, exchanges, ours),
        disagreements=_disagreements(ledger, exchanges),
        calls=sum(asked.values()),
    )


def _disagreements(ledger: Ledger, exchanges: Sequence[Row]) -> list[str]:
    found = []
    for row in exchanges:
        request = ledger.requests.get(row["user"])
        if request is None or not request.is_acknowledged or row["end"] != "completed":
            continue  # nobody's, or not finished: the audit speaks of those
        if row["status"] != request.status:
            found.append(f"{request.marker}: {request.status} was sent, {row['status']} is stored")
        elif not _is_usage_right(row, is_stream=request.is_stream):
            found.append(f"{request.marker}: usage {_usage(row)}, the backend said {UNARY_USAGE}")
    return found


def _is_usage_right(row: Row, *, is_stream: bool) -> bool:
    """The backend counts whole answers; of its streams the gateway has to make an estimate."""
    return all(count is not None and count > 0 for count in _usage(row)) if is_stream else _usage(row) == UNARY_USAGE


def _usage(row: Row) -> tuple[Any, Any]:
    return row["input_tokens"], row["output_tokens"]
