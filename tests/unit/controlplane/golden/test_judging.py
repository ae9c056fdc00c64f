"""Which answers pass, which say nothing, and what is told of a change."""

import json

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.config.golden import Match
from llmgateway.config.snapshot import Version
from llmgateway.controlplane.golden.judging import OTHER, judged
from llmgateway.controlplane.golden.rounds import MAX_TOLD, told
from llmgateway.controlplane.golden.verdicts import Verdict, newly_failed, says_nothing, verdict_of
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.ports.datasets import DatasetItem
from llmgateway.wire.jsoncodec import decode, encode

MAKE = ExchangeFactory()
V1 = Version("v1", "aaa", ())
GOOD, BAD = Verdict(True, "", "x1"), Verdict(False, "refusal", "x2")


def said(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice]}).encode()


def item(reply="It is 42."):
    return DatasetItem(0, None, "h", "openai", "/v1/chat/completions", request=b"{}", reply=reply and said(reply))


@pytest.mark.parametrize(
    ("answer", "match", "reason"),
    [
        ("It  is 42.", Match.EXACT, ""),
        ("It is 42. Surely.", Match.EXACT, OTHER),
        ("Well, It is\n42. Surely.", Match.CONTAINS, ""),
        ("It is 41.", Match.CONTAINS, OTHER),
        ("It is 41.", Match.RULES, ""),
        ("I'm sorry, but I can't help with that.", Match.RULES, "refusal"),
        ("", Match.RULES, "empty"),
    ],
)
def test_what_passes(answer, match, reason):
    row = MAKE.row()
    assert judged(row, item(), said(answer), match) == Verdict(not reason, reason, row["id"])


def test_what_the_dataset_does_not_say_cannot_be_missed():
    assert judged(MAKE.row(), item(reply=None), said("anything"), Match.EXACT).passes


def test_an_error_fails_whatever_was_said():
    row = MAKE.row(end="upstream_error", status=502, error_code="upstream_error")
    assert judged(row, item(), None, Match.RULES).reason == "error"


@pytest.mark.parametrize(
    ("code", "nothing"),
    [
        (None, False),
        ("upstream_error", False),
        ("guardrail_blocked", False),
        ("overloaded", True),
        ("pin_not_allowed", True),
        ("rate_limited", True),
        ("invalid_api_key", True),
    ],
)
def test_what_the_gateway_or_the_question_is_at_fault_for_says_nothing(code, nothing):
    assert says_nothing(MAKE.row(error_code=code)) is nothing


def test_what_is_new_is_what_passed_before():
    before = {"a": GOOD, "b": BAD, "c": GOOD, "e": GOOD}
    now = {"a": BAD, "b": BAD, "c": GOOD, "d": BAD}
    assert newly_failed(before, now) == {"a": BAD}


def test_it_is_told_with_what_to_look_at():
    before = {"a": GOOD, "b": GOOD, "c": GOOD}
    now = {"a": BAD, "b": BAD._replace(reason=OTHER), "c": GOOD}
    event = told("chat", V1, (1.0, before), now, 9.0)
    assert (event.kind, event.severity, event.route, event.version, event.at) == (
        EventKind.PROBE,
        EventSeverity.WARNING,
        "chat",
        "v1",
        9.0,
    )
    assert event.text.startswith("2 of 3 golden questions that version v1 of route chat answered well")
    assert event.figures["questions"][0] == {"question": "a", "reason": "refusal", "exchange": "x2"}
    assert told("chat", V1, (1.0, before), now, 99.0).id == event.id
    assert told("chat", V1, (2.0, before), now, 9.0).id != event.id
    assert told("chat", V1, (1.0, now), now, 9.0) is None


def test_an_event_is_bounded():
    before = {str(number): GOOD for number in range(100)}
    event = told("chat", V1, (1.0, before), dict.fromkeys(before, BAD), 9.0)
    assert len(event.figures["questions"]) == MAX_TOLD
    assert event.figures["failed"] == 100


def test_verdicts_survive():
    assert verdict_of(decode(encode(list(BAD)))) == BAD
    with pytest.raises(ValueError, match="unpack"):
        verdict_of([True])
