"""The index of a prompt: what stands in it is found wherever it stands, and at the same cost in any text."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.guardrails.system_leak.index import Index
from llmgateway.guardrails.system_leak.remembered import MAX_LETTERS, MAX_PROMPTS, Remembered

FEW = st.text(alphabet="abc", max_size=80).map(str.encode)


@settings(max_examples=300)
@given(prompt=FEW, text=FEW, size=st.integers(12, 30))
def test_every_place_is_found_and_no_other(prompt, text, size):
    index = Index(prompt, 30)
    expected = [at for at in range(len(text) - size + 1) if text[at : at + size] in prompt]
    assert index.starts(text, size) == expected


@settings(max_examples=300)
@given(prompt=FEW, tail=FEW)
def test_the_longest_end_that_stands_in_the_prompt_may_go_on(prompt, tail):
    tail = tail[-29:]
    longest = max((size for size in range(len(tail) + 1) if tail[len(tail) - size :] in prompt), default=0)
    live = Index(prompt, 30).live(tail)
    assert live == longest if longest >= 4 else live >= longest
    assert live <= 29


@pytest.mark.parametrize("letter", ["a", "ab", "abcdefgh", "あ"])
def test_a_prompt_that_repeats_itself_costs_no_more_than_another(letter):
    prompt = (letter * 65536).encode()[:65536]
    index = Index(prompt, 60)
    assert sum(map(len, index._by_head.values())) <= 100 * len(letter.encode())
    text = (letter * 20_000).encode()[:20_000]
    began = time.perf_counter()
    assert len(index.starts(text, 60)) == len(text) - 59
    assert time.perf_counter() - began < 2  # some 20 ms: a look costs the same everywhere


def test_what_a_user_has_said_is_known_by_half_windows():
    index = Index(b"the code word of today is open sesame".replace(b" ", b""), 24, b"codewordoftoday")
    assert index.own == {b"codewordofto", b"odewordoftod", b"dewordoftoda", b"ewordoftoday"}
    assert index.parts(b"nothing of that\x1fcodewor\x1fdoftoday") == frozenset()


def test_indices_are_kept_for_those_who_ask_again_and_within_a_bound():
    made = []

    def make(prompt):
        made.append(prompt)
        return Index(prompt.encode(), 24) if len(prompt) > 24 else None

    kept = Remembered(make)
    first = kept.of("x" * 100)
    assert kept.of("x" * 100) is first
    assert made == ["x" * 100]
    dice = random.Random(1)
    for size in [MAX_LETTERS // 8] * 20:
        kept.of(chr(97 + dice.randrange(26)) * size + str(len(made)))
        assert sum(index.letters for index in kept._kept.values() if index) <= MAX_LETTERS
    for number in range(MAX_PROMPTS + 10):
        kept.of(str(number))
    assert len(kept._kept) == MAX_PROMPTS
    assert kept.of("x" * 100) is not first


def test_one_that_is_longer_than_all_together_is_made_and_not_kept():
    kept = Remembered(lambda prompt: Index(prompt.encode(), 24))
    assert kept.of("ab" * MAX_LETTERS).letters == 2 * MAX_LETTERS
    assert kept._kept == {}
