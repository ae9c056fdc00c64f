"""By which name an item of a dataset is priced before it is asked."""

import pytest

from llmgateway.config.snapshot import Backend, Price, Route, Snapshot, Version
from llmgateway.controlplane.estimating import Estimate, add
from llmgateway.controlplane.pricing import Prices
from llmgateway.ports.datasets import DatasetItem

FACTS = {"at": 1.0, "input_tokens": 1_000_000, "output_tokens": 0}


def item(request=b'{"model":"gpt-x"}', **facts):
    return DatasetItem(0, "x", "h", "openai", "/v1/chat/completions", request=request, facts=FACTS | facts)


@pytest.mark.parametrize(
    ("route", "found", "cost"),
    [
        ("gpt-*", item(), 3.0),  # as the body says
        ("gpt-*", item(request_model="gpt-y"), 5.0),  # as it was logged
        ("gpt-*", item(b"{}"), None),
        ("gpt-x", item(b'{"model":"gpt-y"}'), 3.0),  # a route of one name is asked by that
    ],
)
def test_a_pattern_is_asked_as_it_was_and_priced_as_that(route, found, cost):
    versions = (Version("v1", "id", (Backend("one", "openai", "http://127.0.0.1:9/v1"),), weight=1),)
    snapshot = Snapshot(1, prices={name: Price(name, usd, 0.0) for name, usd in (("gpt-x", 3.0), ("gpt-y", 5.0))})
    estimate = Estimate()
    add(estimate, [found], Prices(snapshot), Route(route, versions), versions)
    assert (estimate.cost_usd, estimate.unpriced) == ((cost or 0.0), int(cost is None))
