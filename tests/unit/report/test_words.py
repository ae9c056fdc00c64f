"""Both languages say the same things with the same figures, and have a word for everything the gateway has a word for."""

import re

import pytest

from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.domain.review import ConcernState, Reason, Severity
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.verdict import Action, Stage
from llmgateway.report import words_en, words_ja
from llmgateway.report.outcomes import Outcome
from llmgateway.rollout.rollout import Pause, State
from llmgateway.rollout.states import Event

BOTH = [words_en.WORDS, words_ja.WORDS]


def test_both_languages_have_the_same_keys_in_the_same_order():
    assert list(words_en.WORDS) == list(words_ja.WORDS)


def test_both_languages_tell_the_same_figures():
    for key, text in words_en.WORDS.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", words_ja.WORDS[key])), key


@pytest.mark.parametrize("words", BOTH, ids=["en", "ja"])
def test_there_is_a_word_for_everything(words):
    families = {
        "state": State, "pause": Pause, "event": Event, "outcome": Outcome, "kind": EventKind, "severity": EventSeverity,
        "reason": Reason, "weight": Severity, "concerns": ConcernState, "source": SourceKind, "figure": DataType,
        "stage": Stage, "action": Action,
    }  # fmt: skip
    for family, members in families.items():
        for member in members:
            assert words[f"{family}.{member}"], f"{family}.{member}"
    ours = {code for code, kind in ERRORS.items() if kind.fault is not Fault.CALLER}
    told = {key.removeprefix("cause.") for key in words if key.startswith("cause.")}
    assert ours - told <= {"upstream_encoding", "upstream_too_long", "unexpected_redirect"}, (
        "rare ones are told by code"
    )
