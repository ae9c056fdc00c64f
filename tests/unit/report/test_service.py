"""What was served, added up from what the store counted."""

import pytest
from tests.support.reports import START, failed, took, traffic

from llmgateway.domain.proportion import wilson
from llmgateway.ports.generations import SeenVersion
from llmgateway.report.figures import Share, Spread, spread_of
from llmgateway.report.outcomes import Outcome
from llmgateway.report.service import MAX_FAILURES, MAX_VERSIONS, service_of


def test_availability_counts_what_was_answered_or_failed_and_nothing_else():
    told = service_of(
        [
            traffic(90),
            failed(10),
            traffic(5, status=400, end="refused", error_code="guardrail_blocked"),
            traffic(3, status=429, end="refused", error_code="rate_limited"),
            traffic(2, end="client_closed", status=None),
            traffic(1, status=400),
            traffic(50, is_replay=True),
        ],
        [], [], [],
    )  # fmt: skip
    assert told.available == Share(90, 100)
    assert told.available.interval == wilson(90, 100)
    assert told.exchanges == 111
    assert told.replays == 50
    assert told.outcomes == {
        Outcome.ANSWERED: 90, Outcome.FAILED: 10, Outcome.BLOCKED: 5, Outcome.LIMITED: 3, Outcome.REFUSED: 1, Outcome.LEFT: 2,
    }  # fmt: skip
    assert (told.priced, told.cost_usd) == (111, 55.5)


def test_a_share_of_nothing_is_no_figure():
    told = service_of([], [], [], [])
    assert told.available.share is None
    assert (told.took, told.versions, told.periods) == (None, [], {})


def test_versions_are_told_by_what_they_answered_and_are_judged_by_what_was_assigned_to_them():
    told = service_of(
        [
            traffic(70, 0),
            traffic(20, 1, assigned="v2", served="v2", first_at=START + 5, last_at=START + 9),
            traffic(4, 1, assigned="v2", served="v1"),
            failed(6, 1, assigned="v2"),
        ],
        [took(74), took(20, 2.0, 1, "v2")],
        [took(7, 0.1)],
        [SeenVersion("support", "v1", "aaa", START - 9, 1), SeenVersion("support", "v1", "bbb", START - 5, 2)],
    )
    one, two = told.versions
    assert (one.name, one.answered, one.periods, one.available) == ("v1", 74, {0: 70, 1: 4}, Share(70, 70))
    assert (one.content, one.known_since) == ("bbb", START - 5)
    assert (two.answered, two.available) == (20, Share(24, 30)), "what another version rescued was answered"
    assert (two.first_at, two.last_at, two.content) == (START + 5, START + 9, None)
    assert (two.took, two.first_token, one.first_token) == (Spread(20, 2.0, 2.0), None, Spread(7, 0.1, 0.1))
    assert told.rescued == 4


def test_a_version_has_the_content_that_answered_and_not_one_that_came_later():
    seen = [SeenVersion("support", "v1", "aaa", START - 9, 1), SeenVersion("support", "v1", "bbb", START + 50, 2)]
    told = service_of([traffic(3, first_at=START + 1, last_at=START + 9)], [took(3)], [], seen)
    assert [each.content for each in told.versions] == ["aaa"]


def test_each_period_has_its_own_figures():
    told = service_of([traffic(3), failed(1), traffic(2, 4)], [took(3), took(2, 2.0, 4)], [], [])
    assert (told.periods[0].exchanges, told.periods[0].answered, told.periods[0].failed) == (4, 3, 1)
    assert told.periods[4].took == Spread(2, 2.0, 2.0)
    assert list(told.periods) == [0, 4]


def test_causes_are_told_the_commonest_first_and_not_all_of_them():
    told = service_of(
        [failed(2), failed(5, error_code=None, end="interrupted"), *(failed(1, error_code=f"c{at}") for at in range(20))], [], [], []
    )  # fmt: skip
    assert told.failures[:2] == [("interrupted", 5), ("upstream_error", 2)]
    assert len(told.failures) == MAX_FAILURES


def test_very_many_versions_are_not_all_told():
    told = service_of([traffic(at + 1, served=f"v{at}", assigned=None) for at in range(MAX_VERSIONS + 3)], [], [], [])
    assert len(told.versions) == MAX_VERSIONS
    assert told.versions[0].name == f"v{MAX_VERSIONS + 2}"
    assert told.versions_left_out == 3


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], None),
        ([(1.0, 1)], Spread(1, 1.0, 1.0)),
        ([(2.0, 5), (1.0, 95)], Spread(100, 1.0, 1.0)),
        ([(2.0, 6), (1.0, 94)], Spread(100, 1.0, 2.0)),
        ([(1.0, 1), (2.0, 1)], Spread(2, 1.0, 2.0)),
    ],
)
def test_quantiles_of_counted_values(told, expected):
    assert spread_of(told) == expected
