"""Prices: known ones exactly, unknown ones never as zero."""

from typing import Any

import pytest

from llmgateway.config.snapshot import Backend, Price, Route, Snapshot, Version
from llmgateway.controlplane import pricing
from llmgateway.controlplane.pricing import Prices, Rate, Rates, cost

OPENAI = Backend("cloud", "openai", "https://api.openai.com/v1")
LOCAL = Backend("local", "openai", "http://127.0.0.1:9000/v1")
FLAT = Rates(Rate(1.0), Rate(10.0), Rate(0.1), Rate(2.0))


def row(**changes: Any) -> dict[str, Any]:
    return {
        "at": 1_790_000_000.0, "route": "support", "served_version": "v1", "request_model": "support",
        "response_model": "gpt-4o-mini-2024-07-18", "input_tokens": 1_000_000, "output_tokens": 100_000,
        "attempts": [{"backend": "cloud"}],
    } | changes  # fmt: skip


def snapshot(*prices: Price, backend: Backend = OPENAI) -> Snapshot:
    version = Version("v1", "abc", (backend,), model="gpt-4o-mini")
    return Snapshot(
        1,
        backends={backend.name: backend},
        routes={"support": Route("support", (version,))},
        prices={price.model: price for price in prices},
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 100, "output_tokens": 10}, 200.0),
        ({"input_tokens": 100, "output_tokens": 10, "cached_tokens": 50}, 155.0),
        ({"input_tokens": 100, "output_tokens": 10, "cached_tokens": 50, "cache_write_tokens": 10}, 165.0),
        ({"input_tokens": 10, "output_tokens": 1, "cached_tokens": 100}, 30.0),  # counted beside the input
        ({"input_tokens": 0, "output_tokens": 0}, 0.0),
        ({"input_tokens": None, "output_tokens": None}, None),
        ({"input_tokens": 100, "output_tokens": None}, None),
        ({"input_tokens": None, "output_tokens": 10}, None),
    ],
)
def test_tokens_times_rates(usage: dict[str, Any], expected: float | None) -> None:
    assert cost(FLAT, usage) == (None if expected is None else pytest.approx(expected))


def test_what_has_no_output_price_needs_no_output_count() -> None:
    assert cost(Rates(Rate(1.0), None), {"input_tokens": 7, "output_tokens": None}) == 7.0


def test_a_tier_applies_to_every_token_once_the_input_is_above_it() -> None:
    tiered = Rates(Rate(1.0, ((100, 2.0), (200, 3.0))), Rate(1.0))
    assert [cost(tiered, {"input_tokens": count, "output_tokens": 0}) for count in (100, 101, 201)] == [
        100.0,
        202.0,
        603.0,
    ]


def test_reasoning_is_a_part_of_the_output() -> None:
    rates = Rates(Rate(0.0), Rate(1.0), reasoning=Rate(3.0))
    assert cost(rates, {"input_tokens": 1, "output_tokens": 10, "reasoning_tokens": 4}) == 6.0 + 12.0


async def test_the_list_knows_common_models() -> None:
    prices = Prices(snapshot())
    assert prices.cost(row()) is None  # not loaded yet: unknown, not free
    await prices.load()
    assert prices.cost(row()) == pytest.approx(0.15 + 0.06)
    assert prices.cost(row(cached_tokens=1_000_000)) == pytest.approx(0.075 + 0.06)


async def test_the_upstreams_model_is_asked_for_when_the_reply_names_none() -> None:
    prices = Prices(snapshot())
    await prices.load()
    assert prices.cost(row(response_model=None)) == pytest.approx(0.21)


async def test_a_model_nobody_lists_is_unknown() -> None:
    prices = Prices(snapshot())
    await prices.load()
    assert prices.cost(row(response_model="our-own", served_version="v9")) is None
    assert prices.cost(row(attempts=[])) is None
    assert prices.cost(row(attempts=[{"backend": "gone"}])) is None
    assert prices.cost(row(attempts=[{}])) is None


async def test_the_operators_price_comes_first() -> None:
    prices = Prices(snapshot(Price("gpt-4o-mini", 1.0, 2.0, 0.5)))
    await prices.load()
    assert prices.cost(row(response_model=None)) == pytest.approx(1.2)
    assert prices.cost(row(response_model=None, cached_tokens=1_000_000)) == pytest.approx(0.7)
    prices.configure(snapshot(backend=LOCAL))
    assert prices.cost(row(attempts=[{"backend": "local"}])) == pytest.approx(0.21)


async def test_prices_change_with_the_configuration() -> None:
    prices = Prices(snapshot(Price("house", 1.0, 1.0)))
    mine = row(response_model="house")
    assert prices.cost(mine) == pytest.approx(1.1)
    prices.configure(snapshot(Price("house", 2.0, 2.0)))
    assert prices.cost(mine) == pytest.approx(2.2)


async def test_a_model_is_looked_up_once_and_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = Prices(snapshot())
    await prices.load()
    asked = []
    monkeypatch.setattr(pricing, "look_up", lambda library, backend, model, at: asked.append(model))
    monkeypatch.setattr(pricing, "CACHE_SIZE", 8)
    for _ in range(3):
        prices.cost(row(response_model="strange"))
    assert asked.count("strange") == 1
    for number in range(100):
        prices.cost(row(response_model=f"model-{number}"))
    assert len(prices._cache) == 8


async def test_the_lists_own_caches_do_not_grow_with_callers_names() -> None:
    prices = Prices(snapshot())
    await prices.load()
    library = prices._library
    before = len(library._lookup_cache), len(library._provider_cache) + len(library._provider_misses)
    for number in range(50):
        prices.cost(row(response_model=f"gpt-4o-mini-{number}"))
    after = len(library._lookup_cache), len(library._provider_cache) + len(library._provider_misses)
    assert after[0] == before[0]
    assert after[1] <= before[1] + 2


async def test_a_price_may_depend_on_the_time_of_day() -> None:
    backend = Backend("ds", "deepseek", "https://api.deepseek.com/v1")
    prices = Prices(Snapshot(1, backends={"ds": backend}))
    await prices.load()
    day = row(attempts=[{"backend": "ds"}], response_model="deepseek-chat", at=1_740_830_400.0)  # 2025-03-01 12:00 UTC
    night = day | {"at": day["at"] + 8 * 3600}
    assert prices.cost(day) is not None
    assert prices.cost(day) != prices.cost(night)
