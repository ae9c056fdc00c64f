"""What an exchange says of its version: the short way says the same as the rule of rollouts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.exchanges import ExchangeFactory

from llmgateway.controlplane.drift.signs import _METRICS, FAILED, bad_signs, is_plain, is_traffic
from llmgateway.controlplane.rollouts.judging import bad_events
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.domain.exchange import End

MAKE = ExchangeFactory()
ODD = {
    "error_code": st.sampled_from([None, "guardrail_blocked", "upstream_error", "internal_error", "overloaded"]),
    "end": st.sampled_from([None, *(end.value for end in End)]),
    "status": st.sampled_from([None, 200, 400, 429, 502]),
    "served_version": st.sampled_from([None, "v1", "v2"]),
    "finish_reason": st.sampled_from([None, "stop", "end_turn", "length", "refusal", "tool_use", "whatever"]),
    "output_tokens": st.sampled_from([None, 0, 7]),
}


@given(st.fixed_dictionaries(ODD))
def test_the_short_way_says_what_the_rule_says(odd):
    row = MAKE.row(**odd)
    judged = bad_events(row, (), Slow(), _METRICS)
    said = bad_signs(row)
    assert (said is None) == (judged == {})
    if said is not None:
        assert set(said) == {name for name, is_bad in judged.items() if is_bad}
        assert (said is FAILED) == judged["error"]


@given(st.fixed_dictionaries(ODD))
def test_nothing_is_plain_that_the_rule_minds(odd):
    row = MAKE.row(**odd)
    if is_plain(row):
        assert not any(bad_events(row, (), Slow(), _METRICS).values())


def test_most_exchanges_are_plain():
    assert is_plain(MAKE.row(finish_reason="stop"))
    assert is_plain(MAKE.row(finish_reason="tool_calls"))
    assert is_plain(MAKE.row(finish_reason=None))


@pytest.mark.parametrize(
    ("changes", "counts"),
    [({}, True), ({"assigned_by": "split"}, True), ({"assigned_by": "pin"}, False), ({"shadow_of": "x"}, False)],
)
def test_copies_replays_and_pins_are_no_traffic(changes, counts):
    assert is_traffic(MAKE.row(**changes)) is counts
