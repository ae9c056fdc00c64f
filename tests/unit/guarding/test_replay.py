"""What guardrails would say of an exchange that is in the log."""

import json

import pytest
from tests.support.guardrails import OtherRedactor, Redactor, Runs, Shouting, Told, Word

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.snapshot import Route, Snapshot
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.replay import Key, Unseen, asked, judge
from llmgateway.guarding.trial import Trial
from llmgateway.guardrails.json_schema.judge import JsonSchemaJudge
from llmgateway.ports.store import Body

REQUEST, REPLY = Stage.REQUEST, Stage.REPLY
CLASSES = {
    "guardrail": {"runs": Runs, "word": Word, "told": Told, "pii": Redactor, "secrets": OtherRedactor},
    "judge": {"json_schema": JsonSchemaJudge, "shouting": Shouting},
}
NUMBER = (REQUEST, "digits", "number")


def guard(*guardrails):
    route = Route("chat", (), guardrails=guardrails)
    named = Guarding({each.name: each for each in guardrails})
    return Trial(Snapshot(1, routes={"chat": route}, guarding=named), CLASSES.get).guards_of_routes().of_route("chat")


def digits(action=Action.REDACT, mode=Mode.ENFORCE, stages=(REQUEST, REPLY), **more):
    return Guardrail("digits", "runs", stages, action, mode, **more)


def rude(action=Action.BLOCK, mode=Mode.ENFORCE, stages=(REQUEST, REPLY)):
    return Guardrail("rude", "word", stages, action, mode, options={"word": "bother"})


def asking(text, role="user"):
    return {"model": "chat", "messages": [{"role": role, "content": text}]}


def bodies(request=None, reply=None, **more):
    said = {"request": request, "reply": reply}
    contents = {kind: json.dumps(each).encode() for kind, each in said.items() if each is not None}
    return [Body(kind, "application/json", len(each), each, **more) for kind, each in contents.items()]


def replayed(guarding, *args, **more):
    return judge(guarding, bodies(*args, **more), lambda value: f"{value[:1]}/{len(value)}")


def told(found):
    return {tuple(key): (each.action, each.mode, each.count, each.hint) for key, each in found.said.items()}


def test_both_sides_are_judged_and_nothing_of_a_value_is_kept_but_a_hint():
    found = replayed(guard(digits()), asking("ring 5551234 or 99887766"), asking("1234"))
    redact = (Action.REDACT, Mode.ENFORCE)
    assert told(found) == {NUMBER: (*redact, 2, "5/7"), (REPLY, *NUMBER[1:]): (*redact, 1, "1/4")}
    assert (found.action, found.is_refused, found.unseen) == (Action.REDACT, False, {})
    assert "5551234" not in repr(found)


@pytest.mark.parametrize(
    "text",
    ['say "x" 5551234', "\u3042 5551234", '{"call": "5551234"}', '{"card": 5551234}', "a\n5551234"],
)
def test_the_hint_is_of_the_value_however_it_is_written(text):
    (said,) = replayed(guard(digits()), asking(text)).said.values()
    assert said.hint == "5/7"


def test_a_refused_request_has_no_reply():
    found = replayed(guard(rude(), digits()), asking("bother"), asking("1234"))
    assert (found.is_refused, found.action) == (True, Action.BLOCK)
    assert set(found.said) == {Key(REQUEST, "rude", "word")}


def test_who_only_looks_changes_nothing():
    found = replayed(guard(rude(mode=Mode.OBSERVE), digits(Action.FLAG)), asking("bother 1234"), asking("bother"))
    assert (found.is_refused, found.action) == (False, Action.FLAG)
    assert set(found.said) == {(REQUEST, "rude", "word"), NUMBER, (REPLY, "rude", "word")}


def test_in_replies_those_that_look_see_what_the_others_have_left():
    watching = Guardrail("watching", "runs", (REPLY,), Action.FLAG)
    assert set(replayed(guard(digits(), watching), None, asking("1234")).said) == {(REPLY, "digits", "number")}
    assert set(replayed(guard(watching), None, asking("1234")).said) == {(REPLY, "watching", "number")}


def test_stages_are_kept():
    found = replayed(guard(digits(stages=(REPLY,))), asking("1234"), asking("none"))
    assert found.said == {}


