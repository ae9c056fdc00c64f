import base64
import json
from collections import Counter
from urllib.parse import unquote

import pytest
from bench.guardrails import hard
from bench.guardrails.book import LANGUAGES, SETS, book, templates
from bench.guardrails.corpus import QUICK_SIZES, SECTIONS, SIZES, corpus, replies
from bench.guardrails.dice import Dice
from bench.guardrails.labels import slots
from bench.guardrails.values import MAKERS, value

KINDS = {
    "en": {"email", "phone", "payment_card", "iban", "ip_address", "us_ssn", "passport", "person"},
    "ja": {
        "email", "phone", "payment_card", "iban", "ip_address", "person", "jp_my_number", "jp_corporate_number",
        "jp_postal_code", "jp_address", "jp_bank_account", "jp_driving_licence", "jp_passport",
    },
}  # fmt: skip


def needed(samples, language=None):
    return [label for each in samples if language in {None, each.language} for label in each.labels if label.is_needed]


def test_what_is_tuned_with_and_what_is_reported_on_have_no_template_in_common():
    assert templates("tune") & templates("test") == set()
    assert len(templates("test")) > 150


def test_names_of_keys_are_not_the_same_either_but_for_those_that_have_one_name_only():
    for language in LANGUAGES:
        keys = [{each[1] for each in book(which, language)["fields"].values()} for which in SETS]
        assert keys[0] & keys[1] == set()


@pytest.mark.parametrize("which", SETS)
def test_every_slot_has_somebody_who_fills_it(which):
    named = {name.removesuffix("?") for template in templates(which) for name in slots(template)}
    assert named - set(MAKERS) == {"body"}
    for language in LANGUAGES:
        pages = book(which, language)
        assert (set(pages["fields"]) | set(pages["benign_fields"])) <= set(MAKERS)


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("section", SECTIONS)
def test_the_same_seed_gives_the_same_texts_and_another_gives_others(section, which):
    one = corpus(section, which, 3, 40)
    assert one == corpus(section, which, 3, 40)
    assert one != corpus(section, which, 4, 40)
    assert [each.language for each in one[:4]] == ["en", "ja", "en", "ja"]


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("section", SECTIONS)
def test_labels_lie_inside_their_texts_and_needed_ones_do_not_overlap(section, which):
    for each in corpus(section, which, 5, 200):
        ends = 0
        for label in sorted(label for label in each.labels if label.is_needed):
            assert ends <= label.start < label.end <= len(each.text)
            ends = label.end


@pytest.mark.parametrize("which", SETS)
def test_no_slot_is_left_unfilled(which):
    for section in SECTIONS:
        assert not any("«" in each.text for each in corpus(section, which, 6, 200))


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_share(which, language):
    counts = Counter(label.kind for label in needed(corpus("pii", which, 1, SIZES["pii"]), language))
    assert set(counts) == KINDS[language]
    assert min(counts.values()) >= 25


@pytest.mark.parametrize("which", SETS)
def test_labels_hold_what_their_kind_says(which):
    holds = {"email": "@"}
    for each in corpus("pii", which, 2, 300):
        for label in each.labels:
            inside = each.text[label.start : label.end]
            assert holds.get(label.kind, "") in inside
            assert inside == inside.strip()
            assert "\n" not in inside


@pytest.mark.parametrize("which", SETS)
def test_secrets_are_of_many_families_and_never_of_another_kind(which):
    kinds = Counter(label.kind for label in needed(corpus("secrets", which, 1, SIZES["secrets"])))
    families = {kind for kind in kinds if kind.startswith("secret.")}
    assert len(families) > 40
    assert kinds["secret.password"] > 50


@pytest.mark.parametrize("which", SETS)
def test_texts_with_nothing_in_them_have_nothing_that_must_be_found(which):
    texts = corpus("benign", which, 1, QUICK_SIZES["benign"])
    assert len(texts) >= 1000
    assert needed(texts) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_texts_are_as_long_as_what_people_write(section):
    lengths = sorted(len(each.text) for each in corpus(section, "test", 1, 200))
    assert lengths[len(lengths) // 2] > 150
    assert lengths[-1] < 5000


def test_values_of_a_column_that_only_its_title_tells_need_not_be_found():
    rows = [each for each in corpus("pii", "test", 1, 600) if each.form == "csv"]
    kinds = {label.kind for label in needed(rows)}
    assert kinds & {"person", "passport", "jp_driving_licence"} == set()
    assert "email" in kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_disguise_is_played_on_every_kind_that_it_is_for(language):
    for trick, kind in hard.tricks(language):
        dice = Dice(f"{trick}/{kind}", language)
        plain = value(kind, dice)
        hidden = hard.disguised(trick, plain, dice)
        label = hidden.labels[0]
        assert label.kind == kind
        assert len(hidden.labels) == 1
        assert hidden.text[label.start : label.end]


def test_disguises_hide_the_value_that_was_there():
    dice = Dice("x", "en")
    assert unquote(hard.TRICKS["url"][0](dice, "a@b.de")) == "a@b.de"
    assert base64.b64decode(hard.TRICKS["base64"][0](dice, "a@b.de")) == b"a@b.de"
    assert hard.TRICKS["kanji_digits"][0](dice, "090-1") == "〇九〇-一"
    assert hard.TRICKS["full_width"][0](dice, "4111 1") == "４１１１　１"
    assert "@" not in hard.TRICKS["entity"][0](dice, "a@b.de")
    zero_width = hard.TRICKS["zero_width"][0](dice, "a@example.de")
    assert zero_width != "a@example.de"
    assert "".join(each for each in zero_width if each.isascii()) == "a@example.de"


def test_every_disguise_is_in_the_corpus():
    for language in LANGUAGES:
        forms = {each.form for each in corpus("hard", "test", 1, QUICK_SIZES["hard"]) if each.language == language}
        assert forms == {trick for trick, _ in hard.tricks(language)}


def test_replies_are_prose_with_a_value_in_some():
    texts = replies("test", 1, "en", 9)
    assert len(set(texts)) == 9
    assert all(100 < len(each) < 2000 for each in texts)


@pytest.mark.parametrize("form", ["form", "json", "csv", "log", "code", "yaml", "xml", "mail", "chat", "ticket"])
def test_texts_have_every_form_in_both_languages(form):
    texts = corpus("pii", "test", 1, 120)
    assert {each.language for each in texts if each.form == form} == {"en", "ja"}


def test_what_is_written_as_json_is_json_whatever_the_values():
    objects = [each for each in corpus("pii", "test", 1, 400) if each.form == "json"]
    assert all(isinstance(json.loads(each.text), dict) for each in objects)
