"""The families of sentences that weights are learnt from."""

import random
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from bench.guardrails import injection_made as making

FOLDER = Path(making.__file__).parent
TABLES = {name: tomllib.loads((FOLDER / name).read_text("utf-8")) for names in making.TABLES.values() for name in names}
SLOT = re.compile(r"(?<!\\)\{(\w+)\}")


def lines(table):
    families = {name: of for name, of in TABLES[table].items() if name != "slots"}
    return {(name, language): making.lines_of(of) for name, each in families.items() for language, of in each.items()}


@pytest.mark.parametrize("table", TABLES)
def test_every_slot_has_words_and_is_used(table):
    used = {slot for each in lines(table).values() for line in each for slot in SLOT.findall(line)}
    assert used == TABLES[table]["slots"].keys()
    assert all(len(many.split("|")) > 5 for many in TABLES[table]["slots"].values())


@pytest.mark.parametrize("attack", [True, False])
def test_no_family_is_in_two_tables(attack):
    names = Counter(name for table in making.TABLES[attack] for name in TABLES[table] if name != "slots")
    assert set(names.values()) == {1}


@pytest.mark.parametrize("table", TABLES)
def test_every_family_is_in_both_languages_and_has_two_halves(table):
    found = lines(table)
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


def test_a_page_is_of_one_half_of_a_family():
    found = [making.Made(f"{half}{at}.", "manual", "en", half) for half in (0, 1) for at in range(40)]
    pages = list(making.paged(found, 3))
    assert len(pages) == 2 * making.PAGES
    for each in pages:
        sentences = each.text.split()
        assert making.PAGE[0] <= len(sentences) == len(set(sentences)) <= making.PAGE[1]
        assert {sentence[0] for sentence in sentences} == {str(each.half)}


def test_a_page_takes_no_more_sentences_than_there_are():
    pages = list(making.paged([making.Made("Only.", "manual", "ja", 0)], 1))
    assert {each.text for each in pages} == {"Only."}
