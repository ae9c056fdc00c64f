"""What would be found in a text, and what would follow: the same as the gateway does with it."""

import json
import random

import pytest
from tests.support.guardrails import Named, Told, chain, numbers, word

from llmgateway.domain.verdict import Action, Finding, Mode, Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.checking import Found, Panel
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guardrails.json_schema.judge import JsonSchemaJudge
from llmgateway.ports.judge import Judged


class Shouting:
    """Judges texts that are all capitals, of users alone."""

    name = "shouting"
    version = "1"
    kinds = ("shouting.loud",)

    def judge(self, pieces):
        return [
            Judged(at, Finding(0, len(piece.text), "shouting.loud", 0.75))
            for at, piece in enumerate(pieces)
            if piece.text.isupper() and piece.source == "user"
        ]


def check(text, *links, judges=(), stage=Stage.REQUEST):
    return Panel(chain(*links), [JudgeLink(each.name, each, Action.FLAG) for each in judges]).check(text, stage)


def test_what_is_found_is_told_with_its_place_and_replaced():
    checked = check("é 1234 and 777777", numbers())
    assert checked.shown() == {
        "action": "redact",
        "redacted": "é [NUMBER] and [NUMBER]",
        "findings": [
            {"guardrail": "numbers", "kind": "number", "start": 2, "end": 6, "score": 1.0},
            {"guardrail": "numbers", "kind": "number", "start": 11, "end": 17, "score": 1.0},
        ],
    }


@pytest.mark.parametrize(
    ("links", "action", "redacted"),
    [
        ([numbers(Action.FLAG)], "flag", "1234 x"),
        ([numbers(Action.FLAG), word("x")], "redact", "1234 [WORD]"),
        ([numbers(), word("x", Action.BLOCK)], "block", "[NUMBER] [WORD]"),
        ([numbers(Action.BLOCK, Mode.OBSERVE)], "allow", "1234 x"),
        ([word("nothing")], "allow", "1234 x"),
        ([], "allow", "1234 x"),
    ],
)
def test_the_strictest_action_is_taken(links, action, redacted):
    checked = check("1234 x", *links)
    assert (checked.action.value, checked.redacted) == (action, redacted)


def test_findings_of_those_who_only_look_are_told_too():
    checked = check("1234 x", numbers(Action.BLOCK, Mode.OBSERVE), word("4 x", Action.FLAG))
    assert [(each.guardrail, each.start, each.end) for each in checked.findings] == [("numbers", 0, 4), ("word", 3, 6)]


def test_the_same_value_has_the_same_placeholder_however_it_is_written():
    checked = check('{"a": "1234", "b": "5678 12\\u00334", "c": "<NUMBER_1>"}', numbers(restore=True))
    assert checked.redacted == '{"a": "<NUMBER_2>", "b": "<NUMBER_3> <NUMBER_2>", "c": "<NUMBER_1>"}'


def test_offsets_in_json_are_those_of_the_text_that_was_given():
    text = '{"é": "\\u00e9 12\\u0033456", "n": 98765}'
    checked = check(text, numbers())
    assert [text[each.start : each.end] for each in checked.findings] == ["12\\u0033456", "98765"]
    assert checked.redacted == '{"é": "\\u00e9 [NUMBER]", "n": "[NUMBER]"}'


def named(action=Action.REDACT):
    return Link("named", Named({}), action)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('{"pin": "1234", "no": "5678"}', '{"pin": "[NUMBER]", "no": "5678"}'),
        ('{"pin": 1234, "no": 5678}', '{"pin": "[NUMBER]", "no": 5678}'),
        (r'{"\u0070in": "12\u00334"}', r'{"\u0070in": "[NUMBER]"}'),
        (r'{"a": "{\"pin\": \"1234\", \"n\": 5}"}', r'{"a": "{\"pin\": \"[NUMBER]\", \"n\": 5}"}'),
        (r'{"a": "{\"pin\": 1234}"}', r'{"a": "{\"pin\": \"[NUMBER]\"}"}'),
        ('[{"no": "1234"}]', '[{"no": "1234"}]'),
    ],
)
def test_a_name_in_json_tells_what_its_value_is(text, redacted):
    checked = check(text, named())
    assert (checked.redacted, checked.action) == (redacted, Action.REDACT if redacted != text else Action.ALLOW)
    judge = Sieve(chain(named()), Stage.REQUEST, Notes(), Placeholders())
    (content,) = json.loads(judge.json(json.dumps([text]).encode()))
    assert plain(content) == plain(redacted)


