"""The state table, the counters and the back-off; as a random walk, too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.snapshot import HealthRules
from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.routing.health import (
    EJECTED,
    HALF_OPEN,
    IN,
    MAX_COOL_S,
    TABLE,
    Blame,
    Health,
    Reason,
    Record,
    State,
    Step,
    blame,
    cool_s,
    length_s,
    verdict,
)

RULES = HealthRules(consecutive=5, error_share=0.3, min_attempts=20, window_s=10, eject_s=5, eject_max_s=300)
AT = 1_000.0


def test_the_table_has_no_dead_end():
    for state in State:
        assert any(before is state for before, _ in TABLE)
        assert any(after is state for after in TABLE.values())


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_a_step_that_is_not_in_the_table_changes_nothing(state, step):
    health = Health(state)
    assert health.step(step) == ((state, step) in TABLE)
    assert health.state == TABLE.get((state, step), state)


def test_an_ejection_lasts_twice_as_long_each_time_up_to_the_bound():
    assert [length_s(count, RULES) for count in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert length_s(10**6, RULES) == 300


def test_a_failed_attempt_takes_it_out_for_longer():
    health, now, lengths = Health(), AT, []
    health.eject(Reason.CONSECUTIVE, now, RULES)
    for _ in range(4):
        lengths.append(health.until - now)
        now = health.until
        assert health.is_over(now)
        health.step(Step.LAPSE)
        assert health.fail(Reason.CONSECUTIVE, now, RULES)
    assert lengths == [5, 10, 20, 40]


def test_the_back_off_falls_again_while_all_is_well():
    health = Health()
    health.eject(Reason.CONSECUTIVE, AT, RULES)
    for _ in range(3):
        health.step(Step.LAPSE)
        health.fail(Reason.CONSECUTIVE, AT, RULES)
    health.step(Step.LAPSE)
    health.back_in(Step.PASS, AT)
    assert health.count == 4
    health.eject(Reason.CONSECUTIVE, AT + 1, RULES)
    assert health.count == 5, "it flaps: longer still"
    health.back_in(Step.HEAL, AT + 1)
    health.eject(Reason.CONSECUTIVE, AT + 1 + 3 * 80, RULES)
    assert health.count == 3, "well for three times the last ejection"
    health.back_in(Step.HEAL, AT + 500)
    health.eject(Reason.CONSECUTIVE, AT + 90_000, RULES)
    assert health.count == 1


def test_nobody_is_ejected_twice():
    health = Health()
    assert health.eject(Reason.SLOW, AT, RULES)
    assert not health.eject(Reason.CONSECUTIVE, AT + 4, RULES)
    assert (health.reason, health.until) == (Reason.SLOW, AT + 5)
    assert not health.is_over(AT + 4.9)


def test_every_fault_of_a_backend_counts_and_none_of_a_caller_does():
    assert {code for code in ERRORS if blame(code) is not Blame.NONE} == {
        code for code, kind in ERRORS.items() if kind.fault is Fault.UPSTREAM
    } - {"no_healthy_upstream", "upstream_too_long"}
    assert blame("upstream_auth") is Blame.AT_ONCE
    assert blame("upstream_rate_limited") is Blame.COOLS
    for code in ("invalid_json", "overloaded", "client_closed", "log_store_full", "loop_detected", "nonsense"):
        assert blame(code) is Blame.NONE


@pytest.mark.parametrize(
    ("asked", "given_s"), [(None, 1.0), (0.0, 0.0), (-5.0, 0.0), (7.0, 7.0), (10.0**9, MAX_COOL_S)]
)
def test_a_pause_is_what_the_backend_asks_for_up_to_a_minute(asked, given_s):
    assert cool_s(asked) == given_s


def test_faults_in_a_row():
    record = Record(10)
    for _ in range(4):
        record.fault(AT)
    assert verdict(record, RULES, AT) is None
    record.ok(AT)
    for _ in range(4):
        record.fault(AT)
    assert verdict(record, RULES, AT) is None, "an answer in between"
    record.fault(AT)
    assert verdict(record, RULES, AT) is Reason.CONSECUTIVE
    assert verdict(record, RULES, AT + 11) is None, "long ago"


def test_a_share_of_errors_counts_only_among_enough_attempts():
    record = Record(10)
    for at in range(18):
        record.fault(AT) if at % 3 == 0 else record.ok(AT)
    assert verdict(record, RULES, AT) is None
    record.fault(AT)
    record.ok(AT)
    assert (record.attempts, record.faults) == (20, 7)
    assert verdict(record, RULES, AT) is Reason.ERROR_SHARE
    record.ok(AT)
    record.add(2, 0, AT)
    assert verdict(record, RULES, AT) is Reason.ERROR_SHARE
    record.add(1, 0, AT)
    assert verdict(record, RULES, AT) is None


def test_what_is_older_than_the_window_is_forgotten():
    record = Record(10)
    record.add(100, 90, AT)
    assert verdict(record, RULES, AT + 8.9) is Reason.ERROR_SHARE
    assert verdict(record, RULES, AT + 10) is None
    assert (record.attempts, record.faults) == (0, 0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200))
def test_the_window_is_never_wrong(steps):
    record, now, seen = Record(10), AT, []
    for pause, is_ok in steps:
        now += pause
        record.ok(now) if is_ok else record.fault(now)
        seen.append((int(now / 1.0), is_ok))
        inside = [ok for slot, ok in seen if slot > int(now / 1.0) - 10]
        assert record.attempts == len(inside)
        assert record.faults == len(inside) - sum(inside)


@given(st.lists(st.tuples(st.sampled_from(["eject", "lapse", "pass", "fail", "heal"]), st.floats(0, 400)), max_size=60))
def test_whatever_happens_times_and_counts_make_sense(steps):
    health, now = Health(), AT
    for what, pause in steps:
        now += pause
        if what == "eject":
            health.eject(Reason.CONSECUTIVE, now, RULES)
        elif what == "fail":
            health.fail(Reason.CONSECUTIVE, now, RULES)
        elif what == "lapse":
            if health.is_over(now):
                health.step(Step.LAPSE)
        else:
            health.back_in(Step.PASS if what == "pass" else Step.HEAL, now)
        if health.state is IN:
            assert (health.reason, health.until) == (None, 0.0)
        else:
            assert health.reason is not None
            assert health.count >= 1
            assert health.until - health.since == pytest.approx(length_s(health.count, RULES))
        assert health.state in {IN, EJECTED, HALF_OPEN}


def test_a_reason_is_known_by_its_number_and_no_other_number_is_one():
    assert [Reason.numbered(float(each.number)) for each in Reason] == list(Reason)
    assert [Reason.numbered(number) for number in (0.0, 0.5, -1.0, len(Reason) + 1.0, 1e9)] == [None] * 5
