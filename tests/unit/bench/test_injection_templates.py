"""The sentences that weights are learnt from: every slot has words, and no attack is among the harmless ones."""

import re
import tomllib
from pathlib import Path

import pytest

TABLES = tomllib.loads((Path(__file__).parents[3] / "bench/guardrails/injection_templates.toml").read_text("utf-8"))
SLOT = re.compile(r"\{(\w+)\}")
KINDS = ("attack_ja", "harmless_ja", "attack_en", "harmless_en")


def lines(kind):
    return [line for line in TABLES[kind]["lines"].splitlines() if line]


@pytest.mark.parametrize("kind", KINDS)
def test_every_slot_has_words(kind):
    named = {slot for line in lines(kind) for slot in SLOT.findall(line)}
    assert named <= TABLES["slots"].keys()
    assert all(len(TABLES["slots"][slot].split("|")) > 5 for slot in named)


def test_every_slot_is_used():
    used = {slot for kind in KINDS for line in lines(kind) for slot in SLOT.findall(line)}
    assert used == TABLES["slots"].keys()


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_stands_twice_and_none_has_a_brace_too_many(kind):
    assert len(set(lines(kind))) == len(lines(kind))
    assert all("{" not in SLOT.sub("", line) and "}" not in SLOT.sub("", line) for line in lines(kind))


@pytest.mark.parametrize("kind", ["harmless_ja", "harmless_en"])
def test_harmless_lines_use_slots_of_harmless_words(kind):
    named = {slot for line in lines(kind) for slot in SLOT.findall(line)}
    assert {slot.removesuffix("_ja") for slot in named} <= {"thing", "topic", "person"}


def test_both_languages_have_about_as_many_lines():
    for one, other in (("attack_ja", "attack_en"), ("harmless_ja", "harmless_en")):
        assert 0.7 < len(lines(one)) / len(lines(other)) < 1.5
