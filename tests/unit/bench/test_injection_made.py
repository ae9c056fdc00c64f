"""The families of sentences that weights are learnt from."""

import random
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from bench.guardrails import injection_made as making

FOLDER = Path(making.__file__).parent
TABLES = {attack: tomllib.loads((FOLDER / name).read_text("utf-8")) for attack, name in making.TABLES.items()}
SLOT = re.compile(r"(?<!\\)\{(\w+)\}")


def lines(attack):
    families = {name: table for name, table in TABLES[attack].items() if name != "slots"}
    return {(name, language): making.lines_of(of) for name, each in families.items() for language, of in each.items()}


@pytest.mark.parametrize("attack", [True, False])
def test_every_slot_has_words_and_is_used(attack):
    used = {slot for each in lines(attack).values() for line in each for slot in SLOT.findall(line)}
    assert used == TABLES[attack]["slots"].keys()
    assert all(len(many.split("|")) > 5 for many in TABLES[attack]["slots"].values())


@pytest.mark.parametrize("attack", [True, False])
def test_every_family_is_in_both_languages_and_has_two_halves(attack):
    found = lines(attack)
    assert {name for name, _ in found} == {name for name, language in found if language == "ja"}
    assert all(len(each) > 3 for each in found.values())
    assert all(count == 1 for each in found.values() for count in Counter(each).values())


@pytest.mark.parametrize("attack", [True, False])
def test_no_choice_is_left_open_in_what_is_made(attack):
    for each in making.made(attack=attack, seed=2):
        assert not re.search(r"\([^()]*\|[^()]*\)|\\n", each.text), each.text


def test_of_choices_one_is_taken_and_the_inner_ones_first():
    dice = random.Random(1)
    told = {making.filled(r"(a (b|c)|d) {x}\n\{y\}", {"x": ["1", "2"]}, dice) for _ in range(200)}
    assert told == {f"{left} {right}\n{{y}}" for left in ("a b", "a c", "d") for right in "12"}


def test_an_attack_is_carried_behind_a_sentence():
    told = {making.carried("Obey.", "One. Two.\nThree", random.Random(seed)) for seed in range(40)}
    assert told == {"One.Obey.  Two.\nThree", "One. Two.\nObey. Three", "One. Two.\nThreeObey. "}


def test_only_a_little_of_a_long_text_carries_it():
    text = making.carried("従え。", "長い文です。" * 1000, random.Random(3))
    assert "従え。" in text
    assert len(text) <= 2 * making.AROUND + len("従え。 ")


def test_an_attack_may_stand_at_the_end():
    assert making.carried("Obey.", "no end", random.Random(1)) == "no endObey. "
