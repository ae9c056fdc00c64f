"""Values come back in place of their placeholders, however a model repeats them and wherever a stream is cut."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.guardrails import numbers

from llmgateway.guarding.chain import Hit
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.restore import Restorer, restored


def placeholders() -> Placeholders:
    made = Placeholders()
    for kind, value in (("email", "ann@example.com"), ("email", "bob@example.com"), ("jp_my_number", "123456789018")):
        made.stand_in(Hit(0, 1, numbers(restore=True), kind, 1.0), value)
    return made


WAYS = [
    "<EMAIL_1>",
    "<email_1>",
    "< EMAIL_1 >",
    "＜EMAIL_1＞",
    "`<EMAIL_1>`",
    r"<EMAIL\_1>",
    "EMAIL_1",
    "<`EMAIL_1`>",
    "〈Email_1〉",
    r"\u003cEMAIL_1\u003e",
    r"\u003CEmail_1\u003E",
    r"\\u003cEMAIL_1\\u003e",
    r"\u003cEMAIL_1>",
]


@pytest.mark.parametrize("way", WAYS)
def test_small_changes_do_not_matter(way):
    text = restored(f"Write to {way}, please", placeholders())
    assert "ann@example.com" in text
    assert "EMAIL" not in text.upper()


@pytest.mark.parametrize("text", ["<EMAIL_3>", "EMAIL_12", "MY_EMAIL_1", "email 1", "email_1", "<EMAIL>", "<b>", "a_1"])
def test_what_is_no_placeholder_of_this_exchange_stays(text):
    assert restored(f"see {text} there", placeholders()) == f"see {text} there"


def test_labels_of_several_words():
    assert restored("<JP_MY_NUMBER_1>", placeholders()) == "123456789018"


@given(
    st.lists(
        st.sampled_from(
            [
                *WAYS,
                "<EMAIL_2>",
                " ",
                "<",
                ">",
                "_",
                "EM",
                "\\",
                "u003c",
                "\\u003c",
                "\\u00",
                "\\u003e",
                "a < b",
                "日本",
                "1",
                "x" * 70,
            ]
        )
    ),
    st.integers(),
)
def test_any_cut_gives_what_the_whole_gives(parts, seed):
    text, dice = "".join(parts), random.Random(seed)
    restorer, out, at = Restorer(placeholders()), [], 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 20])
        out.append(restorer.feed(text[at : at + size]))
        at += size
    assert "".join([*out, restorer.finish()]) == restored(text, placeholders())


def test_without_values_nothing_waits():
    assert Restorer(Placeholders()).feed("<EMAIL_") == "<EMAIL_"


def test_what_waits_is_bounded():
    restorer = Restorer(placeholders())
    given_so_far = restorer.feed("<" + "A" * 500)
    assert len(given_so_far) >= 437


def odd() -> Placeholders:
    made = Placeholders()
    made.stand_in(Hit(0, 1, numbers(restore=True), "name", 1.0), 'Ann "A"\nO\\B')
    return made


@pytest.mark.parametrize("size", [1, 3, 100])
def test_in_json_a_value_is_written_as_json_has_it(size):
    for text, is_json in (
        ('"to": "<NAME_1>"}', True),
        (' {"to": "\\u003cNAME_1\\u003e"}', False),
        ('["<NAME_1>"]', False),
    ):
        restorer, at = Restorer(odd(), is_json=is_json), range(0, len(text), size)
        said = "".join(restorer.feed(text[each : each + size]) for each in at) + restorer.finish()
        found = json.loads("{" + said if is_json else said)
        assert (found["to"] if isinstance(found, dict) else found[0]) == 'Ann "A"\nO\\B'


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    "opening", ['{ "a": "', '{"a": "', ' [\n\t"', '[1, 2, null, "', '[{"a": "', '[["', '{}\n{"a": "']
)
def test_what_begins_as_json_is_known_by_more_than_its_bracket(size, opening):
    restorer, text = Restorer(odd()), opening + "<NAME_1>"
    said = "".join(restorer.feed(text[at : at + size]) for at in range(0, len(text), size)) + restorer.finish()
    assert said == opening + 'Ann \\"A\\"\\nO\\\\B'


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("opening", ["[Note] dear ", "[", " [ ", "{name}: ", "{", "( ", "[<b>] "])
def test_and_what_only_begins_with_one_is_a_text(size, opening):
    restorer, text = Restorer(odd()), opening + "<NAME_1>"
    said = "".join(restorer.feed(text[at : at + size]) for at in range(0, len(text), size)) + restorer.finish()
    assert said == opening + 'Ann "A"\nO\\B'


@pytest.mark.parametrize("size", [1, 3, 100])
def test_elsewhere_it_is_written_as_it_is(size):
    text, restorer = 'Dear <NAME_1>, "{x}"', Restorer(odd())
    said = "".join(restorer.feed(text[each : each + size]) for each in range(0, len(text), size)) + restorer.finish()
    assert said == 'Dear Ann "A"\nO\\B, "{x}"'
