"""Hostile and odd inputs: the work grows with the text and no faster, counted in what is looked at and not in time."""

import random

import pytest

from llmgateway.guardrails.injection import assess as assessing
from llmgateway.guardrails.injection.assess import assess

ALPHABETS = {
    "digits": "0123456789",
    "hex": "0123456789abcdef",
    "base64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "dots": ".",
    "percent": "%0123456789ABCDEF",
    "bits": "01 ",
    "letters apart": "a ",
    "leet": "a1e3o0",
    "kana": "あいうえおアイウエオ",
    "tags": "".join(map(chr, range(0xE0020, 0xE007F))),
    "zero width": "a\u200b",
    "brackets": "<[|]>#:",
}


@pytest.mark.parametrize("name", ALPHABETS)
@pytest.mark.parametrize("length", [0, 1, 2, 127, 128, 129, 2048, 20_000])
def test_any_text_has_a_score(name, length):
    dice = random.Random(length)
    evidence = assess("".join(dice.choice(ALPHABETS[name]) for _ in range(length)))
    assert -100 < evidence.logit < 100


@pytest.mark.parametrize("name", sorted(set(ALPHABETS) - {"tags"}))
def test_random_texts_are_no_attacks(name):
    dice = random.Random(3)
    for _ in range(20):
        assert assess("".join(dice.choice(ALPHABETS[name]) for _ in range(2048))).logit < 0


def test_few_codes_are_read_however_many_there_are(monkeypatch):
    seen = []
    monkeypatch.setattr(assessing, "plain", lambda text, real=assessing.plain: seen.append(len(text)) or real(text))
    assess("c29tZSB3b3JkcyB0aGF0IGNhbiBiZSByZWFk " * 400)
    assert len(seen) <= 1 + 4 * 4
    assert sum(seen[1:]) < 1000
