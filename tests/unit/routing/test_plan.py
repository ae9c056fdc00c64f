import pytest
from tests.support.backends import World

from llmgateway.config.rules import FaultKind
from llmgateway.config.snapshot import Retries
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.plan import Plans, after_failure
from llmgateway.routing.select import Choice


def plan(**retries):
    world = World(v1="one two", v2="three")
    made = world.course().plan
    object.__setattr__(made.route, "retries", Retries(**retries))
    return made


def follow(code, tried=1, *, rounds=None, repeatable=True, retry_after_s=None, jitter=0.0, **retries):
    error = GatewayError(code, retry_after_s=retry_after_s)
    return after_failure(plan(**retries), tried, error, rounds=rounds, repeatable=repeatable, jitter=jitter)


def test_a_plan_goes_through_the_versions_and_their_backends():
    assert repr(plan()) == "<Plan r: v1@one|two > v2@three>"


def test_what_lives_at_one_backend_is_asked_for_there_alone():
    assert repr(World(v1="one two", v2="three").course(may_fall_back=False).plan) == "<Plan r: v1@one>"


def test_plans_are_made_once():
    world = World(v1="one two", v2="three")
    plans = Plans(world.standings.by_name)
    choices = [Choice(version, 0.5) for version in world.route.versions]
    assert plans(world.route, choices[0]) is plans(world.route, choices[0])
    assert plans(world.route, choices[0]) is not plans(world.route, choices[1])
    assert plans(world.route, choices[0]) is not plans(world.route, choices[0], may_fall_back=False)


def test_a_failure_goes_on_to_what_was_not_asked_at_once():
    assert follow("upstream_unreachable") == 0.0
    assert follow("upstream_error", 2) == 0.0


def test_attempts_are_bounded():
    assert follow("upstream_error", 3) is None


@pytest.mark.parametrize("code", ["invalid_json", "model_not_found", "internal_error", "log_store_full"])
def test_what_no_other_backend_would_do_better_is_not_tried_again(code):
    assert follow(code) is None


def test_with_nowhere_else_to_go_it_begins_anew_after_a_pause():
    waits = [follow("upstream_error", tried, rounds=tried, max_attempts=4, base_s=0.1) for tried in (1, 2, 3)]
    assert waits == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("code", ["upstream_auth", "upstream_tls", "upstream_timeout", "overloaded"])
def test_what_a_pause_does_not_mend_is_not_tried_again(code):
    assert follow(code) == 0.0
    assert follow(code, rounds=1) is None


def test_retry_after_is_honoured_up_to_a_limit():
    assert follow("upstream_rate_limited", rounds=1, retry_after_s=7, max_wait_s=10) == 7
    assert follow("upstream_rate_limited", rounds=1, retry_after_s=11, max_wait_s=10) is None


def test_jitter_only_ever_lengthens_the_pause():
    assert 0.1 < follow("upstream_error", rounds=1, jitter=1.0) <= 0.125


def test_a_request_with_an_effect_is_sent_again_only_if_it_never_left():
    assert follow("upstream_error", repeatable=False) is None
    assert follow("upstream_timeout", repeatable=False) is None
    assert follow("upstream_unreachable", repeatable=False) == 0.0


def test_a_fault_that_the_route_does_not_name_ends_the_attempts():
    def after(code, *faults):
        made = plan()
        object.__setattr__(made.route, "on_failure", frozenset(faults))
        return after_failure(made, 1, GatewayError(code), rounds=None, repeatable=True, jitter=0.0)

    assert after("upstream_timeout", FaultKind.TIMEOUT) == 0.0
    assert after("upstream_error", FaultKind.TIMEOUT) is None
    assert after("upstream_timeout") is None


def test_a_pinned_version_is_answered_by_itself_or_not_at_all_and_its_plan_is_its_own():
    world = World(v1="one two", v2="three")
    made = world.course().plan
    plans = Plans(world.standings)
    by = {reason: plans(made.route, Choice(made.choice.version, 1.0, reason)) for reason in ("split", "pin")}
    assert repr(by["pin"]) == "<Plan r: v1@one|two>"
    assert repr(by["split"]) == "<Plan r: v1@one|two > v2@three>"
    assert plans(made.route, Choice(made.choice.version, 1.0, "split")) is by["split"]
