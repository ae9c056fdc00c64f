"""What is bad about an answer, by rules."""

import json

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.guarding.pieces import answer_of
from llmgateway.replaying.badness import Judge
from llmgateway.replaying.pairs import Bad
from llmgateway.wire.cutoff import CUT_OFF

PLAIN = b'{"messages":[]}'
AS_JSON = json.dumps(
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"required": ["city"], "type": "object"}}}}
).encode()


def row(**changes):
    return ExchangeFactory().row(finish_reason="stop") | changes


def reply(text, **message):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text, **message}}]}).encode()


def bad(text="fine", request=PLAIN, slow_s=None, message=None, **changes):
    return Judge(slow_s).bad(row(**changes), request, reply(text, **(message or {})))


def test_a_good_answer_has_no_fault():
    assert bad() == ()
    assert bad("I am sorry for the delay: your parcel is on its way.") == ()


@pytest.mark.parametrize(
    "changes", [{"status": 502, "end": "upstream_error"}, {"end": "interrupted"}, {"status": 429, "end": "completed"}]
)
def test_what_did_not_complete_is_an_error(changes):
    assert bad(**changes) == (Bad.ERROR,)


def test_what_the_log_does_not_know_is_an_error():
    assert Judge().bad(None, PLAIN, None) == (Bad.ERROR,)


def test_what_a_guardrail_stopped_is_no_error():
    assert bad(status=400, error_code="guardrail_blocked") == (Bad.BLOCKED,)
    verdict = {"action": "block", "mode": "enforce"}
    assert bad(verdicts=[verdict]) == (Bad.BLOCKED,)
    assert bad(verdicts=[verdict | {"mode": "observe"}]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, I can\u2019t do this.",
        "I cannot assist with that request.",
        "申し訳ありませんが、お答えできません。",
    ],
)
def test_refusals(text):
    assert bad(text) == (Bad.REFUSAL,)


def test_a_refusal_is_looked_for_where_it_stands():
    assert bad("A story. " * 100 + "I can't help with that.") == ()
    assert bad(finish_reason="content_filter") == (Bad.REFUSAL,)
    assert bad(finish_reason="safety") == (Bad.REFUSAL,)
    assert bad("", message={"content": None, "refusal": "I will not."}) == (Bad.REFUSAL,)


def test_empty_answers_are_bad_unless_a_tool_is_called():
    assert bad("") == (Bad.EMPTY,)
    assert bad("", message={"tool_calls": [{"id": "c"}]}) == ()
    assert bad("", finish_reason="tool_calls") == ()
    assert Judge().bad(row(finish_reason="tool_use"), PLAIN, b'{"content":[{"type":"tool_use"}]}') == ()


def test_the_json_that_was_asked_for():
    assert bad('{"city":"Kyoto"}', AS_JSON) == ()
    assert bad('{"town":"Kyoto"}', AS_JSON) == (Bad.SCHEMA,)
    assert bad("Kyoto", AS_JSON) == (Bad.SCHEMA,)
    nothing = AS_JSON.replace(b'"object"', b'"nonsense"')
    assert bad("{}", nothing) == ()  # by a schema that is none nobody can judge


@pytest.mark.parametrize("reason", sorted(CUT_OFF))
def test_an_answer_that_ends_where_its_room_does(reason):
    assert bad(finish_reason=reason) == (Bad.TRUNCATED,)


def test_cut_off_and_slow_beside_others():
    assert bad(finish_reason="length") == (Bad.TRUNCATED,)
    assert bad(duration_s=2.0, slow_s=1.0) == (Bad.SLOW,)
    assert bad(duration_s=2.0) == ()
    assert bad("", finish_reason="length", duration_s=2.0, slow_s=1.0) == (Bad.EMPTY, Bad.TRUNCATED, Bad.SLOW)


def test_an_answer_that_is_not_kept_is_judged_by_its_figures():
    assert Judge(1.0).bad(row(duration_s=2.0), PLAIN, None) == (Bad.SLOW,)


def test_the_answer_is_what_the_model_says_not_what_it_thinks():
    told = {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]}
    assert answer_of(told) == "yes"
