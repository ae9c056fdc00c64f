"""Which exchange is which bad event, and which says nothing."""

import json

import pytest
from tests.support.control import row

from llmgateway.controlplane.rollouts import judging
from llmgateway.controlplane.rollouts.judging import bad_events, has_failed
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.ports.store import Body
from llmgateway.wire.cutoff import CUT_OFF

ALL = frozenset({"error", "slow", "refusal", "truncated", "blocked"})
SLOW = Slow(1.0, 5.0)
FINE = dict.fromkeys(ALL, False)


def judged(bodies=(), slow=SLOW, **changes):
    return bad_events(row(**({"finish_reason": "stop"} | changes)), bodies, slow, ALL)


def test_a_good_answer_is_judged_by_every_metric_and_bad_in_none():
    assert judged() == FINE


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 500},
        {"status": 404},
        {"status": 429, "end": "completed"},
        {"end": "upstream_error", "error_code": "upstream_error", "status": 502},
        {"end": "truncated", "status": 200},
        {"end": "timeout", "error_code": "upstream_timeout", "status": 504},
        {"served_version": "v2"},  # a fallback rescued it
    ],
)
def test_the_assigned_version_failed(changes):
    found = judged(**changes)
    assert found["error"] is True
    assert found.keys() == {"error", "slow"}, "an answer that is none can't be refused or cut short"
    assert has_failed(row(**changes))


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({"finish_reason": "refusal"}, "refusal"),
        ({"finish_reason": "content_filter"}, "refusal"),
        *(({"finish_reason": reason}, "truncated") for reason in sorted(CUT_OFF)),
        ({"output_tokens": 0}, "truncated"),
        ({"error_code": "guardrail_blocked", "status": 400}, "blocked"),
        ({"duration_s": 5.1}, "slow"),
        ({"first_token_s": 1.1}, "slow"),
    ],
)
def test_one_kind_of_bad_alone(changes, metric):
    assert judged(**changes) == FINE | {metric: True}


def test_a_refusal_of_openais_is_found_in_the_answer_that_is_kept():
    def said(content):
        return [
            Body("request", "application/json", 1, b'{"refusal":"x"}'),
            Body("reply", "application/json", 1, content),
        ]

    assert judged(said(b'{"choices":[{"message":{"content":null,"refusal":"I can not"}}]}'))["refusal"]
    assert not judged(said(b'{"choices":[{"message":{"content":"\\"refusal\\":\\"","refusal":null}}]}'))["refusal"]
    assert not judged(said(b'{"choices":[{"message":"refusal":"'))["refusal"]
    assert not judged(said(b'["\\"refusal\\":\\"", {"refusal":"x"}]'))["refusal"]


@pytest.mark.parametrize(
    ("reply", "is_refusal"),
    [
        ({"choices": [{"message": {"content": "I'm sorry, but I can't help with that."}}]}, True),
        ({"choices": [{"message": {"content": "申し訳ありませんが、お答えできません。"}}]}, True),
        ({"content": [{"type": "text", "text": "I cannot assist with that request."}]}, True),
        ({"output": [{"content": [{"type": "output_text", "text": "I must decline."}]}]}, True),
        ({"choices": [{"message": {"content": "Gladly. It is in the depot."}}]}, False),
        ({"choices": [{"message": {"content": "Gladly. " * 60 + "I cannot help you."}}]}, False),
    ],
)
def test_so_are_words_that_decline_at_its_beginning_whatever_its_provider(reply, is_refusal):
    body = Body("reply", "application/json", 1, json.dumps(reply, ensure_ascii=False).encode())
    assert judged([body])["refusal"] is is_refusal


def test_what_is_too_long_to_be_looked_into_is_judged_by_its_end_alone(monkeypatch):
    monkeypatch.setattr(judging, "_MAX_READ", 20)
    body = Body("reply", "application/json", 1, b'{"choices":[{"message":{"refusal":"No."}}]}')
    assert not judged([body])["refusal"]
    assert judged([body], finish_reason="refusal")["refusal"]


@pytest.mark.parametrize(
    "changes",
    [
        {"end": "gateway_error", "error_code": "internal_error", "status": 500},
        {"end": "interrupted", "status": None, "duration_s": None},
        {"end": "refused", "error_code": "overloaded", "status": 503},
        {"error_code": "stream_cut", "end": "truncated"},
        {"error_code": "guardrail_unavailable", "status": 503, "end": "refused"},
    ],
)
def test_what_the_gateway_did_wrong_says_nothing(changes):
    assert judged(**changes) == {}


@pytest.mark.parametrize(("duration", "slow"), [(1.2, False), (6.0, True)])
def test_who_leaves_is_judged_by_slowness_alone(duration, slow):
    assert judged(end="client_closed", duration_s=duration) == {"slow": slow}


def test_a_stream_that_never_began_has_waited_in_vain():
    assert judged(end="client_closed", duration_s=1.2, first_token_s=None) == {"slow": True}
    assert judged(end="client_closed", duration_s=1.2, first_token_s=None, stream=False) == {"slow": False}


def test_without_limits_nothing_is_slow():
    assert not judged(slow=Slow(), duration_s=1e6, first_token_s=1e6)["slow"]


def test_only_the_metrics_that_are_asked_for_judge():
    assert bad_events(row(), (), SLOW, frozenset({"error"})) == {"error": False}