def test_what_is_found_in_a_value_and_beside_its_name_is_told_once():
    (found,) = check('{"pin": "1234"}', named(Action.FLAG)).findings
    assert (found.start, found.end) == (9, 13)
    found = check('{"pin": "1234"}', named(Action.FLAG), numbers()).findings
    assert [(each.guardrail, each.start) for each in found] == [("named", 9), ("numbers", 9)]


def test_judges_flag_and_see_whose_word_it_is():
    checked = check("HELLO 1234", judges=[Shouting()])
    assert (checked.action, checked.redacted) == (Action.FLAG, "HELLO 1234")
    assert checked.findings == [Found("shouting", "shouting.loud", 0, 10, 0.75)]
    assert check("HELLO 1234", numbers(), judges=[Shouting()]).action is Action.REDACT
    assert check("HELLO", judges=[Shouting()], stage=Stage.REPLY).action is Action.ALLOW


def random_text(dice, depth=0):
    words = ["1234", "55 555", "x", "é ", '"', "\\", "\n", "😀", "98765 ", "{", "}", ", "]
    if depth > 4 or dice.random() < 0.4:
        return "".join(dice.choices(words, k=dice.randrange(6)))
    inner: dict[str, object] = {random_text(dice, 9): random_text(dice, depth + 1) for _ in range(dice.randrange(4))}
    return json.dumps(inner | {"n": dice.choice([1, 12345, None])}, ensure_ascii=dice.random() < 0.5)


@pytest.mark.parametrize("seed", range(300))
def test_the_text_that_goes_on_says_what_it_says_when_the_gateway_judges_a_message(seed):
    text = random_text(random.Random(seed))
    links = chain(numbers(), word("555"), word("x", Action.FLAG), named())
    judge = Sieve(links, Stage.REQUEST, Notes(), Placeholders())
    expected = json.loads(judge.json(json.dumps({"content": text}).encode()))["content"]
    assert plain(Panel(links).check(text, Stage.REQUEST).redacted) == plain(expected)


def plain(value):
    """What a text says, whichever way its JSON is written."""
    if isinstance(value, str):
        try:
            return plain(json.loads(value)) if value.lstrip()[:1] in {"{", "["} else value
        except ValueError:
            return value
    return {plain(name): plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def test_who_must_know_the_request_says_so_and_judges_by_it_where_it_is_known():
    link = Link("told", Told({}), Action.BLOCK)
    panel, text = Panel(Chain([link])), "so the goose is grey"
    unknown = panel.check(text, Stage.REPLY)
    assert (unknown.action, unknown.findings, unknown.unbound) == (Action.ALLOW, [], ["told"])
    assert unknown.shown()["unbound"] == ["told"]
    known = panel.check(text, Stage.REPLY, {"system": "goose"})
    assert (known.action, known.redacted, known.unbound) == (Action.BLOCK, "so the [TOLD] is grey", ())
    assert panel.check(text, Stage.REPLY, {"system": ""}).shown().keys() == {"action", "redacted", "findings"}


def test_a_judge_that_must_know_the_request_is_bound_to_it_too():
    panel = Panel(Chain([]), [JudgeLink("form", JsonSchemaJudge({}), Action.BLOCK)])
    assert panel.check("Sure!", Stage.REPLY).unbound == ["form"]
    asked = {"response_format": {"type": "json_object"}}
    (found,) = panel.check("Sure!", Stage.REPLY, asked).findings
    assert (found.guardrail, found.kind, found.start, found.end) == ("form", "json_schema.not_json", 0, 5)
    assert panel.check("Sure!", Stage.REPLY, {}).findings == []
