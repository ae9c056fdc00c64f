"""The quick way to a cost gives what the long one does, and is taken only where it may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.snapshot import Backend, Snapshot
from llmgateway.controlplane.pricing import Prices, Rate, Rates, cost

RATE = st.one_of(st.none(), st.builds(Rate, st.floats(0, 1e-3), st.sampled_from([(), ((100, 0.5),)])))
COUNT = st.one_of(st.none(), st.integers(0, 10_000))
RATES = st.builds(Rates, RATE, RATE, RATE, RATE, RATE, st.sampled_from([0.0, 0.25]))
USAGE = st.fixed_dictionaries(dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"), COUNT))  # fmt: skip


class Fixed(Prices):
    """Every model costs the same."""

    def __init__(self, rates: Rates | None) -> None:
        super().__init__(Snapshot(1, backends={"b": Backend("b", "openai", "http://127.0.0.1:9")}))
        self.rates = rates

    def _resolve(self, key: object) -> Rates | None:
        return self.rates


@given(RATES, USAGE, st.booleans())
def test_both_ways_lead_to_the_same_cost(rates: Rates, usage: dict[str, Any], is_whole: bool) -> None:
    names = ("route", "served_version", "assigned_version", "response_model", "request_model")
    row = {"at": 1_790_000_000.0, "attempts": [{"backend": "b"}], **usage} | (dict.fromkeys(names) if is_whole else {})
    assert Fixed(rates).cost(row) == cost(rates, usage)


@pytest.mark.parametrize(
    ("rates", "flat"),
    [
        (Rates(Rate(1.0), Rate(2.0)), (1.0, 2.0)),
        (Rates(Rate(1.0), Rate(2.0), Rate(3.0), Rate(4.0)), (1.0, 2.0)),
        (Rates(None, Rate(2.0)), None),
        (Rates(Rate(1.0), None), None),
        (Rates(Rate(1.0, ((5, 2.0),)), Rate(2.0)), None),
        (Rates(Rate(1.0), Rate(2.0, ((5, 2.0),))), None),
        (Rates(Rate(1.0), Rate(2.0), reasoning=Rate(3.0)), None),
        (Rates(Rate(1.0), Rate(2.0), request_usd=0.1), None),
    ],
)
def test_prices_are_flat_when_nothing_but_the_two_counts_matters(
    rates: Rates, flat: tuple[float, float] | None
) -> None:
    assert rates.flat() == flat


def test_a_model_without_a_price_is_asked_for_once() -> None:
    prices = Fixed(None)
    row = {"at": 1.0, "attempts": [], "input_tokens": 1, "output_tokens": 1}
    assert prices.cost(row) is None
    assert prices.cost(row) is None
    assert len(prices._cache) == 1


@pytest.mark.parametrize("name", ["cached_tokens", "cache_write_tokens", "reasoning_tokens"])
def test_parts_of_the_prompt_that_cost_less_or_more_are_not_lost_on_the_quick_way(name: str) -> None:
    rates = Rates(Rate(1.0), Rate(2.0), Rate(0.1), Rate(1.25))
    usage = {"input_tokens": 100, "output_tokens": 10, name: 40}
    row = {"at": 1.0, "attempts": [], **usage}
    expected = {"cached_tokens": 64.0 + 20.0, "cache_write_tokens": 110.0 + 20.0, "reasoning_tokens": 120.0}[name]
    assert Fixed(rates).cost(row) == cost(rates, usage) == pytest.approx(expected)


def test_an_attempt_that_lost_a_race_is_paid_for_at_its_own_price() -> None:
    class ByVersion(Fixed):
        def _resolve(self, key: Any) -> Rates | None:
            return {"v1": Rates(Rate(1.0), Rate(2.0)), "v2": Rates(Rate(10.0), Rate(20.0))}.get(key[3])

    lost = {"backend": "b", "version": "v2", "result": "lost", "input_tokens": 5, "output_tokens": 1}
    won = {"backend": "b", "version": "v1", "result": "ok", "input_tokens": None, "output_tokens": None}
    names = {
        "route": "r",
        "served_version": "v1",
        "assigned_version": "v2",
        "response_model": None,
        "request_model": "r",
    }
    usage = dict.fromkeys(("cached_tokens", "cache_write_tokens", "reasoning_tokens"))
    row = {"at": 0.0, "attempts": [won, lost], "input_tokens": 7, "output_tokens": 3, **usage, **names}
    assert ByVersion(None).cost(row) == 7 * 1.0 + 3 * 2.0 + 5 * 10.0 + 1 * 20.0
    assert ByVersion(None).cost(row | {"attempts": [won, lost | {"input_tokens": None}]}) == 13.0
    assert ByVersion(None).cost(row | {"attempts": [won, lost | {"version": "unknown"}]}) is None
