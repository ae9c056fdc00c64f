"""JSON that comes in pieces: strings are judged as what they say, and what comes out is JSON again."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway import plugins
from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Link
from llmgateway.guarding.holdback import Blocked, HoldBack, joined
from llmgateway.guarding.jsonhold import JsonHoldBack
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders

LINKS = chain(numbers(), word("secret"), word('"é\n'))


def hold(links=LINKS) -> JsonHoldBack:
    return JsonHoldBack(lambda context: HoldBack(links, Notes(), Placeholders(), context=context))


def streamed(text: str, dice: random.Random, links=LINKS) -> str:
    held, out, at = hold(links), [], 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 9])
        out += held.feed(text[at : at + size])
        at += size
    return joined(out + held.finish())


def redacted(value):
    if isinstance(value, dict):
        return {redacted(key): redacted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    if isinstance(value, str):
        held = HoldBack(LINKS, Notes(), Placeholders())
        return joined(held.feed(value)) + joined(held.finish())
    return "[NUMBER]" if isinstance(value, int) and value > 999 else value


TEXT = st.lists(
    st.sampled_from(["secret", "1234", "12", "\\", '"', '"é\n', "😀", "日", "\u2028", " ", "sec", "/"])
).map("".join)
VALUES = st.recursive(
    TEXT | st.integers(0, 10**12) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans(), st.integers())
def test_any_cut_gives_the_redacted_document(value, is_ascii, seed):
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert json.loads(streamed(text, random.Random(seed))) == redacted(value)


@given(st.text('{}[]":,\\u0123456789dD8cab -.é', max_size=60), st.integers())
def test_what_is_no_json_passes_or_is_redacted_and_nothing_is_lost(text, seed):
    once = streamed(text, random.Random(seed))
    assert once == streamed(text, random.Random(seed + 1))
    if not any(text[at : at + 4].isdigit() for at in range(len(text))) and "\\" not in text:
        assert once == text


@pytest.mark.parametrize("text", [r'{"a":"\u0031\u0032\u0033\u0034"}', r'{"a":"se\u0063ret"}', '{"a": 1234}', "secret"])
def test_escapes_and_bare_words_hide_nothing(text):
    with pytest.raises(Blocked):
        streamed(text, random.Random(1), chain(numbers(Action.BLOCK), word("secret", Action.BLOCK)))


def test_what_is_not_replaced_is_not_written_anew():
    text = r'{"a\u0062" : "caf\u00e9 \/ \ud83d\ude00", "n": 1.50}'
    assert streamed(text, random.Random(1)) == text


def test_half_an_escape_at_the_end_comes_out_as_it_came():
    assert streamed('{"a":"b\\u00', random.Random(1)) == '{"a":"b\\u00'
    assert streamed('{"a":"b\\', random.Random(1)) == '{"a":"b\\'
    assert streamed(r'"\ud83dx \ud83d\n"', random.Random(1)) == r'"\ud83dx \ud83d\n"'


def test_a_value_is_judged_beside_its_name():
    secrets = chain(Link("secrets", plugins.load("guardrail", "secrets")({}), Action.REDACT))
    text = '{"user": "ann", "password": "Tr0ub4dor&3horse", "list": ["a", "Tr0ub4dor&3horse"]}'
    for seed in range(20):
        after = json.loads(streamed(text, random.Random(seed), secrets))
        assert after["password"] == "[SECRET_PASSWORD]"
        assert after["user"] == "ann"


@pytest.mark.parametrize(
    "text", [r'{"a":"\ud83d","b":"x"}', r'{"a":"\ud83d\n1234"}', r'["\ud83d", 1234, "se\u0063ret"]']
)
def test_half_a_pair_does_not_hide_what_follows(text):
    for seed in range(10):
        after = streamed(text, random.Random(seed))
        assert "1234" not in after
        assert "ret" not in after
        assert after.count('"') == text.count('"') + 2 * text.count(" 1234")
