"""What a replay adds up to."""

import json

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from tests.unit.guarding.test_replay import asking, bodies, digits, guard, rude

from llmgateway.config.guarding import Guardrail
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.replayed import EXAMPLES, Replay
from llmgateway.ports.store import Body


@pytest.fixture
def make():
    return ExchangeFactory()


def recorded(guardrail="digits", kind="number", **more):
    return verdict(guardrail=guardrail, kind=kind, **more)


def replay(*guardrails, names=None, routes=("support",)):
    asked = guard(*guardrails)
    return Replay(lambda route: asked if route in routes else None, lambda value: f"{len(value)}", names)


def figures(done):
    return {
        (row["stage"], row["guardrail"], row["kind"]): tuple(
            row[name] for name in ("exchanges", "new", "changed", "gone", "unknown")
        )
        for row in done.shown()["verdicts"]
    }


NUMBER = ("request", "digits", "number")


@pytest.mark.parametrize(
    ("verdicts", "text", "expected"),
    [
        ([], "1234", (1, 1, 0, 0, 0)),
        ([recorded()], "1234", (1, 0, 0, 0, 0)),
        ([recorded(action="flag")], "1234", (1, 0, 1, 0, 0)),
        ([recorded(mode="observe")], "1234", (1, 0, 1, 0, 0)),
        ([recorded()], "nothing", (0, 0, 0, 1, 0)),
        ([recorded()], "[NUMBER]", (0, 0, 0, 0, 1)),
        ([recorded()], None, (0, 0, 0, 0, 1)),
        ([recorded(stage="neither")], "1234", (1, 1, 0, 0, 0)),
    ],
)
def test_a_verdict_is_compared_with_what_was_recorded(make, verdicts, text, expected):
    done = replay(digits())
    done.add(make.row(verdicts=verdicts), bodies(None if text is None else asking(text), asking("fine")))
    assert figures(done) == {NUMBER: expected}


def test_what_a_judge_said_of_a_whole_text_is_not_hidden_by_what_was_taken_out_of_it(make):
    done = replay(digits(), Guardrail("loud", "shouting"))
    said = recorded("loud", "shouting.loud", action="flag")
    done.add(make.row(verdicts=[said]), bodies(asking("quiet now [NUMBER]", "tool")))
    assert figures(done) == {("request", "loud", "shouting.loud"): (0, 0, 0, 1, 0)}


def test_what_was_cut_may_have_held_it(make):
    done = replay(digits())
    done.add(make.row(verdicts=[recorded()]), [Body("request", "application/json", 9, b"x", is_truncated=True)])
    assert figures(done) == {NUMBER: (0, 0, 0, 0, 1)}


def test_of_whom_nobody_asks_any_more_every_verdict_is_gone(make):
    done = replay(digits())
    done.add(make.row(verdicts=[recorded("left", "mark")]), bodies(asking("[MARK]")))
    done.add(make.row(verdicts=[recorded("left", "mark")], route="elsewhere"), bodies(asking("[MARK]")))
    assert figures(done) == {("request", "left", "mark"): (0, 0, 0, 2, 0)}
    assert done.shown()["unguarded"] == {"elsewhere": 1}


def test_replies_that_would_never_have_been_given_have_no_verdicts(make):
    done = replay(rude(), digits())
    done.add(make.row(verdicts=[recorded(stage="reply")]), bodies(asking("bother"), asking("[NUMBER]")))
    assert figures(done)["reply", "digits", "number"] == (0, 0, 0, 1, 0)
    assert done.shown()["outcomes"] == {"allow": 0, "flag": 0, "redact": 0, "block": 1}


def test_where_some_are_named_only_theirs_are_compared(make):
    done = replay(digits(), names=["digits"])
    done.add(make.row(verdicts=[recorded("other", "word"), recorded()]), bodies(asking("nothing")))
    assert figures(done) == {NUMBER: (0, 0, 0, 1, 0)}


def test_examples_are_the_newest_of_what_is_new_and_never_the_value(make):
    done = replay(digits())
    rows = [make.row(verdicts=[recorded()] if at == 0 else []) for at in range(5)]
    for row in rows:
        done.add(row, bodies(asking("55512345678")))
    (shown,) = done.shown()["verdicts"]
    assert [each["exchange"] for each in shown["examples"]] == [row["id"] for row in rows[1 : 1 + EXAMPLES]]
    assert shown["examples"][0] == {"exchange": rows[1]["id"], "change": "new", "score": 1.0, "count": 1, "hint": "11"}
    assert "55512" not in json.dumps(done.shown())  # three digits may stand in an id


def test_a_few_of_those_that_are_gone_are_named(make):
    done = replay(digits())
    rows = [make.row(verdicts=[recorded()]) for _ in range(5)]
    for row in rows:
        done.add(row, bodies(asking("fine")))
    (shown,) = done.shown()["verdicts"]
    assert shown["gone_examples"] == [row["id"] for row in rows[:EXAMPLES]]
    assert (shown["action"], shown["mode"]) == (None, None)


def test_the_strictest_stand_first(make):
    done = replay(digits(Action.FLAG), rude(mode=Mode.OBSERVE))
    done.add(make.row(verdicts=[recorded("left")]), bodies(asking("1234 bother")))
    assert [(key.guardrail, tally.action) for key, tally in done.rows()] == [
        ("rude", Action.BLOCK), ("digits", Action.FLAG), ("left", None),
    ]  # fmt: skip


def test_what_nobody_could_look_into_is_counted(make):
    done = replay(digits())
    done.add(make.row(), [])
    done.add(make.row(), [Body("reply", "application/json", 9, None), *bodies(asking("[MARK] <NUMBER_1>"))])
    shown = done.shown()
    assert shown["unseen"] == {"request": {"absent": 1}, "reply": {"absent": 1, "not_kept": 1}}
    assert shown["taken_out"] == {"request": {"mark": 1, "number": 1}, "reply": {}}


def test_a_guardrail_that_fails_ends_nothing_and_is_not_quoted(make, monkeypatch):
    done = replay(digits())
    monkeypatch.setattr("tests.support.guardrails.Runs.find", lambda *_: 1 / 0)
    row = make.row()
    done.add(row, bodies(asking("1234")))
    monkeypatch.undo()
    done.add(make.row(), bodies(asking("1234")))
    shown = done.shown()
    assert (shown["exchanges"], shown["failed"], shown["failed_examples"]) == (2, 1, [row["id"]])
    assert figures(done) == {NUMBER: (1, 1, 0, 0, 0)}


def test_a_reply_whose_request_is_not_known_is_nobodys_who_must_know_it(make):
    done = replay(Guardrail("told", "told", (Stage.REPLY,)))
    said = [recorded("told", "told", stage="reply")]
    done.add(make.row(verdicts=said), bodies(None, asking("goose")))
    done.add(make.row(verdicts=said), bodies(asking("x"), asking("goose")))
    assert figures(done) == {("reply", "told", "told"): (0, 0, 0, 1, 1)}
    assert done.shown()["unbound"] == {"told": 1}
