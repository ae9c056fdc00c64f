"""JSON that comes in pieces: strings are judged as what they say, and what comes out is JSON again."""

import json
import random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import Word, chain, numbers, word

from llmgateway import plugins
from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Link
from llmgateway.guarding.holdback import Blocked, HoldBack, joined
from llmgateway.guarding.jsonhold import LEAP, JsonHoldBack
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.unescaping import Unescaping
from llmgateway.wire.view import View

LINKS = chain(numbers(), word("secret"), word('"é\n'))


def hold(links=LINKS) -> JsonHoldBack:
    return JsonHoldBack(
        lambda context: Unescaping(HoldBack(links, Notes(), Placeholders(), context=context)),
        lambda text: not links.enforced_hits(View(text)),
    )


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


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("depth", range(1, 5))
def test_escapes_in_json_inside_of_strings_hide_nothing(depth, seed):
    text = '{"a":"se\\u0063ret"}'
    for _ in range(depth):
        text = json.dumps({"more": text, "other": "x" * 80})
    links = chain(word("secret"))
    said = streamed(text, random.Random(seed), links)
    assert "[WORD]" in said
    for _ in range(depth):
        assert json.loads(said)["other"] == "x" * 80
        said = json.loads(said)["more"]
    assert json.loads(said) == {"a": "[WORD]"}
    held = hold(links)
    assert joined(held.feed(text) + held.finish()) == streamed(text, random.Random(seed), links)


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


class Counting(Word):
    """Notes how often it is asked, and about how many characters."""

    asked = seen = 0

    def find(self, view, start=0):
        type(self).asked += 1
        type(self).seen += len(view.text)
        return super().find(view, start)


def in_pieces(text: str, dice: random.Random, links=LINKS) -> str:
    held, out, at = hold(links), [], 0
    while at < len(text):
        size = dice.choice([5, 30, 200])
        out += held.feed(text[at : at + size])
        at += size
    return joined(out + held.finish())


@settings(max_examples=300, deadline=None)
@given(st.lists(VALUES, max_size=5), st.booleans(), st.integers())
def test_strings_that_are_judged_together_come_out_as_those_that_are_judged_one_by_one(values, is_ascii, seed):
    text = json.dumps(values, ensure_ascii=is_ascii)
    with patch.multiple("llmgateway.guarding.jsonhold", LEAP=4, WORTH=2):
        assert json.loads(in_pieces(text, random.Random(seed))) == redacted(values)


@given(st.text('{}[]":,\\u0123456789dD8cab -.\u00e9\n', max_size=60), st.integers())
def test_so_does_what_is_no_json(text, seed):
    with patch.multiple("llmgateway.guarding.jsonhold", LEAP=4, WORTH=2):
        assert in_pieces(text, random.Random(seed)) == streamed(text, random.Random(seed))


def test_a_value_among_many_is_judged_beside_its_name():
    secrets = chain(Link("secrets", plugins.load("guardrail", "secrets")({}), Action.REDACT))
    text = json.dumps({f"k{at}": f"v{at}" for at in range(500)} | {"password": "Tr0ub4dor&3horse"} | {"z": "a" * 3000})
    (passed, *_), held = hold(secrets).feed(text), hold(secrets)
    assert passed.length >= LEAP  # many of them went together
    assert json.loads(joined(held.feed(text) + held.finish()))["password"] == "[SECRET_PASSWORD]"
    held, cut = hold(secrets), text.index('"password"') + len('"password"')
    parts = held.feed(text[:cut]) + held.feed(text[cut:]) + held.finish()
    assert json.loads(joined(parts))["password"] == "[SECRET_PASSWORD]"


@pytest.mark.parametrize("raw", ["v", "secret", r"\n\t\"", r"\n secret \ud83d", "\x01", r"\ud83d", r"\q"])
def test_how_often_guardrails_are_asked_grows_with_the_length_and_no_faster(raw):
    links = chain(Link("counting", Counting({"word": "secret"}), Action.REDACT))
    for many in (1_000, 2_000):
        Counting.asked = Counting.seen = 0
        text = f'["{raw}"' + f', "{raw}"' * many
        joined(hold(links).feed(text))
        assert Counting.seen < 30 * len(text)
        assert Counting.asked < 6 * many
    assert (Counting.asked < 100) == (raw in {"v", r"\n\t\"", "\x01"})


def test_a_string_of_escapes_is_judged_at_once_though_its_end_has_not_come():
    links = chain(Link("counting", Counting({"word": "secret"}), Action.REDACT))
    Counting.asked = 0
    text = json.dumps('\n\t"caf\u00e9' * 1_000)[:-1]
    assert joined(hold(links).feed(text)) == text
    assert Counting.asked < 10


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"口座番号": 1234567, "n": 7654321}, {"口座番号": "[JP_BANK_ACCOUNT]", "n": 7654321}),
        ({"a": "口座番号", "b": {"account_number": 1234567}}, None),
        ({"phone": 5551234567}, {"phone": "[PHONE]"}),
    ],
)
def test_a_number_is_judged_beside_its_name(value, said, seed):
    pii = plugins.load("guardrail", "pii")({})
    links = chain(Link("pii", pii, Action.REDACT))
    long = {"first": "x" * 90, **value, "more": ["y" * 90, "z"]}
    for each in (value, long):
        text = json.dumps(each, ensure_ascii=False)
        found = json.loads(streamed(text, random.Random(seed), links))
        held = hold(links)
        assert found == json.loads(joined(held.feed(text) + held.finish()))
        assert said is None or {name: found[name] for name in said} == said
