"""What a worker holds of rollouts: what it was told last, until it is told otherwise."""

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.config.snapshot import Route, Version
from llmgateway.dataplane.staged import MAX_ROUTES, Staged
from llmgateway.routing.staged import StagedWeight

ROUTE = Route("chat", (Version("v1", "1", (), weight=1), Version("v2", "2", ())))


def told(name="n1", **weights):
    routes = {route: StagedWeight(f"r-{route}", 3, "v2", weight, b"k").told() for route, weight in weights.items()}
    return {"name": name, "routes": routes}


@pytest.fixture
def exchange():
    return ExchangeFactory().exchange()


def test_the_split_is_noted_in_the_exchange(exchange):
    staged = Staged()
    assert staged.take(told(chat=1.0)) == "n1" == staged.held
    split = staged.split(ROUTE, "ann", exchange)
    assert split.choose("ann", 0.0).version.name == "v2"
    assert (exchange.rollout, exchange.epoch) == ("r-chat", 3)
    assert exchange.unit == StagedWeight("r-chat", 3, "v2", 1.0, b"k").unit("ann")


def test_without_a_sticky_key_there_is_no_unit(exchange):
    staged = Staged()
    staged.take(told(chat=0.5))
    assert staged.split(ROUTE, None, exchange) is not None
    assert exchange.unit is None


def test_all_rollouts_are_told_at_once_so_one_that_is_not_is_over(exchange):
    staged = Staged()
    staged.take(told(chat=0.5))
    staged.take(told("n2", other=0.5))
    assert staged.split(ROUTE, "ann", exchange) is None
    assert exchange.rollout is None
    staged.take(told("n3"))
    assert not staged.is_any


def test_a_route_of_the_next_configuration_has_a_split_of_its_own(exchange):
    staged = Staged()
    staged.take(told(chat=0.5))
    before = staged.split(ROUTE, "ann", exchange)
    assert staged.split(ROUTE, "bob", exchange) is before
    without = Route("chat", ROUTE.versions[:1])
    assert staged.split(without, "ann", exchange) is None
    assert staged.split(ROUTE, "ann", exchange) is not before


@pytest.mark.parametrize("nonsense", [{}, {"routes": []}, {"routes": dict.fromkeys(map(str, range(MAX_ROUTES + 1)))}])
def test_what_makes_no_sense_changes_nothing(nonsense):
    staged = Staged()
    staged.take(told(chat=0.5))
    assert staged.take(nonsense) == "n1"
    assert staged.is_any
