"""Which of a backend's headers go on, and what is remembered of those that do."""

from types import SimpleNamespace

import pytest

from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.domain.verdict import Action, Mode
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guardrails.pii.guardrail import PiiGuardrail

CARD = "4111 1111 1111 1111"


def chain(action: Action, mode: Mode = Mode.ENFORCE) -> Chain:
    return Chain([Link("pii", PiiGuardrail({}), action, mode)])


def may_say(judged: Chain, header: bytes) -> bool:
    return GuardedReply.may_say(SimpleNamespace(guard=SimpleNamespace(chain=judged)), header)


@pytest.mark.parametrize("header", [CARD, CARD.replace(" ", "%20"), CARD.replace(" ", "%2520")])
@pytest.mark.parametrize("action", [Action.REDACT, Action.BLOCK])
def test_one_in_which_something_is_found_does_not_go_on(action, header):
    judged = chain(action)
    for _ in range(2):
        assert not may_say(judged, header.encode())
    assert may_say(judged, b"org-abc")


def test_what_holds_nothing_is_remembered():
    judged = chain(Action.REDACT)
    assert may_say(judged, b"149984")
    assert b"149984" in judged.clean


@pytest.mark.parametrize(("action", "mode"), [(Action.FLAG, Mode.ENFORCE), (Action.BLOCK, Mode.OBSERVE)])
def test_what_is_only_told_of_goes_on_and_is_told_of_in_the_next_text_too(action, mode):
    judged = chain(action, mode)
    assert may_say(judged, CARD.encode())
    assert CARD.encode() not in judged.clean


@pytest.mark.parametrize("header", [b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", "様".encode(), b"a\x1fb"])
def test_odd_ones_are_looked_at_as_any_other(header):
    assert may_say(chain(Action.BLOCK), header)
