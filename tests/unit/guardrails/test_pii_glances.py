"""What is told at a glance, from ends, lengths and classes of characters, is what a closer look would say."""

import random
from base64 import b64encode
from ipaddress import AddressValueError, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.guardrails.pii_texts import found

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import (
    cards,
    checks,
    documents,
    emails,
    forms,
    japan,
    labels,
    national,
    networks,
    numbers,
    phones,
    scan,
    shapes,
)
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.guardrails.pii.overlap import resolve
from llmgateway.guardrails.pii.runs import KANJI_DIGITS, Run, plain, wide
from llmgateway.wire.view import View

LABELLED = (*national.LABELLED.values(), *japan.LABELLED.values())
GROUPS = st.sampled_from(["", "0", "1", "ab", "fe80", "12345", "g1", "00", "1.2.3.4", "1.2.3.04", "256.1.1.1", "2001"])


@given(st.lists(GROUPS, min_size=1, max_size=10).map(":".join))
def test_the_form_of_an_address_of_version_6_is_what_the_standard_says(text):
    try:
        IPv6Address(text)
    except AddressValueError:
        valid = False
    else:
        valid = True
    groups = len([group for group in text.split(":") if group]) + text.count(".") // 3
    told = networks._SIXTH.takes(text.encode()) and not ("::" in text and groups > 7)
    dotted_in_full = "." in text and "::" not in text  # which nobody writes, and is not looked for
    assert told == (valid and not dotted_in_full)


def test_parts_of_dotted_addresses_are_numbers_below_256_of_three_digits_at_most():
    every = [form % part for part in range(1000) for form in ("%d", "%02d", "%03d", "%04d")]
    assert {part for part in every if len(part) <= 3 and int(part) < 256} == networks._PARTS


@pytest.mark.parametrize("around", ["a{}", "_{}", "{}a", "{}_", "{}0123", "9{}", "{}"])
def test_a_card_inside_a_word_or_a_longer_number_is_none(around):
    kinds = [kind for kind, _ in found(around.format("4111111111111111"))]
    assert kinds == (["payment_card"] if around == "{}" else [])


@pytest.mark.parametrize(
    "number", ["4111111111111111", "12345678", "123456789012", "1234567890123456789", "09012345678", "5678901"]
)
@pytest.mark.parametrize("label", ["", "card ", "tel ", "passport ", "口座番号", "法人番号", "免許証番号", "SSN "])
def test_digits_that_follow_a_letter_are_asked_about_in_vain(number, label):
    """Whoever looks closer than `is_word_of_digits` finds nothing either."""
    text = f"{label}A{number}"
    view = View(text)
    run = Run(view, view.octets, len(label) + 1, len(text))
    assert numbers._classify(run, run.begin) == []


@pytest.mark.parametrize("shape", [cards._SHAPE, *LABELLED], ids=lambda shape: shape.kind)
def test_in_digits_alone_a_number_is_all_of_them_or_there_is_none(shape):
    dice = random.Random(shape.kind)
    told = 0
    for _ in range(1500):
        digits = "".join(dice.choices("0123456789", k=dice.choice([7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19, 20])))
        view = View(f"{digits} ")
        run = Run(view, view.octets, 0, len(digits))
        assert run.bare
        at_once = shapes.search(run, shape)
        run.bare = False
        assert shapes.search(run, shape) == at_once
        told += bool(at_once)
    assert (
        told or not shape.sizes or shape.kind in {"id.br", "id.fr", "payment_card"}
    )  # two check digits, or one and few beginnings


def test_no_value_is_shorter_than_what_is_looked_at():
    patterns = [forms._FORM, phones._LABELLED, *(each.pattern for each in (cards._SHAPE, *LABELLED))]
    for size in range(forms.FEWEST):
        texts = [digit * size for digit in (b"0", b"2", b"4")]
        texts += [text[:at] + sign + text[at + 1 :] for text in texts for at in range(size) for sign in (b"-", b" ")]
        assert not any(pattern.takes(text) for pattern in patterns for text in texts)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from("ab"), st.sampled_from([0.5, 1.0]))))
def test_what_stays_of_many_that_overlap_is_what_nothing_better_overlaps(given_ones):
    findings = [Finding(start, start + size, kind, score) for start, size, kind, score in given_ones]

    def rank(each):
        return each.end - each.start, each.score, -each.start, each.kind

    kept = {
        mine
        for mine in findings
        if not any(
            other.start < mine.end and mine.start < other.end and rank(other) > rank(mine) for other in set(findings)
        )
    }
    assert resolve(findings) == sorted(kept)


@pytest.mark.parametrize("sign", [sign.decode() for sign in scan._APART])
def test_no_pattern_for_ascii_matches_over_what_parts_values(sign):
    """So what comes after such a sign can be looked at alone."""
    values = ["jane at example dot com", "jane@example.com", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111"]
    values += ["QQ 12 34 56 C", "T1 2345 6789 0123", "10.20.30.40", "2001:db8::1", "(03) 1234-5678", "a&#64;b.co"]
    patterns = [numbers._RUN, emails._RUN, emails._CHAIN, emails._ENCODED, networks._DOTTED, networks._COLONS]
    patterns += [documents._TOKEN]  # an account that goes on in the next line is looked for from farther back
    for value in [*values, b64encode(b"jane@example.com").decode()]:
        for at in range(len(value) + 1):
            octets = f"{value[:at]}{sign}{value[at:]}".encode()
            spans = [span for pattern in patterns for span in pattern.spans(octets)]
            assert not any(begin <= at < end for begin, end in spans)


def test_from_a_place_on_the_same_is_found_as_in_the_whole():
    guardrail = PiiGuardrail({})
    text = "Call 03-1234-5678, or jane@example.com?\nCard 4111 1111 1111 1111、東京都港区芝公園4-2-8 の 10.20.30.40."
    whole = guardrail.find(View(text))
    assert len(whole) == 5
    for start in range(len(text)):
        assert guardrail.find(View(text), start) == [each for each in whole if each.start >= start]


def test_labels_hold_no_digit():
    """Else one could reach into its number."""
    assert not any(char.isdigit() or char in KANJI_DIGITS for word in labels._FAMILIES for char in word)


@given(st.binary(max_size=24))
def test_what_base64_of_an_address_begins_with(local):
    encoded = b64encode(local + b"@example.com").rstrip(b"=")
    if local.isascii():
        assert not encoded[::4].translate(None, emails._LEADS)


def test_check_digits_are_summed_as_they_are_written():
    dice = random.Random(7)
    for _ in range(200):
        digits = "".join(dice.choices("0123456789", k=16))
        doubled = [sum(divmod(int(digit) * (2 - at % 2), 10)) for at, digit in enumerate(digits)]
        assert checks.luhn(digits) == (sum(doubled) % 10 == 0)


def test_many_numbers_in_kanji_are_written_as_digits_at_one_go():
    text = "電話〇三、一二三四。" * 300
    octets = plain(View(text), 0, wide(text))
    assert octets == b"??03?1234?" * 300
