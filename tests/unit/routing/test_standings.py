"""What follows from evidence at one worker, with control there and without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.backends import RULES, World, backend

from llmgateway.config.snapshot import Secret
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.health import EJECTED, HALF_OPEN, IN, Reason
from llmgateway.routing.places import Share
from llmgateway.routing.standing import REMEMBERED
from llmgateway.routing.standings import PATIENCE_S


@pytest.fixture
def world():
    made = World(v1="a b c")
    made.linked()
    return made


def trial(world, name):
    """The attempt that decides is about to begin."""
    standing = world.standings[name]
    assert world.standings.may_try(standing, world.now)
    standing.is_probing = True
    return standing


def view(world, heard=None, **out):
    heard = len(world.news) if heard is None else heard
    world.standings.take({"heard": heard, "epoch": "e", "out": out}, world.now)


def entry(world, state="ejected", **more):
    return {"state": state, "reason": "consecutive", "since": world.now, "until": world.now + 5, "count": 1} | more


# --- evidence


def test_faults_in_a_row_take_it_out_and_control_hears_at_once(world):
    world.fails("a", 2)
    assert world.out == set()
    world.fails("a")
    assert world.out == {"a"}
    (event,) = world.news
    assert (event["n"], event["what"], event["backend"], event["reason"]) == (1, "eject", "a", "consecutive")
    assert event["until"] == world.now + RULES.eject_s


def test_a_refused_credential_takes_it_out_at_once(world):
    world.fails("a", code="upstream_auth")
    assert world.standings["a"].health.reason is Reason.AUTH


@pytest.mark.parametrize("code", ["invalid_json", "overloaded", "log_store_full", "client_closed"])
def test_what_is_not_its_fault_takes_nobody_out(world, code):
    world.fails("a", 100, code=code)
    assert world.out == set()
    assert world.standings["a"].record.attempts == 0


def test_a_share_of_errors_takes_it_out(world):
    for _ in range(5):
        world.answers("a", 2)
        world.fails("a", 1)
        world.now += 0.1
    assert world.standings["a"].health.reason is Reason.ERROR_SHARE


def test_a_pause_is_told_once_a_second_at_most(world):
    for _ in range(10):
        world.fails("a", code="upstream_rate_limited", retry_after_s=5)
        world.now += 0.1
    assert world.said == [("cool", "a")]
    world.now += 1
    world.fails("a", code="upstream_rate_limited", retry_after_s=5)
    assert world.said == [("cool", "a")] * 2
    assert world.out == set()


def test_what_cannot_be_spared_is_a_suspect_until_it_answers(world):
    world.fails("a", 3)
    world.fails("b", 3)
    assert (world.out, world.standings["b"].is_suspect) == ({"a"}, True)
    assert Reason.numbered(world.standings["b"].figures(world.now)["suspect"]) is Reason.CONSECUTIVE
    world.now += 1
    world.answers("b")
    assert not world.standings["b"].is_suspect
    assert world.standings["b"].is_open
    assert "suspect" not in world.standings["b"].figures(world.now)


def test_a_suspicion_ends_by_itself(world):
    world.fails("a", 3)
    world.fails("b", 3)
    world.now += RULES.window_s + 0.1
    world.standings.tick(world.now)
    assert not world.standings["b"].is_suspect


def test_a_suspect_goes_out_once_it_can_be_spared(world):
    world.fails("a", 3)
    world.fails("b", 3)
    world.standings.passed(trial_after(world, "a"), world.now - 0.1, world.now)
    world.fails("b", 1)
    assert world.out == {"b"}


def trial_after(world, name):
    world.now = world.standings[name].health.until
    view(world, a=entry(world, "half_open", mine=True))
    return trial(world, name)


# --- slowness


def test_much_slower_than_the_others_takes_it_out(world):
    for name, seconds in (("a", 0.1), ("b", 0.12), ("c", 1.0)):
        world.answers(name, 5, after_s=seconds)
    world.standings.tick(world.now)
    assert (world.out, world.standings["c"].health.reason) == ({"c"}, Reason.SLOW)


@pytest.mark.parametrize(
    ("quick", "slow", "times"),
    [(0.1, 0.49, 5), (0.001, 0.04, 5), (0.1, 1.0, 4)],
    ids=["not five times", "nobody feels it", "too few answers"],
)
def test_what_is_not_slow_enough_stays(world, quick, slow, times):
    world.answers("a", 5, after_s=quick)
    world.answers("b", 5, after_s=quick)
    world.answers("c", times, after_s=slow)
    world.standings.tick(world.now)
    assert world.out == set()


def test_slowness_needs_somebody_to_compare_with():
    world = World(v1="a", v2="b")
    world.answers("a", 9, after_s=9)
    world.answers("b", 9, after_s=0.1)
    world.standings.tick(world.now)
    assert world.out == set()


def test_the_slow_one_has_to_be_quick_to_come_back(world):
    for name, seconds in (("a", 0.1), ("b", 0.1), ("c", 1.0)):
        world.answers(name, 5, after_s=seconds)
    world.standings.tick(world.now)
    world.now += 5
    view(world, c=entry(world, "half_open", mine=True, reason="slow"))
    world.standings.passed(trial(world, "c"), world.now - 1.0, world.now)
    assert (world.standings["c"].health.state, world.standings["c"].health.count) == (EJECTED, 2)
    world.now += 10
    view(world, c=entry(world, "half_open", mine=True, reason="slow", count=2))
    world.standings.passed(trial(world, "c"), world.now - 0.1, world.now)
    assert world.standings["c"].health.state is IN


def test_an_answer_that_was_on_its_way_heals_nobody(world):
    began = world.now
    world.now += 1
    world.fails("a", 3)
    world.now += 1
    world.standings["a"].ok(began, world.now)
    assert world.out == {"a"}
    world.standings["a"].ok(world.now - 0.5, world.now)
    assert world.out == set(), "it was asked after that, for want of others"
    assert world.said[-1] == ("heal", "a")


def test_what_is_remembered_of_a_backend_is_bounded(world):
    world.answers("a", 10_000)
    assert len(world.standings["a"]._latencies) == REMEMBERED


def test_a_slow_answer_counts_at_once_and_fades(world):
    standing = world.standings["a"]
    world.answers("a", after_s=0.1)
    world.answers("a", after_s=2.0)
    assert standing.speed(world.now) == pytest.approx(2.0)
    world.now += 2.5
    assert 0.5 < standing.speed(world.now) < 1.0
    for _ in range(50):
        world.now += 1
        world.answers("a", after_s=0.1)
    assert standing.speed(world.now) == pytest.approx(0.1, rel=0.2)


def test_who_stops_waiting_says_that_it_takes_at_least_so_long(world):
    standing = world.standings["a"]
    standing.was_left(world.now - 0.5, world.now)
    assert standing.speed(world.now) == 0.5
    standing.was_left(world.now - 0.2, world.now)
    assert standing.speed(world.now) == 0.5
    assert standing.median_s(world.now) is None, "how long it takes is not known from that"


# --- one attempt decides


def test_alone_a_worker_gives_itself_leave():
    world = World(v1="a b")
    world.fails("a", 3)
    assert not world.standings.may_try(world.standings["a"], world.now + 4.9)
    world.now += 5
    standing = trial(world, "a")
    assert not world.standings.may_try(standing, world.now), "one at a time"
    world.standings.failed(standing, "upstream_error", world.now)
    assert (standing.health.state, standing.health.until - world.now) == (EJECTED, 10)


def test_with_control_there_the_worker_asks_and_waits_for_the_word(world):
    world.fails("a", 3)
    world.now += 5
    a = world.standings["a"]
    assert not world.standings.may_try(a, world.now)
    assert world.said[-1] == ("ask", "a")
    view(world, a=entry(world, "half_open", mine=False))
    assert not world.standings.may_try(a, world.now + PATIENCE_S), "another worker has it"
    view(world, a=entry(world, "half_open", mine=True))
    assert world.standings.may_try(a, world.now)


def test_leave_that_another_worker_has_is_asked_for_now_and_then(world):
    world.fails("a", 3)
    world.now += 5
    a = world.standings["a"]
    view(world, a=entry(world, "half_open", mine=False))
    for _ in range(30):
        assert not world.standings.may_try(a, world.now)
        world.now += 0.1
    assert 3 <= world.said.count(("ask", "a")) <= 4
    world.standings.tell = lambda _: False
    world.now += PATIENCE_S
    assert world.standings.may_try(a, world.now), "nobody to ask"


@pytest.mark.parametrize("code", ["upstream_error", "upstream_auth", "upstream_timeout"])
def test_a_failed_trial_takes_it_out_for_longer(world, code):
    world.fails("a", 3)
    world.now += 5
    view(world, a=entry(world, "half_open", mine=True))
    world.standings.report_failure(trial(world, "a"), GatewayError(code), world.now, is_trial=True)
    assert world.standings["a"].health.count == 2
    assert world.said[-1] == ("eject", "a")


def test_a_trial_that_proves_nothing_leaves_it_to_the_next(world):
    world.fails("a", 3)
    world.now += 5
    view(world, a=entry(world, "half_open", mine=True))
    standing = trial(world, "a")
    world.standings.report_failure(standing, GatewayError("invalid_json"), world.now, is_trial=True)
    assert (standing.health.state, world.standings.may_try(standing, world.now)) == (HALF_OPEN, True)


def test_a_backend_at_its_limit_is_well(world):
    world.fails("a", 3)
    world.now += 5
    view(world, a=entry(world, "half_open", mine=True))
    error = GatewayError("upstream_rate_limited", retry_after_s=3)
    world.standings.report_failure(trial(world, "a"), error, world.now, is_trial=True)
    assert (world.out, world.standings["a"].is_cool(world.now)) == (set(), True)


# --- control's word


def test_what_another_worker_found_out_holds_here(world):
    view(world, b=entry(world))
    assert world.out == {"b"}
    view(world)
    assert world.out == set()


def test_a_view_older_than_our_news_is_passed_over(world):
    world.fails("a", 3)
    view(world, heard=0)
    assert world.out == {"a"}
    view(world, heard=1)
    assert world.out == set()


def test_an_operators_word_comes_with_the_view(world):
    view(world, a=entry(world, "in", drained=True), b=entry(world, "in", gone_until=world.now + 9))
    a, b = world.standings["a"], world.standings["b"]
    assert a.is_gone(world.now)
    assert b.is_gone(world.now + 8)
    assert not b.is_gone(world.now + 9)
    assert not a.is_open
    view(world)
    assert not a.is_gone(world.now)
    assert a.is_open


def test_another_control_hears_who_is_out_and_drained(world):
    view(world, b=entry(world, "in", drained=True))
    world.fails("a", 3)
    world.news.clear()
    world.standings.greet()
    assert world.said == [("eject", "a"), ("gone", "b")]
    assert [event["n"] for event in world.news] == [1, 2]
    assert {event["epoch"] for event in world.news} == {"e"}


@pytest.mark.parametrize(
    "nonsense",
    [{}, {"out": 7}, {"out": {"a": 7}}, {"out": {"nobody": {"state": "ejected"}}}, {"out": {"a": {"state": "odd"}}}],
)
def test_a_view_that_makes_no_sense_takes_nobody_out(world, nonsense):
    world.standings.take(nonsense, world.now)
    assert world.out == set()


# --- reloads


def test_a_reload_keeps_what_is_known_of_an_endpoint(world):
    world.fails("a", 3)
    kept = world.standings["a"]
    world.configure(a={"weight": 5, "max_concurrent": 3, "is_drained": True})
    assert world.standings["a"] is kept
    assert (kept.health.state, kept.backend.weight, kept.is_gone(world.now)) == (EJECTED, 5, True)


def test_another_credential_is_a_new_beginning(world):
    world.fails("a", code="upstream_auth")
    world.configure(a={"api_key": Secret("rotated")})
    assert world.out == set()


def test_a_share_of_the_places_is_at_least_one():
    world = World(v1="a", share=Share(3, 4))
    world.configure(a={"max_concurrent": 2, "queue": 2})
    assert repr(world.standings["a"].places) == "<Places 0/1, 0/0 waiting>"
    world.configure(a={"max_concurrent": 11, "queue": 7})
    assert repr(world.standings["a"].places) == "<Places 0/2, 0/1 waiting>"
    world.configure(a={"max_concurrent": None})
    assert world.standings["a"].places is None


def test_the_endpoint_is_everything_but_how_much_it_gets():
    one = backend("a")
    assert one.is_same_endpoint(backend("a", weight=3, is_drained=True, queue=1, max_concurrent=1, queue_wait_s=0.5))
    assert not one.is_same_endpoint(backend("a", api_key=Secret("k")))
    assert not one.is_same_endpoint(backend("b"))


STEPS = st.tuples(
    st.sampled_from(["fail", "auth", "ok", "panic", "trial ok", "trial fail", "trial nothing", "tick", "wait"]),
    st.sampled_from("abcd"),
    st.floats(0, 4),
)


@given(st.lists(STEPS, max_size=150))
def test_as_a_random_walk_without_control(steps):
    world = World(v1="a b c d")
    probing, lengths = set(), {}
    for what, name, pause in steps:
        world.now += pause
        standing = world.standings[name]
        before = standing.health.state
        if what == "fail":
            world.fails(name)
        elif what == "auth":
            world.fails(name, code="upstream_auth")
        elif what == "ok" or (what == "panic" and before is not IN):
            world.answers(name)
        elif what == "tick":
            world.standings.tick(world.now)
        elif what.startswith("trial"):
            if name in probing:
                probing.discard(name)
                if what == "trial ok":
                    world.standings.passed(standing, world.now - 0.1, world.now)
                else:
                    code = "upstream_error" if what == "trial fail" else "invalid_json"
                    world.standings.failed(standing, code, world.now)
            elif world.standings.may_try(standing, world.now):
                assert not standing.is_probing
                standing.is_probing = True
                probing.add(name)
        if standing.health.state is IN or standing.health.state is EJECTED:
            probing.discard(name)
        check(world, probing)
        if standing.health.state is EJECTED and before is HALF_OPEN:
            assert standing.health.until - standing.health.since >= lengths.get(name, 0), "the back-off grows"
        if standing.health.state is EJECTED:
            lengths[name] = standing.health.until - standing.health.since
        elif standing.health.state is IN:
            lengths.pop(name, None)


def check(world, probing):
    assert len(world.out) <= 2, "never more than half"
    for standing in world.standings:
        assert standing.is_probing == (standing.backend.name in probing)
        assert not standing.is_probing or standing.health.state is HALF_OPEN
        if standing.is_open:
            assert standing.health.state is IN
            assert not standing.is_suspect
    assert world.course().next(world.wish(may_try=False)) is not None, "somebody is always asked"
