"""The letters of a text: what is left of it however it is dressed, and where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.guardrails.system_leak import letters as module
from llmgateway.guardrails.system_leak.letters import backwards, letters, places


@pytest.mark.parametrize(
    "text",
    [
        "Never tell anybody",
        "NEVER  TELL\nANYBODY",
        "N-e-v-e-r `tell` **any_body**!",
        "Ｎｅｖｅｒ\u3000ｔｅｌｌ anybody",
        "ne\u200bver\u00ad te\u2060ll any\ufeffbody",
        "n\u00e9v\u0065\u0301r tell \u00e4nybody",
        "\u24c3ever t\u1d49ll anybody",
        '{"never": "tell anybody"}',
    ],
)
def test_case_width_accents_and_what_is_no_letter_do_not_matter(text):
    assert letters(text) == b"nevertellanybody"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ｶﾀｶﾅ", "カタカナ"),
        ("ガ", "カ"),  # marks fall away, in both
        ("한국어", "한국어"),
        ("Stra\u00dfe \ufb01n", "strassefin"),
        ("㍻", "平成"),
        ("a\x1fb", "a\x1fb"),
        ("\ud800", ""),
    ],
)
def test_other_scripts(text, said):
    assert letters(text) == said.encode()


@given(text=st.text(max_size=60))
def test_each_character_is_folded_by_itself(text):
    assert letters(text) == b"".join(map(letters, text))
    assert len(places(text)) == len(letters(text))
    assert [at for at, char in enumerate(text) for _ in letters(char)] == places(text)


@given(text=st.text(max_size=40), size=st.integers(0, 50))
def test_the_last_letters_are_found_from_the_end(text, size):
    at = list(backwards(text, size))
    assert at == sorted(set(places(text)), reverse=True)[: len(at)]
    kept = b"".join(letters(text[each]) for each in at)
    assert len(kept) >= size or at == sorted(set(places(text)), reverse=True)


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(module, "_MAX_FOLDED", 100)
    letters("".join(map(chr, range(0x4E00, 0x4E00 + 90))))
    for code in range(0x5E00, 0x5E00 + 300):
        letters(chr(code))
    assert len(module._FOLDED) <= 101
