"""What the callers know, and how it is held against what the store says.

The store is read with sqlite3 and without the gateway's own code: an auditor does not use the books' own arithmetic.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SHOWN: Final = 5


@dataclass(slots=True)
class Request:
    """One request as its caller sees it. `marker` goes out in the body's `user` and comes back in the log."""

    marker: str
    is_stream: bool
    port: int | None = None  # the caller's own, once it is connected
    status: int | None = None
    exchange_id: str | None = None
    is_acknowledged: bool = False  # the caller has the last byte of a 2xx
    failure: str | None = None


@dataclass
class Ledger:
    """Every request that was sent, and what became of it. `prefix` keeps the markers of several loads apart."""

    prefix: str = "r"
    requests: dict[str, Request] = field(default_factory=dict)
    running: dict[str, Request] = field(default_factory=dict)
    failures: list[Request] = field(default_factory=list)
    acknowledged: int = 0

    def sent(self, *, is_stream: bool = False) -> Request:
        """Open the account of one more request."""
        request = Request(f"{self.prefix}-{len(self.requests):07d}", is_stream)
        self.requests[request.marker] = self.running[request.marker] = request
        return request

    def answered(self, request: Request) -> None:
        del self.running[request.marker]
        self.acknowledged += 1

    def failed(self, request: Request, error: BaseException) -> None:
        request.failure = f"{type(error).__name__}: {error}"
        del self.running[request.marker]
        self.failures.append(request)
        self.acknowledged += request.is_acknowledged


Row = Mapping[str, Any]


def stored(path: Path) -> tuple[list[Row], list[Row]]:
    """The exchanges and the attempts of a store, as they are in the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        exchanges = connection.execute(
            'SELECT seq, id, user, status, "end", stream, input_tokens, output_tokens, duration_s FROM exchange'
        ).fetchall()
        attempts = connection.execute("SELECT exchange_seq, ordinal, result FROM attempt").fetchall()
    return exchanges, attempts


def audit(ledger: Ledger, heard: Iterable[str], exchanges: list[Row], attempts: list[Row]) -> list[str]:
    """Hold the callers' and the backend's books against the store's. Returns what is wrong, a sentence each."""
    by_user = {row["user"]: row for row in exchanges}
    acknowledged = [request for request in ledger.requests.values() if request.is_acknowledged]
    ids = {row["id"] for row in exchanges}
    seqs = {row["seq"] for row in exchanges}
    found = {
        "exchanges are in the store twice": _repeated(row["id"] for row in exchanges),
        "requests have two exchanges": _repeated(row["user"] for row in exchanges),
        "attempts are in the store twice": _repeated((row["exchange_seq"], row["ordinal"]) for row in attempts),
        "attempts belong to no exchange": [
            str(row["exchange_seq"]) for row in attempts if row["exchange_seq"] not in seqs
        ],
        "acknowledged exchanges are missing": [each.marker for each in acknowledged if each.exchange_id not in ids],
        "acknowledged exchanges are not stored as completed": [
            f"{each.marker} {by_user[each.marker]['end']}"
            for each in acknowledged
            if each.marker in by_user and by_user[each.marker]["end"] != "completed"
        ],
        "acknowledged exchanges are stored under another id": [
            each.marker
            for each in acknowledged
            if each.marker in by_user and by_user[each.marker]["id"] != each.exchange_id
        ],
        "requests that the backend saw are missing": [marker for marker in heard if marker not in by_user],
        "exchanges are nobody's": [str(user) for user in by_user if user not in ledger.requests],
        "exchanges have no end": [row["id"] for row in exchanges if not row["end"]],
        "interrupted exchanges have a status": [
            row["id"] for row in exchanges if row["end"] == "interrupted" and row["status"] is not None
        ],
    }
    return [f"{len(cases)} {what}: {', '.join(cases[:SHOWN])}" for what, cases in found.items() if cases]


def _repeated(keys: Iterable[object]) -> list[str]:
    return [str(key) for key, count in Counter(keys).items() if count > 1]


class Counters:
    """What /metrics has shown so far. A counter that falls has forgotten something somebody relied on."""

    # The control process counts these for itself; Prometheus takes their fall for the restart that it is.
    OWN: Final = ("llmgateway_config_reloads", "llmgateway_task_failures", "llmgateway_log_damage")

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self.fallen: list[str] = []
        self.damage: dict[str, float] = {}
        self.scrapes = 0

    def scraped(self, text: str) -> None:
        """Take in one exposition."""
        self.scrapes += 1
        for series, value in samples(text):
            if series.startswith("llmgateway_log_damage_total") and "torn_tail" not in series and value:
                self.damage[series] = value  # a kill tears off the tail of a journal; nothing else
            if not _is_counter(series) or series.startswith(self.OWN):
                continue
            before = self._seen.get(series, 0.0)
            if value < before:
                self.fallen.append(f"{series} fell from {before:g} to {value:g}")
            self._seen[series] = max(before, value)

    def total(self, name: str) -> float:
        """The highest that was seen of a counter, over all its labels."""
        return sum(value for series, value in self._seen.items() if series.partition("{")[0] == name)


def samples(text: str) -> Iterable[tuple[str, float]]:
    """Series and values of an exposition in the text format."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.partition(" # ")[0].rpartition(" ")
            yield series, float(value)


def _is_counter(series: str) -> bool:
    return series.partition("{")[0].endswith(("_total", "_count", "_bucket", "_sum"))
