"""The page: well formed, the same in both languages, nothing loaded, and whatever anybody wrote stays a text."""

import re

import pytest
from tests.support.reports import HOSTILE, empty_route, made, read, record, route_report, traffic

from llmgateway.report import words_en, words_ja
from llmgateway.report.html import render_html
from llmgateway.report.people import Some, changes_of
from llmgateway.report.plots import WIDTH
from llmgateway.report.rollouts import story_of
from llmgateway.report.say import Say
from llmgateway.report.service import service_of

LANGUAGES = ["en", "ja"]
LANGUAGE_WORDS = {"en": words_en.WORDS, "ja": words_ja.WORDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_well_formed_and_loads_nothing(language):
    page = render_html(made(), language)
    found = read(page)
    assert page.startswith("<!doctype html>")
    assert ("lang", language) in found.attributes
    assert {"script", "link", "img", "iframe", "object", "form", "a"}.isdisjoint(found.tags)
    assert {"src", "href", "action"}.isdisjoint(name for name, _ in found.attributes)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.replace("&#x27;", "'")
    assert not re.search(r"url\(|@import|https?:", page)
    assert found.tags.count("h1") == 1
    assert found.tags.count("svg") == 3


def test_both_languages_have_the_same_shape():
    english, japanese = (read(render_html(made(), language)) for language in LANGUAGES)
    assert english.tags == japanese.tags
    assert english.text != japanese.text


def test_what_people_wrote_stays_a_text():
    service = service_of([traffic(served=HOSTILE, assigned=HOSTILE)], [], [], [])
    plain = read(render_html(made()))
    found = read(render_html(made(route_report(service=service, route=HOSTILE), route=HOSTILE)))
    assert "script" not in found.tags
    assert set(found.tags) <= set(plain.tags)
    assert "<script>alert(1)</script>" in found.text
    assert "\u202e" not in found.text
    assert "\x1b" not in found.text


def test_an_unknown_language_is_not_guessed():
    with pytest.raises(KeyError):
        render_html(made(), "fr")


def test_the_plot_stays_within_its_frame():
    page = render_html(made())
    for x, width in re.findall(r'<rect x="([-\d.]+)" y="[-\d.]+" width="([-\d.]+)"', page):
        assert 0 <= float(x) <= float(x) + float(width) <= WIDTH
    for points in re.findall(r'points="([^"]*)"', page):
        assert all(0 <= float(x) <= WIDTH for x in re.findall(r"([-\d.]+),", points))


def test_figures_are_said_with_what_they_rest_on():
    text = read(render_html(made())).text
    assert "98.1 %" in text  # 152 of 155
    assert " ".join(Say("en").interval(route_report().service.available).split()) in text
    assert "of the 155 requests that were answered or failed" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_claimed_where_nothing_was_seen(language):
    text = read(render_html(made(empty_route(), events=Some([]), changes=changes_of([])), language)).text
    assert "100.0" not in text
    words = LANGUAGE_WORDS[language]
    for section in (
        "versions",
        "availability",
        "guardrails",
        "rollouts",
        "incidents",
        "reviews",
        "concerns",
        "changes",
    ):
        assert words[f"{section}.none"] in text


def test_a_promotion_is_told_with_its_rationale_and_who_approved():
    text = read(render_html(made())).text
    assert "Approved by bob" in text
    assert "rationale for the promotion, ann" in text


def test_a_rollout_without_moves_can_be_told():
    assert "v1 → v2" in read(render_html(made(route_report(rollouts=[story_of(record(), [], [])])))).text
