"""News of several workers become one view, and an operator's word and control's probes have their place in it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.backends import NOW, RULES, World
from tests.support.control import status

from llmgateway.config.snapshot import Secret
from llmgateway.controlplane.backends import PROBES_THAT_EJECT, UNUSED_GRANT_S, Backends
from llmgateway.controlplane.worker import WorkerState
from llmgateway.routing.health import EJECTED, HALF_OPEN, IN


class Control:
    """Merged backends with a clock of their own."""

    def __init__(self, **versions):
        self.world = World(**(versions or {"v1": "a b c"}))
        self.backends = Backends(self.world.snapshot(), "now")
        self.now = NOW

    def hear(self, slot, what, name="a", **more):
        self.backends.hear(
            slot, {"what": what, "backend": name, "reason": "consecutive", "epoch": "now"} | more, self.now
        )

    def view(self, slot=0):
        return self.backends.view(slot, 0, self.now)["out"]

    def count(self, slot, attempts, faults, name="a", incarnation="i", **more):
        pools = {name: {"open": 1, "attempts": attempts, "faults": faults} | more}
        fields = status(slot, incarnation=incarnation) | {"gauges": {"pools": pools}}
        return self.backends.count(WorkerState.read(fields, self.now), self.now)

    @property
    def out(self):
        return {entry.backend.name for entry in self.backends if entry.health.state is not IN}


@pytest.fixture
def control():
    return Control()


def test_what_one_worker_finds_out_all_are_told(control):
    control.hear(0, "eject")
    for slot in (0, 1):
        told = control.view(slot)["a"]
        assert (told["state"], told["reason"], told["until"] - control.now) == ("ejected", "consecutive", 5)
    assert set(control.view()) == {"a"}
    assert control.backends.ejections == {("a", "consecutive"): 1}


def test_two_workers_that_find_out_the_same_count_once(control):
    control.hear(0, "eject")
    control.hear(1, "eject")
    assert control.backends["a"].health.count == 1


def test_two_workers_together_do_not_take_out_too_much(control):
    control.hear(0, "eject", "a")
    control.hear(1, "eject", "b")
    assert control.out == {"a"}


def test_the_back_off_grows_whichever_worker_it_was(control):
    lengths = []
    for slot in (0, 1, 0, 1):
        control.hear(slot, "eject")
        lengths.append(control.backends["a"].health.until - control.now)
        control.now += lengths[-1]
        control.hear(slot, "ask")
    assert lengths == [5, 10, 20, 40]


def test_one_worker_at_a_time_has_leave_to_try(control):
    control.hear(0, "eject")
    control.now += 4.9
    control.hear(0, "ask")
    assert control.view()["a"]["state"] == "ejected", "not yet"
    control.now += 0.1
    control.hear(1, "ask")
    control.hear(0, "ask")
    assert [control.view(slot)["a"]["mine"] for slot in (0, 1)] == [False, True]
    assert control.backends["a"].health.state is HALF_OPEN
    control.hear(1, "heal")
    assert control.view() == {}


def test_leave_that_is_not_used_goes_to_the_next(control):
    control.hear(0, "eject")
    control.now += 5
    control.hear(1, "ask")
    control.now += UNUSED_GRANT_S
    control.backends.tick({}, control.now)
    control.hear(0, "ask")
    assert control.view(0)["a"]["mine"]


def test_leave_that_is_used_stays_as_long_as_the_attempt_lasts(control):
    control.hear(0, "eject")
    control.now += 5
    control.hear(1, "ask")
    control.now += 100
    trying = status(1) | {"gauges": {"pools": {"a": {"trial": 1}}}}
    control.backends.tick({1: WorkerState.read(trying, control.now)}, control.now)
    control.hear(0, "ask")
    assert control.view(1)["a"]["mine"]


def test_a_worker_that_dies_takes_its_leave_with_it(control):
    control.hear(0, "eject")
    control.now += 5
    control.hear(1, "ask")
    control.backends.left(1)
    control.hear(0, "ask")
    assert control.view(0)["a"]["mine"]


def test_errors_that_are_few_at_each_worker_are_many_in_all(control):
    for slot in range(4):
        control.count(slot, 100, 0)
    control.now += 1
    results = [control.count(slot, 103, 2) for slot in range(4)]
    assert results == [False, False, False, True]
    assert control.view()["a"]["reason"] == "error_share"


def test_what_a_worker_has_counted_before_we_knew_it_may_be_of_any_age(control):
    assert not control.count(0, 1_000, 1_000, incarnation="old")
    assert not control.count(0, 500, 500, incarnation="new")
    assert control.count(0, 510, 510, incarnation="new")
    assert control.backends.ejections == {("a", "error_share"): 1}


def test_a_pause_is_passed_on_and_bounded(control):
    control.hear(0, "cool", cool_until=control.now + 7)
    assert control.view()["a"] | {"state": "in"} == control.view()["a"]
    assert control.view()["a"]["cool_until"] == control.now + 7
    control.hear(0, "cool", cool_until=control.now + 10**9)
    assert control.view()["a"]["cool_until"] == control.now + 60
    control.now += 61
    assert control.view() == {}


# --- control's own probes


def probe(control, is_ok, times=1):
    for _ in range(times):
        control.backends.probed("a", "status", control.now, is_ok=is_ok)


def test_probes_that_fail_in_a_row_eject_and_one_that_succeeds_ends_that(control):
    probe(control, False, PROBES_THAT_EJECT - 1)
    probe(control, True)
    probe(control, False, PROBES_THAT_EJECT - 1)
    assert control.out == set()
    probe(control, False)
    assert control.view()["a"]["reason"] == "probe"
    probe(control, True)
    assert control.out == set()


def test_a_probe_cannot_heal_what_traffic_has_proved_sick(control):
    control.hear(0, "eject")
    probe(control, True, 10)
    assert control.out == {"a"}


def test_traffic_that_fails_during_a_probes_ejection_is_what_counts_then(control):
    probe(control, False, PROBES_THAT_EJECT)
    control.now += 5
    control.hear(0, "ask")
    control.hear(0, "eject")
    probe(control, True)
    assert control.view()["a"]["reason"] == "consecutive"


def test_probes_do_not_take_out_the_last_one():
    control = Control(v1="a")
    probe(control, False, 50)
    assert control.out == set()


# --- an operator's word


def test_a_drained_backend_is_told_until_it_is_not(control):
    control.backends.drain("a", is_drained=True)
    assert control.view()["a"]["drained"]
    control.backends.heal("a", control.now)
    assert control.view()["a"]["drained"], "healing is another matter"
    control.backends.drain("a", is_drained=False)
    assert control.view() == {}


def test_an_ejection_by_hand_lasts_as_long_as_was_said(control):
    control.backends.eject("a", 30, control.now)
    assert control.view()["a"]["gone_until"] == control.now + 30
    assert control.backends.ejections == {("a", "hand"): 1}
    control.now += 30
    assert control.view() == {}


def test_healing_ends_every_ejection_and_the_back_off(control):
    control.hear(0, "eject")
    control.backends.eject("a", 30, control.now)
    control.backends.heal("a", control.now)
    assert (control.view(), control.backends["a"].health.count) == ({}, 0)


def test_a_name_that_is_not_configured_is_a_key_error(control):
    for call in (
        lambda: control.backends.drain("nobody", is_drained=True),
        lambda: control.backends.eject("nobody", 1, control.now),
        lambda: control.backends.heal("nobody", control.now),
    ):
        with pytest.raises(KeyError):
            call()


# --- control is new


def test_a_new_control_takes_over_what_the_workers_know(control):
    until = control.now + 37
    control.hear(0, "eject", "a", epoch="before", until=until, count=4)
    assert control.backends["a"].health.until == until
    assert control.backends["a"].health.count == 4
    control.hear(0, "gone", "b", epoch="before", drained=True)
    control.hear(0, "gone", "c", epoch="before", gone_until=control.now + 9)
    assert control.view()["b"]["drained"]
    assert control.view()["c"]["gone_until"] == control.now + 9


def test_a_worker_that_was_away_does_not_bring_an_old_word_back(control):
    control.hear(0, "gone", "b", epoch="now", drained=True)
    assert control.view() == {}


def test_a_worker_that_comes_late_does_not_undo_what_an_operator_said_meanwhile(control):
    control.hear(0, "gone", "b", epoch="before", drained=True)
    control.backends.drain("b", is_drained=False)
    control.hear(1, "gone", "b", epoch="before", drained=True)
    assert control.view() == {}


def test_a_time_that_makes_no_sense_is_bounded(control):
    control.hear(0, "eject", "a", epoch="before", until=10**12, count=10**9)
    assert control.backends["a"].health.until <= control.now + RULES.eject_max_s


@pytest.mark.parametrize(
    "news",
    [{}, {"backend": 7}, {"backend": "nobody", "what": "eject"}, {"backend": "a"}, {"backend": "a", "what": "odd"}],
)
def test_news_that_make_no_sense_change_nothing(control, news):
    control.backends.hear(0, news, control.now)
    assert control.view() == {}


# --- reloads


def test_a_reload_keeps_what_stays_and_forgets_what_goes(control):
    control.hear(0, "eject", "a")
    control.backends.drain("b", is_drained=True)
    before = control.world.snapshot()
    weighed = {name: replace(each, weight=3.0) for name, each in before.backends.items()}
    control.backends.configure(replace(before, backends=weighed))
    assert set(control.view()) == {"a", "b"}
    rotated = {"a": replace(before.backends["a"], api_key=Secret("new"))}
    control.backends.configure(replace(before, backends=rotated))
    assert control.view() == {}
    assert [entry.backend.name for entry in control.backends] == ["a"]


STEPS = st.tuples(
    st.sampled_from(["eject", "heal", "ask", "left", "probe", "tick"]),
    st.integers(0, 2),
    st.sampled_from("abcd"),
    st.floats(0, 6),
)


@given(st.lists(STEPS, max_size=120))
def test_as_a_random_walk(steps):
    control = Control(v1="a b c d")
    for what, slot, name, pause in steps:
        control.now += pause
        if what == "left":
            control.backends.left(slot)
        elif what == "tick":
            control.backends.tick({}, control.now)
        elif what == "probe":
            control.backends.probed(name, "", control.now, is_ok=bool(slot))
        else:
            control.hear(slot, what, name)
        assert len(control.out) <= 2
        for each in "abcd":
            views = [control.view(slot).get(each, {}) for slot in range(3)]
            holders = sum(view.get("mine", False) for view in views)
            assert holders <= 1, "one attempt at a time"
            assert not holders or control.backends[each].health.state is HALF_OPEN
            if control.backends[each].health.state is EJECTED:
                assert control.backends[each].health.until > NOW
