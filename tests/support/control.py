"""Exchange rows, worker statuses and a control plane to test with."""

from typing import Any

from llmgateway.telemetry.histogram import LAG, empty

AT = 1_700_000_000.0


def attempt(**changes: Any) -> dict[str, Any]:
    return {"backend": "local", "kind": "first", "result": "ok", "total_s": 0.9} | changes


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A completed stream of version v1 of the route chat: one second, 11 output tokens, first one after 0.2 s."""
    return {
        "id": f"0190a0b0-0000-7000-8000-{number:012x}",
        "at": AT,
        "route": "chat",
        "assigned_version": "v1",
        "served_version": "v1",
        "stream": True,
        "status": 200,
        "end": "completed",
        "error_code": None,
        "duration_s": 1.2,
        "first_token_s": 0.2,
        "overhead_s": 0.0004,
        "input_tokens": 7,
        "output_tokens": 11,
        "cached_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "cost_usd": 0.5,
        "attempts": [attempt()],
    } | changes


def interrupted(**changes: Any) -> dict[str, Any]:
    """What the ingester writes for an exchange whose worker died: facts, hardly any outcome."""
    return {"id": "0190a0b0-0000-7000-8000-ffffffffffff", "at": AT, "route": "chat", "end": "interrupted"} | changes


def status(
    slot: int = 0, *, incarnation: str = "a", refused: int = 0, lagged: int = 0, **changes: Any
) -> dict[str, Any]:
    """The fields of a worker's status frame."""
    lag = empty(LAG)
    lag[0], lag[-1] = lagged, lagged * 0.0005
    return {
        "slot": slot,
        "pid": 100 + slot,
        "incarnation": incarnation,
        "generation": 1,
        "revision": None,
        "gauges": {
            "in_flight": {"chat": 2},
            "open_streams": {"chat": 1},
            "open_tunnels": {"chat": 1},
            "connections": 5,
            "pools": {"local": {"open": 3, "idle": 1}},
            "journal_full": 0,
            "slowest_write_s": 0.0002,
        },
        "counters": {"refused": {"invalid_api_key": refused}, "journal": {"records": 2 * refused}},
        "histograms": {"loop_lag": lag},
    } | changes
