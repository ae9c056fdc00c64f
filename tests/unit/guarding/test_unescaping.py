"""Texts that may be JSON in a stream: escapes hide nothing, whatever pieces they come in, and stay as they were written."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.verdict import Action
from llmgateway.guarding.holdback import Blocked, HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.unescaping import MAX_PENDING, Unescaping
from llmgateway.wire.jsontexts import unescaped
from llmgateway.wire.view import View

LINKS = chain(numbers(), word("secret"), word("極秘"))


def hold(links=LINKS) -> Unescaping:
    return Unescaping(HoldBack(links, Notes(), Placeholders()))


def streamed(text: str, sizes: list[int], links=LINKS, *, decides: bool = False) -> str:
    held, out, at = hold(links), [], 0
    while at < len(text):
        size = sizes[at % len(sizes)]
        parts = held.feed(text[at : at + size])
        parts += held.decide() if decides else []
        assert sum(part.length for part in out + parts) <= at + size
        out += parts
        at += size
    out += held.finish()
    assert sum(part.length for part in out) == len(text)
    return joined(out)


def written(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


def deep(text: str, depth: int) -> str:
    for _ in range(depth):
        text = json.dumps({"a": text})
    return text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "\\u0031\\u0032\\u0033\\u0034"}', '{"a": "[NUMBER]"}'),
        ('{"a": "12\\u00334", "b": "\\u006b"}', '{"a": "[NUMBER]", "b": "\\u006b"}'),
        (' \n["\\u6975\\u79d8\\u8a08\\u753b"]', ' \n["[WORD]\\u8a08\\u753b"]'),
        ('"se\\u0063ret"', '"[WORD]"'),
        ('{"a": "c:\\\\new\\n \\"q\\""}', '{"a": "c:\\\\new\\n \\"q\\""}'),
        ('{"a": "\\ud83d\\ude00 \\u00"}', '{"a": "\\ud83d\\ude00 \\u00"}'),
        ('{"a": "\\u12', '{"a": "\\u12'),
        ("{x} sec\\u0072et", "{x} [WORD]"),
        ("a sec\\u0072et 1234", "a sec\\u[NUMBER]et [NUMBER]"),
        ("{\\u5551234 is raw}", "{\\u[NUMBER] is raw}"),
        (" \t", " \t"),
    ],
)
def test_what_escapes_say_is_judged_and_what_passes_stays_as_written(text, expected, size):
    assert streamed(text, [size]) == expected


@pytest.mark.parametrize("depth", range(1, 6))
def test_however_deep_the_json_is(depth):
    text = deep(f'{{"a": "{written("secret")}"}}', depth)
    said = streamed(text, [1])
    assert "[WORD]" in said
    assert not LINKS.enforced_hits(View(unescaped(said)))
    with pytest.raises(Blocked):
        streamed(text, [2], chain(word("secret", Action.BLOCK)))


PIECES = st.sampled_from(
    ['{"a": "', '"}', "secret", "1234", "12", "\\", "\\\\", "\\n", '\\"', "sec", " ", written("secret"), written("1"),
     "\\u00", "\\u", "u0031", "極", written("極秘"), "\\u200b", "\\ud83d", written("\u3000"), "x", "[", "3"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    text=TEXTS,
    first=st.sampled_from(["{", "[", '"', " {", "", "a"]),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=7),
)
def test_any_cut_gives_the_same_and_leaves_nothing(text, first, sizes):
    text = first + text
    said = streamed(text, sizes)
    assert said == streamed(text, [len(text) + 1]) == streamed(text, [1])
    if first.strip() not in {"", "a"}:
        assert not LINKS.enforced_hits(View(unescaped(said)))
    if not LINKS.enforced_hits(View(text)) and not LINKS.enforced_hits(View(unescaped(text))):
        assert said == text


def test_a_silent_backend_does_not_have_half_an_escape_given():
    held = hold(chain(word("secret")))
    assert joined(held.feed('{"a": "se\\u00') + held.decide()) == '{"a": "se'
    assert joined(held.feed("63ret x") + held.finish()) == "[WORD] x"


@pytest.mark.parametrize(
    "text", ['{"a": "sec\\u0072et 1234"}', '{"\\u0031\\u0032\\u0033\\u0034\\u0035"}', " [12345678"]
)
def test_a_backend_that_is_silent_all_the_time_loses_nothing(text):
    said = streamed(text, [1], decides=True)
    assert said.startswith(text[:2])
    assert streamed("{" + "x" * 40, [3], decides=True) == "{" + "x" * 40


def test_what_waits_of_an_escape_is_bounded():
    held = hold()
    given_ = joined(held.feed('{"a": "' + "\\" * 5_000))
    assert len(given_) >= 5_000 - MAX_PENDING
    assert joined(held.finish()).strip("\\") == ""


def test_texts_that_are_no_json_pass_through_their_hold_back_as_ever():
    inner = HoldBack(LINKS, Notes(), Placeholders())
    held = Unescaping(inner)
    assert joined(held.feed("12") + held.feed("34 x")) == "[NUMBER] x"
    assert held.is_settled is inner.is_settled is True
    held.feed("99")
    held.decide()
    assert held.is_settled is False
    assert isinstance(held.following(), HoldBack)
