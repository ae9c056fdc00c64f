"""Exchanges for tests, as the journal writes them and as the store keeps them."""

from collections.abc import Iterable
from typing import Any

from llmgateway.domain.clock import ManualClock
from llmgateway.domain.exchange import Attempt, AttemptKind, End, Exchange, Phase
from llmgateway.domain.ids import IdMint
from llmgateway.domain.operation import Operation
from llmgateway.domain.usage import Usage
from llmgateway.ports.store import COLUMNS, Body, Entry, Row

CHAT = Operation("chat")
REQUEST = b'{"model":"support","messages":[{"role":"user","content":"' + b"Where is my parcel? " * 60 + b'"}]}'
REPLY = b'{"id":"cmpl-1","choices":[{"message":{"content":"' + b"It is on its way. " * 45 + b'"}}]}'


class ExchangeFactory:
    """Makes exchanges, one millisecond after the other."""

    def __init__(self, *, start: float = 1_700_000_000.0) -> None:
        self.clock = ManualClock(time=start)
        self.mint = IdMint(self.clock.time)

    def exchange(self, **changes: Any) -> Exchange:
        """One that completed: one attempt, usage known."""
        self.clock.advance(0.001)
        now = self.clock.monotonic()
        exchange = Exchange(
            self.mint(), self.clock.time(), now, 1, "openai", CHAT, "POST", "/v1/chat/completions", "127.0.0.1"
        )
        exchange.key, exchange.route, exchange.request_model = "team-a", "support", "support"
        exchange.assigned_version = exchange.served_version = "0a1b2c3d4e5f"
        exchange.probability, exchange.request_bytes = 0.9, len(REQUEST)
        exchange.status, exchange.end, exchange.phase = 200, End.COMPLETED, Phase.SETTLE
        exchange.usage = Usage(120, 45, 20)
        exchange.response_model, exchange.finish_reason, exchange.reply_bytes = "gpt-4o-mini", "stop", len(REPLY)
        exchange.attempts = [
            Attempt(
                "primary", "0a1b2c3d4e5f", AttemptKind.FIRST, now, False, now + 0.01, now + 0.2, now + 0.5, 200, "ok"
            )
        ]
        exchange.dispatched, exchange.first_token, exchange.upstream_ended = now, now + 0.2, now + 0.5
        for name, value in changes.items():
            setattr(exchange, name, value)
        return exchange

    def row(self, **changes: Any) -> Row:
        """A row of the store, with every column, one attempt and no verdict."""
        exchange = self.exchange()
        row: Row = dict.fromkeys(COLUMNS)
        row.update(
            id=exchange.id, at=exchange.received_at, generation=1, key="team-a", dialect="openai", operation="chat",
            method="POST", path="/v1/chat/completions", peer="127.0.0.1", stream=False, request_model="support",
            route="support", assigned_version="v1", served_version="v1", tags={}, request_bytes=10, status=200,
            end="completed", phase="settle", duration_s=0.5, input_tokens=120, output_tokens=45, usage_estimated=False,
            response_model="gpt-4o-mini", reply_bytes=20, parse_errors=0, cost_usd=0.25,
            ended_at=exchange.received_at + 0.5,
        )  # fmt: skip
        row["attempts"] = [
            {"backend": "primary", "version": "v1", "kind": "first", "offset_s": 0.0, "reused": True, "connect_s": None,
             "first_byte_s": 0.2, "total_s": 0.5, "status": 200, "result": "ok", "detail": None,
             "input_tokens": None, "output_tokens": None}
        ]  # fmt: skip
        row["verdicts"] = []
        row.update(changes)
        return row

    def entry(self, **changes: Any) -> Entry:
        """A row with its request and reply."""
        bodies = (
            Body("request", "application/json", len(REQUEST), REQUEST),
            Body("reply", "application/json", len(REPLY), REPLY),
        )
        return Entry(self.row(**changes), bodies)

    def entries(self, count: int, **changes: Any) -> list[Entry]:
        return [self.entry(**changes) for _ in range(count)]


def verdict(**changes: Any) -> Row:
    """What a guardrail said."""
    said: Row = {
        "guardrail": "credentials", "plugin": "secrets", "version": "3", "stage": "request", "action": "redact",
        "mode": "enforce", "kind": "secret.token", "count": 1,
    }  # fmt: skip
    return said | changes


def copy_of(entry: Entry, make: ExchangeFactory, **changes: Any) -> Entry:
    """The copy that a shadow answered."""
    row = make.row(shadow_of=entry.row["id"], assigned_version="v2", served_version="v2", **changes)
    return Entry(row, (Body("reply", "application/json", 2, b"{}"),))


def ids(rows: Iterable[Row]) -> list[str]:
    return [row["id"] for row in rows]
