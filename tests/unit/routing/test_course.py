"""Which target each attempt of an exchange goes to, as things stand at that moment."""

from tests.support.backends import DOWN, World

from llmgateway.config.snapshot import Balance
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.standings import PATIENCE_S


def named(target):
    return target and (target.version.name, target.backend.name, target.kind.value)


def walk(world, course=None, **more):
    """Every target of one round, each of them failing."""
    course, found = course or world.course(), []
    while (target := course.next(world.wish(**more))) is not None:
        found.append(named(target))
    return found


def ordered(**versions):
    return World(Balance.ORDERED, **versions)


def test_the_versions_backends_come_first_and_then_the_fallbacks_each_once():
    assert walk(ordered(v1="a b", v2="c")) == [("v1", "a", "first"), ("v1", "b", "retry"), ("v2", "c", "fallback")]


def test_the_same_backend_may_serve_two_versions():
    assert walk(ordered(v1="a", v2="a b")) == [("v1", "a", "first"), ("v2", "a", "fallback"), ("v2", "b", "fallback")]


def test_what_lives_at_one_backend_is_asked_there_alone():
    world = ordered(v1="a b", v2="c")
    assert walk(world, world.course(may_fall_back=False)) == [("v1", "a", "first")]


def test_another_round_begins_anew_and_is_a_retry():
    world = ordered(v1="a")
    course = world.course()
    assert not course.is_over(world.now)
    assert walk(world, course) == [("v1", "a", "first")]
    assert course.is_over(world.now)
    course.rounds += 1
    course.again()
    assert walk(world, course) == [("v1", "a", "retry")]


def test_an_ejected_backend_comes_last():
    world = ordered(v1="a b", v2="c")
    world.fails("a", 3)
    assert walk(world) == [("v1", "b", "first"), ("v2", "c", "fallback"), ("v1", "a", "retry")]


def test_a_version_that_is_out_as_a_whole_is_passed_over():
    world = ordered(v1="a b", v2="c")
    world.fails("a", 3)
    world.fails("b", 3)
    assert walk(world)[0] == ("v2", "c", "fallback")


def test_when_all_are_sick_all_are_tried():
    world = ordered(v1="a b")
    world.fails("a", 3)
    world.fails("b", 3)
    assert walk(world) == [("v1", "b", "first"), ("v1", "a", "retry")]


def test_who_asks_for_a_pause_gets_it_while_others_are_there():
    world = ordered(v1="a", v2="b")
    world.fails("a", code="upstream_rate_limited", retry_after_s=7)
    assert walk(world) == [("v2", "b", "fallback"), ("v1", "a", "retry")]
    world.now += 7.1
    assert walk(world)[0] == ("v1", "a", "first")


def test_a_pause_is_better_than_an_ejection():
    world = ordered(v1="a b")
    world.fails("a", 3)
    world.fails("b", code="upstream_rate_limited", retry_after_s=7)
    assert walk(world) == [("v1", "b", "first"), ("v1", "a", "retry")]


def test_who_is_drained_is_never_asked():
    world = ordered(v1="a b")
    world.configure(a={"is_drained": True})
    assert walk(world) == [("v1", "b", "first")]
    world.configure(b={"is_drained": True})
    course = world.course()
    assert walk(world, course) == []
    assert course.is_over(world.now)


def test_one_exchange_finds_out_if_a_backend_is_well_again():
    world = ordered(v1="a b")
    world.fails("b", 3)
    world.now += 4.9
    assert walk(world)[0] == ("v1", "a", "first")
    world.now += 0.2
    first, second = world.course(), world.course()
    trial = first.next(world.wish())
    assert (named(trial), trial.is_trial) == (("v1", "b", "first"), True)
    assert named(second.next(world.wish())) == ("v1", "a", "first"), "the others wait for what comes of it"
    assert named(first.next(world.wish())) == ("v1", "a", "retry")


def test_what_may_not_be_sent_twice_is_no_trial():
    world = ordered(v1="a b")
    world.fails("b", 3)
    world.now += 5
    assert walk(world, may_try=False)[0] == ("v1", "a", "first")


def test_a_retry_is_no_trial():
    world = ordered(v1="a b c")
    world.fails("c", 3)
    course = world.course()
    course.next(world.wish())
    world.now += 5
    assert not course.next(world.wish()).is_trial


def test_control_is_asked_for_leave_and_not_waited_for():
    world = ordered(v1="a b")
    world.linked()
    world.fails("b", 3)
    world.now += 5
    assert not world.course().next(world.wish()).is_trial
    assert not world.course().next(world.wish()).is_trial
    assert world.said == [("eject", "b"), ("ask", "b")]
    world.now += PATIENCE_S
    assert world.course().next(world.wish()).is_trial, "control is silent"


def test_a_free_place_is_better_than_a_queue():
    world = ordered(v1="a b")
    world.configure(a={"max_concurrent": 1}, b={"max_concurrent": 1})
    a, b = world.standings["a"].places, world.standings["b"].places
    assert a.take()
    assert named(world.course().next(world.wish())) == ("v1", "b", "first")
    assert b.take()
    a.service_s, b.service_s = 9.0, 1.0
    assert named(world.course().next(world.wish())) == ("v1", "b", "first"), "the shorter queue"


def test_when_everything_is_sick_the_caller_is_told_so_and_when_to_come_back():
    world = ordered(v1="a b")
    world.fails("a", 3)
    assert world.course().outcome(DOWN, world.now) is DOWN, "b is well as far as anyone knows"
    world.fails("b", 3)
    told = world.course().outcome(DOWN, world.now)
    assert (told.code, told.status, told.__cause__) == ("no_healthy_upstream", 503, DOWN)
    assert told.retry_after_s == 5
    for code in ("upstream_rate_limited", "upstream_auth", "invalid_json"):
        assert world.course().outcome(GatewayError(code), world.now).code == code


def test_of_a_single_backend_the_error_itself_says_more():
    world = ordered(v1="a")
    world.fails("a", 9)
    assert world.standings["a"].is_suspect
    assert world.course().outcome(DOWN, world.now) is DOWN


def test_the_plan_asks_without_a_choice_where_there_is_none():
    assert ordered(v1="a", v2="b c").course().plan.only.backend.name == "a"
    assert ordered(v1="a b").course().plan.only is None
    world = ordered(v1="a")
    world.configure(a={"max_concurrent": 1})
    assert world.course().plan.only.backend.name == "a"


def test_beside_a_slow_one_another_of_its_version_is_asked_but_no_fallback():
    world = ordered(v1="a b", v2="c")
    course = world.course()
    first = course.next(world.wish())
    beside = course.beside(world.wish())
    assert (named(first), named(beside)) == (("v1", "a", "first"), ("v1", "b", "hedge"))
    course.note(beside)
    assert course.beside(world.wish()) is None
    assert course.asked == 2


def test_who_stands_alone_is_asked_again_unless_something_speaks_against_it():
    world = ordered(v1="a")
    course = world.course()
    course.next(world.wish())
    assert named(course.beside(world.wish())) == ("v1", "a", "hedge")
    world.standings["a"].fault("upstream_rate_limited", 5.0, world.now)
    assert course.beside(world.wish()) is None