def test_judges_look_first_and_at_requests():
    loud = Guardrail("loud", "shouting", action=Action.BLOCK)
    found = replayed(guard(digits(), loud), asking("LOUD 1234", "tool"), asking("LOUD", "tool"))
    assert (found.is_refused, set(found.said)) == (True, {Key(REQUEST, "loud", "shouting.loud")})
    (said,) = found.said.values()
    assert (said.score, said.hint.strip()) == (0.9, "/9")  # the length of the whole text, and nothing of it


def test_a_reply_that_is_no_json_is_a_text():
    found = judge(guard(digits()), [Body("reply", "text/plain", 4, b"a 1234 \xff")], str)
    assert set(found.said) == {(REPLY, "digits", "number")}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, Unseen.ABSENT),
        (Body("request", "application/json", 9, None, "abc"), Unseen.NOT_KEPT),
        (Body("request", "application/json", 9, b'{"not_stored":"a guardrail failed"}'), Unseen.NOT_KEPT),
        (Body("request", "application/json", 9, b"--form\r\n1234"), Unseen.NO_JSON),
    ],
)
def test_it_is_said_why_nobody_could_look(body, why):
    found = judge(guard(digits()), [body] if body else [], str)
    assert (found.unseen, found.said) == ({REQUEST: why, REPLY: Unseen.ABSENT}, {})


def test_what_was_cut_is_judged_as_far_as_it_goes():
    body = Body("request", "application/json", 99, b'{"messages":[{"content":"1234 and', is_truncated=True)
    found = judge(guard(digits()), [body], str)
    assert (found.cut, set(found.said)) == ({REQUEST}, {NUMBER})


def test_stand_ins_tell_what_was_taken_out():
    found = replayed(guard(digits(restore=True)), asking("<NUMBER_1> [MARK] [OTHER] NUMBER"), asking("[NUMBER]"))
    assert found.taken_out == {REQUEST: {"number", "mark"}, REPLY: {"number"}}


def test_without_a_guard_nobody_looks():
    assert judge(None, bodies(asking("1234")), str).said == {}
    assert asked(None) == frozenset()


def test_who_is_asked_about_what():
    loud = Guardrail("loud", "shouting", (REQUEST,))
    watching = rude(mode=Mode.OBSERVE, stages=(REPLY,))
    assert asked(guard(digits(), watching, loud)) == {
        (REQUEST, "digits"),
        (REPLY, "digits"),
        (REPLY, "rude"),
        (REQUEST, "loud"),
    }


def test_what_looks_after_stored_bodies_says_nothing():
    assert told(replayed(guard(digits()), asking("ZZZZ"), asking("ZZZZ"))) == {}


TOLD = Guardrail("told", "told", (REPLY,))
LEAK = (REPLY, "told", "told")


def test_a_reply_is_judged_by_its_own_request():
    asked = asking("the goose is grey", "system")
    assert set(replayed(guard(TOLD), asked, asking("so the goose is grey")).said) == {LEAK}
    assert set(replayed(guard(TOLD), asking("the goose is grey"), asking("so the goose is grey")).said) == set()


@pytest.mark.parametrize(
    ("request_", "unbound"),
    [
        (None, {"told"}),
        (Body("request", "application/json", 9, None, "abc"), {"told"}),
        (Body("request", "application/json", 99, b'{"system": "goose', is_truncated=True), {"told"}),
        (Body("request", "multipart/form-data", 9, b"--form\r\n1234"), set()),  # the gateway could not look either
    ],
)
def test_it_is_said_where_the_request_is_not_known(request_, unbound):
    kept = [request_] if request_ else []
    found = judge(guard(TOLD), [*kept, *bodies(None, asking("goose"))], str)
    assert (found.unbound, found.said) == (unbound, {})


def test_an_echo_of_the_instructions_is_none_in_a_replay_either():
    asked = {"instructions": "the goose is grey", "input": "hi"}
    assert replayed(guard(TOLD), asked, {"instructions": "the goose is grey"}).said == {}
    assert set(replayed(guard(TOLD), asked, {"output": "the goose is grey"}).said) == {LEAK}


def test_a_judge_of_replies_is_bound_to_the_stored_request():
    form = Guardrail("form", "json_schema", (REPLY,), Action.BLOCK)
    asked = asking("hi") | {"response_format": {"type": "json_object"}}
    answer = {"choices": [{"message": {"content": "Sure!", "reasoning_content": "a thought"}}]}
    (key,) = replayed(guard(form), asked, answer).said
    assert key == (REPLY, "form", "json_schema.not_json")
    assert replayed(guard(form), asking("hi"), answer).said == {}
    assert replayed(guard(form), None, answer).unbound == {"form"}
