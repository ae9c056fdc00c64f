"""The judge `moderation`: one input a text, and what counts of the answer."""

import json

import pytest
from openai.types.moderation import Categories, CategoryScores

from llmgateway.guardrails.moderation import CATEGORIES, ModerationJudge
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import Piece

TEXT = [Piece("some text", "user")]


def said(scores, flags=(), pieces=TEXT, flagged=None, **options):
    judge = ModerationJudge({"route": "m", **options})
    flagged = bool(flags) if flagged is None else flagged
    result = {"flagged": flagged, "categories": {each: each in flags for each in scores}, "category_scores": scores}
    found = judge.opinion(json.dumps({"results": [result]}).encode(), pieces)
    return [(each.finding.kind, each.finding.score) for each in found]


def test_the_categories_are_those_that_the_clients_know():
    def names(model):
        return {field.alias or name for name, field in model.model_fields.items()}

    assert set(CATEGORIES) == names(Categories) == names(CategoryScores)


def test_what_the_endpoint_flags_counts_whatever_its_score():
    assert said({"hate": 0.1, "violence": 0.9}, ["hate"]) == [("moderation.hate", 0.1)]


def test_from_a_threshold_on_the_score_counts_and_not_the_flag():
    scores = {"hate": 0.1, "violence": 0.9}
    assert said(scores, ["hate"], threshold=0.9) == [("moderation.violence", 0.9)]
    assert said(scores, ["hate"], threshold=0.91) == []
    assert said(scores, ["hate"], threshold=0.95, thresholds={"hate": 0.1}) == [("moderation.hate", 0.1)]
    assert said(scores, [], flagged=True, threshold=0.95) == []


def test_a_threshold_for_one_category_leaves_the_flags_of_others():
    assert said({"hate": 0.1, "violence": 0.9}, ["hate"], thresholds={"violence": 0.95}) == [("moderation.hate", 0.1)]


def test_only_categories_that_are_asked_for_count():
    assert said({"hate": 0.1, "spam": 0.9}, ["hate", "spam"], categories=["violence"]) == []
    assert said({"hate": 0.1, "spam": 0.9}, ["hate", "spam"], categories=["other"]) == [("moderation.other", 0.9)]
    assert said({"hate": 0.1}, flagged=True, categories=["hate"]) == []


def test_kinds_are_bounded_whatever_the_endpoint_calls_its_categories():
    scores = {f"own-{at}": at / 100 for at in range(100)}
    assert said(scores, scores) == [("moderation.other", 0.99)]
    assert ModerationJudge({"route": "m", "categories": ["hate"]}).kinds == ("moderation.hate",)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "route"),
        ({"route": " "}, "route"),
        ({"route": "m", "categories": ["evil"]}, "categories"),
        ({"route": "m", "categories": []}, "categories"),
        ({"route": "m", "threshold": 1.1}, "threshold"),
        ({"route": "m", "thresholds": {"evil": 0.5}}, "thresholds"),
        ({"route": "m", "thresholds": {"hate": 2}}, "thresholds"),
        ({"route": "m", "sources": ["nobody"]}, "sources"),
        ({"route": "m", "model": "omni"}, "model"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option):
    with pytest.raises(OptionError) as raised:
        ModerationJudge(options)
    assert raised.value.option == option
