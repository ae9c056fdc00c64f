"""What comes into the queue by itself, and how much of it."""

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from tests.support.scores import judgement, score

from llmgateway.config.review import Review
from llmgateway.domain.review import Reason
from llmgateway.review import hooks

ALL = Review(random=1.0, near_threshold=1.0, thumbs_down=1.0)
NONE = Review()


@pytest.fixture
def make():
    return ExchangeFactory()


def test_nothing_comes_where_nothing_is_asked_for(make):
    row = make.row(verdicts=[verdict(action="flag")])
    assert hooks.reason_of_row(row, NONE) is None
    assert not hooks.is_thumb_down(score(make, row["id"], value=False), row["id"], NONE)


@pytest.mark.parametrize(
    ("said", "is_near"),
    [
        ([], False),
        ([verdict(action="flag")], True),
        ([verdict(action="block", mode="observe")], True),
        ([verdict(action="block")], False),
        ([verdict(action="redact")], False),
        ([verdict(action="block"), verdict(action="flag")], True),
    ],
)
def test_what_guardrails_let_pass_with_a_finding_is_near_their_threshold(make, said, is_near):
    rates = Review(near_threshold=1.0)
    assert (hooks.reason_of_row(make.row(verdicts=said), rates) is Reason.NEAR_THRESHOLD) is is_near


def test_only_answered_exchanges_of_routes_and_no_copies_are_drawn(make):
    rates = Review(random=1.0)
    assert hooks.reason_of_row(make.row(), rates) is Reason.RANDOM
    for changes in ({"end": "interrupted"}, {"shadow_of": make.mint()}, {"route": None}):
        assert hooks.reason_of_row(make.row(**changes), rates) is None


def test_what_a_replay_asked_is_no_traffic_and_is_not_drawn(make):
    asked = {"tags": {"replay": "r1"}, "verdicts": [verdict(action="flag")]}
    assert hooks.reason_of_row(make.row(**asked, assigned_by="pin"), ALL) is None
    assert (
        hooks.reason_of_row(make.row(**asked, assigned_by="split"), ALL) is Reason.NEAR_THRESHOLD
    )  # a caller's own tag


def test_the_share_is_of_the_exchanges_hashes(make):
    rows = [make.row() for _ in range(3_000)]
    drawn = [row["id"] for row in rows if hooks.reason_of_row(row, Review(random=0.2))]
    assert len(drawn) / 3_000 == pytest.approx(0.2, abs=0.03)
    more = [row["id"] for row in rows if hooks.reason_of_row(row, Review(random=0.4))]
    assert set(drawn) < set(more)


def test_a_thumb_down_is_a_user_s_no(make):
    name = make.mint()
    assert hooks.is_thumb_down(score(make, name, value=False), name, ALL)
    assert not hooks.is_thumb_down(score(make, name, value=True), name, ALL)
    assert not hooks.is_thumb_down(judgement(make, name, value=0.0), name, ALL)


def test_so_many_in_an_hour_and_then_again(make):
    allowance = hooks.Allowance()
    assert [allowance.take(100.0 + at, 3) for at in range(5)] == [True, True, True, False, False]
    assert not allowance.take(100.0 + 3_599.9, 3)
    assert allowance.take(100.0 + 3_600.0, 3)
    assert not allowance.take(100.0 + 3_600.5, 3)
