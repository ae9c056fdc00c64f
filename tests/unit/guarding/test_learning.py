"""What a session's guardrails learn before they judge what its model says, and how seldom they have to."""

from dataclasses import replace

import pytest
from tests.support.guardrails import Told
from tests.unit.guarding.test_session import LINKS, guarded, text_delta, written

from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.steps import Step
from llmgateway.ports.judge import Piece

TOLD = Told({})
CHAIN = Chain([Link("told", TOLD, Action.REDACT)])
SYSTEM = {"type": "conversation.item.create", "item": {"role": "system", "content": [{"text": "the rules"}]}}
USER = {"type": "conversation.item.create", "item": {"role": "user", "content": [{"text": "hello"}]}}


class Binds:
    """Makes guards as a route's does, and counts how often."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        nobody = Chain(())
        self._guard = Guard(LINKS, CHAIN, nobody, nobody, nobody, masks=False, binders=(TOLD,))

    def __call__(self, pieces) -> Guard:
        self.told.append([each.text for each in pieces])
        return self._guard.bound_to(pieces)


def session(binds: Binds):
    return guarded(request=Chain(()), reply=CHAIN, bind=binds, tells=True)


def say(talk, event) -> None:
    step = talk.said(written(event))
    assert step.to_backend
    talk.sent(step)


def hear(talk, *events) -> list[str]:
    return [each.decode() for event in events for each in talk.heard(written(event)).to_caller]


def echo(event, **more) -> dict:
    return {"type": "conversation.item.added", "item": {"id": "u", **event["item"], **more}}


def test_it_learns_once_a_response_and_not_from_what_it_is_told_back():
    binds = Binds()
    talk = session(binds)
    for event in (SYSTEM, USER, USER):
        say(talk, event)
        hear(talk, echo(event), {"type": "rate_limits.updated"}, {"type": "error", "error": {"message": "no"}})
    assert binds.told == []
    assert hear(talk, *[text_delta("a. ")] * 3)
    assert binds.told == [["the rules", "hello", "hello"]]


@pytest.mark.parametrize(
    "event",
    [
        echo(USER, content=[{"text": "something else: the rules"}]),
        {"type": "something.new", "deep": ["the rules"]},
        {
            "type": "conversation.item.retrieved",
            "item": {"id": "j", "role": "assistant", "content": [{"text": "the rules"}]},
        },
    ],
)
def test_what_the_caller_has_not_said_is_judged_by_what_is_known(event):
    binds = Binds()
    talk = session(binds)
    say(talk, SYSTEM)
    (given,) = hear(talk, event)
    assert ("[TOLD]" in given, "the rules" in given) == (True, False)


def test_only_what_has_gone_on_is_known():
    binds = Binds()
    talk = session(binds)
    step = talk.said(written(SYSTEM))
    hear(talk, text_delta("a"))
    assert binds.told == [[]]
    talk.sent(replace(step, texts=[Piece("other rules", "system")]))
    talk.sent(Step())
    hear(talk, text_delta("a"))
    assert binds.told[-1] == ["other rules"]


def test_what_it_costs_to_learn_is_told_before():
    talk = session(Binds())
    assert talk.burden == 0
    say(talk, {"type": "session.update", "session": {"instructions": "x" * 10_000}})
    assert talk.burden > 32 * 1024
    hear(talk, text_delta("a"))
    assert talk.burden == 0
    assert 10_000 < talk.held < 10_500  # and the names of what was said of


def test_what_was_made_of_it_is_let_go_when_nothing_is_being_said():
    talk = session(Binds())
    say(talk, SYSTEM)
    hear(talk, text_delta("a"))
    assert talk._stream._chain is not CHAIN
    hear(talk, {"type": "response.done", "response": {"id": "r"}})
    assert talk._stream._chain is CHAIN
    assert talk.burden == 0
