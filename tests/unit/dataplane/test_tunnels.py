"""Places for tunnels, and the table of how they end."""

import pytest

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.snapshot import Route, Snapshot
from llmgateway.dataplane.parting import (
    ENDINGS,
    Cause,
    broken_by_backend,
    broken_by_caller,
    closed_by_backend,
    closed_by_caller,
)
from llmgateway.dataplane.tunnels import Tunnels, is_stricter
from llmgateway.domain.errors import ERRORS, GatewayError
from llmgateway.domain.exchange import End
from llmgateway.domain.verdict import Action, Mode, OnError
from llmgateway.wire.websocket import POLICY, PROTOCOL_ERROR, TOO_BIG, FrameFault


def test_there_are_only_so_many_places_and_each_is_given_back_once():
    tunnels = Tunnels()
    first, _second = tunnels.take(2), tunnels.take(2)
    with pytest.raises(GatewayError) as refusal:
        tunnels.take(2)
    assert (refusal.value.code, refusal.value.retry_after_s) == ("overloaded", 1.0)
    first.release()
    first.release()
    assert tunnels.taken == 1
    tunnels.take(2)
    with pytest.raises(GatewayError):
        tunnels.take(2)


def test_with_no_place_at_all_nobody_gets_one():
    with pytest.raises(GatewayError):
        Tunnels().take(0)


def test_all_open_ones_are_told_to_go_though_they_leave_meanwhile():
    tunnels, told = Tunnels(), []

    class Leaving:
        def go_away(self):
            tunnels.open.discard(self)
            told.append(self)

    tunnels.open |= {Leaving(), Leaving()}
    tunnels.go_away()
    assert len(told) == 2
    assert not tunnels.open


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_end_and_words(cause):
    ending = ENDINGS[cause]
    assert ending.error in ERRORS
    assert ending.reason == GatewayError(ending.error).message
    assert len(ending.reason.encode()) <= 123


@pytest.mark.parametrize(("code", "answer"), [(1000, 1000), (1001, 1001), (None, 1000)])
def test_a_close_in_good_order_completes_a_session(code, answer):
    assert (closed_by_caller(code).end, closed_by_caller(code).to_caller) == (End.COMPLETED, answer)
    assert closed_by_backend(code).end is End.COMPLETED
    assert closed_by_caller(code).reason == ""


@pytest.mark.parametrize("code", [1002, 1006, 1011, 3000, 4999])
def test_any_other_code_says_who_is_to_blame(code):
    assert (closed_by_caller(code).end, closed_by_caller(code).error) == (End.CLIENT_CLOSED, "client_closed")
    assert (closed_by_backend(code).end, closed_by_backend(code).error) == (End.UPSTREAM_ERROR, "upstream_error")
    assert str(code) in closed_by_backend(code).detail


@pytest.mark.parametrize(
    ("code", "answer"), [(4999, 4999), (1011, 1011), (1005, 1002), (1006, 1002), (7, 1002), (5000, 1002)]
)
def test_a_code_that_may_not_be_sent_is_not_sent_back(code, answer):
    assert closed_by_caller(code).to_caller == answer


def test_broken_rules_are_told_by_whose_they_were():
    broken, long, flood = FrameFault(PROTOCOL_ERROR, ""), FrameFault(TOO_BIG, ""), FrameFault(POLICY, "")
    assert broken_by_caller(broken) is ENDINGS[Cause.CALLER_BROKE_RULES]
    assert broken_by_caller(long) is ENDINGS[Cause.CALLER_TOO_LONG]
    assert broken_by_caller(flood).error == "bad_request"
    assert broken_by_backend(broken).error == "upstream_protocol"
    assert broken_by_backend(long).error == "upstream_too_long"


def a(name="pii", **more):
    return Guardrail(name, name, **more)


FLAGS = {"action": Action.FLAG}


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        ([], [], False),
        ([], [a()], True),
        ([a()], [a()], False),
        ([a()], [], False),
        ([a()], [a("secrets"), a()], True),
        ([a(options={"kinds": ["email"]})], [a(options={"kinds": ["phone"]})], True),
        ([a(**FLAGS)], [a(action=Action.BLOCK)], True),
        ([a()], [a(**FLAGS)], False),
        ([], [a(**FLAGS)], False),
        ([], [a(mode=Mode.OBSERVE)], False),
        ([], [a(on_error=OnError.BLOCK, **FLAGS)], True),
    ],
)
def test_what_guards_a_route_more_strictly(before, after, answer):
    old, new = (Snapshot(0, routes={"r": Route("r", (), guardrails=tuple(each))}) for each in (before, after))
    assert is_stricter(old, new, "r") is answer
    assert is_stricter(new, new, "r") is is_stricter(old, new, "other") is is_stricter(old, new, None) is False
    assert is_stricter(old, Snapshot(0), "r") is False  # it is gone: nothing guards it now


def test_sound_that_no_longer_passes_is_stricter_where_something_guards():
    def guarded(*guardrails, passes):
        routes = {"r": Route("r", (), guardrails=guardrails)}
        return Snapshot(0, routes=routes, guarding=Guarding(passes_sound=passes))

    assert is_stricter(guarded(a(), passes=True), guarded(a(), passes=False), "r")
    assert not is_stricter(guarded(passes=True), guarded(passes=False), "r")
    assert not is_stricter(guarded(a(), passes=False), guarded(a(), passes=True), "r")


def test_all_open_ones_hear_of_what_is_in_force_now_though_they_end_meanwhile():
    tunnels, told, now = Tunnels(), [], Snapshot(2)

    class Ending:
        def reguard(self, after):
            tunnels.open.discard(self)
            told.append(after)

    tunnels.open |= {Ending(), Ending()}
    tunnels.reguard(now)
    assert told == [now, now]
