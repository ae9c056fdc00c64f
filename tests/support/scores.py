"""Scores for tests: what users send, and what others do."""

from typing import Any

from tests.support.exchanges import ExchangeFactory

from llmgateway.domain.score import DataType, Score, SourceKind


def score(make: ExchangeFactory, exchange_id: str | None = None, **changes: Any) -> Score:
    """A user's thumb up, given now, by the key of the factory's exchanges."""
    make.clock.advance(0.001)
    given: dict[str, Any] = {
        "id": make.mint(), "at": make.clock.time(), "name": "helpful", "data_type": DataType.BOOL, "value": True,
        "source_kind": SourceKind.USER, "source_id": "team-a", "exchange_id": exchange_id, "key": "team-a",
    }  # fmt: skip
    return Score(**(given | changes))


def judgement(make: ExchangeFactory, exchange_id: str, **changes: Any) -> Score:
    """A judge's number."""
    judge: dict[str, Any] = {
        "name": "relevance", "data_type": DataType.NUMBER, "value": 0.5, "source_kind": SourceKind.JUDGE,
        "source_id": "rubric-3", "key": None,
    }  # fmt: skip
    return score(make, exchange_id, **(judge | changes))
