from dataclasses import replace

import pytest

from llmgateway.config.rules import FaultKind
from llmgateway.config.snapshot import Backend, Retries, Route, Version
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import AttemptKind
from llmgateway.routing.plan import Plans, after_failure, plan
from llmgateway.routing.select import Choice

ONE, TWO, THREE = (Backend(name, "openai", f"http://{name}/v1") for name in ("one", "two", "three"))
V1 = Version("v1", "1", (ONE, TWO), weight=1)
V2 = Version("v2", "2", (THREE,))
ROUTE = Route("r", (V1, V2), fallback=(V1, V2))
CHOICE = Choice(V1, 1.0)


def follow(code, tried=1, *, of=ROUTE, repeatable=True, retry_after_s=None, jitter=0.0):
    error = GatewayError(code, retry_after_s=retry_after_s)
    return after_failure(plan(of, CHOICE, 0.0), tried, error, repeatable=repeatable, jitter=jitter)


def test_a_plan_goes_through_the_versions_backends_and_then_the_fallbacks():
    assert repr(plan(ROUTE, CHOICE, 0.0)) == "<Plan r: v1@one > v1@two > v2@three>"
    assert [target.kind for target in plan(ROUTE, CHOICE, 0.0).targets] == [
        AttemptKind.FIRST,
        AttemptKind.RETRY,
        AttemptKind.FALLBACK,
    ]


def test_the_draw_chooses_the_backend_to_begin_with():
    assert repr(plan(ROUTE, CHOICE, 0.5)) == "<Plan r: v1@two > v1@one > v2@three>"
    assert repr(plan(ROUTE, CHOICE, 0.999)) == "<Plan r: v1@two > v1@one > v2@three>"


def test_what_lives_at_one_backend_is_asked_for_there_alone():
    assert repr(plan(ROUTE, CHOICE, 0.0, may_fall_back=False)) == "<Plan r: v1@one>"


def test_a_failure_goes_on_to_the_next_target_at_once():
    step = follow("upstream_unreachable")
    assert (step.target.backend.name, step.wait_s) == ("two", 0.0)
    assert follow("upstream_error", 2).target.version.name == "v2"


def test_attempts_are_bounded():
    assert follow("upstream_error", 3) is None


@pytest.mark.parametrize("code", ["invalid_json", "model_not_found", "internal_error", "log_store_full"])
def test_what_no_other_backend_would_do_better_is_not_tried_again(code):
    assert follow(code) is None


def test_with_nowhere_else_to_go_the_first_target_is_tried_again_after_a_pause():
    alone = Route("r", (V2,), retries=Retries(max_attempts=4, base_s=0.1))
    single = plan(alone, Choice(V2, 1.0), 0.0)
    waits = [
        after_failure(single, tried, GatewayError("upstream_error"), repeatable=True, jitter=0.0).wait_s
        for tried in (1, 2, 3)
    ]
    assert waits == [0.1, 0.2, 0.4]


def test_retry_after_is_honoured_up_to_a_limit():
    alone = Route("r", (V2,), retries=Retries(max_wait_s=10))
    single = plan(alone, Choice(V2, 1.0), 0.0)

    def wait(seconds):
        error = GatewayError("upstream_rate_limited", retry_after_s=seconds)
        return after_failure(single, 1, error, repeatable=True, jitter=0.0)

    assert wait(7).wait_s == 7
    assert wait(11) is None


def test_jitter_only_ever_lengthens_the_pause():
    alone = Route("r", (V2,))
    single = plan(alone, Choice(V2, 1.0), 0.0)
    step = after_failure(single, 1, GatewayError("upstream_error"), repeatable=True, jitter=1.0)
    assert 0.1 < step.wait_s <= 0.125


def test_a_request_with_an_effect_is_sent_again_only_if_it_never_left():
    assert follow("upstream_error", repeatable=False) is None
    assert follow("upstream_timeout", repeatable=False) is None
    assert follow("upstream_unreachable", repeatable=False).target.backend.name == "two"


def test_a_fault_that_the_route_does_not_name_ends_the_attempts():
    route = replace(ROUTE, on_failure=frozenset({FaultKind.TIMEOUT}))
    assert follow("upstream_timeout", of=route).target.backend.name == "two"
    assert follow("upstream_error", of=route) is None
    assert follow("upstream_timeout", of=replace(ROUTE, on_failure=frozenset())) is None


def test_a_pinned_version_is_answered_by_itself_or_not_at_all():
    pinned = plan(ROUTE, Choice(V1, 1.0, "pin"), 0.0)
    assert repr(pinned) == "<Plan r: v1@one > v1@two>"
    step = after_failure(pinned, 2, GatewayError("upstream_error"), repeatable=True, jitter=0.0)
    assert step.target.version is V1


def test_plans_of_a_pin_and_of_the_split_are_not_mixed_up():
    plans = Plans()
    made = [plans(ROUTE, Choice(V1, 1.0, reason), 0.0) for reason in ("split", "pin", "split")]
    assert [len(each.targets) for each in made] == [3, 2, 3]
    assert made[0] is made[2]
