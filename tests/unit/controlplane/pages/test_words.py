"""Both languages say everything, and the browser's wish is heard."""

import re
from pathlib import Path

import pytest

from llmgateway.controlplane import pages
from llmgateway.controlplane.pages.words import LANGUAGES, WORDS, Tongue, language_of
from llmgateway.domain.review import ConcernState, Reason, Severity, State
from llmgateway.ports.judge import SOURCES
from llmgateway.ports.reviews import STATUSES
from llmgateway.report import words_en, words_ja
from llmgateway.review import states
from llmgateway.review.labels import BUILT_IN

REPORT = {"en": words_en.WORDS, "ja": words_ja.WORDS}
CODE = "".join(path.read_text() for path in Path(pages.__file__).parent.glob("*.py"))


PLANE = Path(pages.__file__).parents[1]
RAISING = (
    *(PLANE / f"{name}.py" for name in ("reviewing", "concerns", "asking", "refused")),
    *PLANE.glob("pages/*.py"),
)
OUTSIDE = {
    "invalid_parameter",
    "unsupported_media_type",
    "unsupported_encoding",
}  # no link or form of the page's does it
CODES = set(re.findall(r'(?:Error\(\d+, |NotNowError\()"(\w+)"', "".join(map(Path.read_text, RAISING))))
CODES |= set(re.findall(r'NotNowError\("(\w+)"', Path(states.__file__).read_text())) | {"store_unavailable"}


def test_neither_language_lacks_a_word_of_the_other():
    assert WORDS["en"].keys() == WORDS["ja"].keys()
    same = [key for key, text in WORDS["en"].items() if WORDS["ja"][key] == text]
    assert same == []


def test_every_word_that_is_said_is_there_and_none_is_left_over():
    named = set(re.findall(r"""say\(["']([a-z_.]+)["']\)""", CODE)) | {"resolve", "accept", "submit", "adjudicate"}
    made = {
        *(f"status.{each}" for each in (*STATUSES, *State)),
        *(f"reason.{each}" for each in Reason),
        *(f"severity.{each}" for each in Severity),
        *(f"concern.{each}" for each in ConcernState),
        *(f"role.{each}" for each in SOURCES),
        *(f"label.{question.name}" for schema in BUILT_IN.values() for question in schema.questions),
        *(
            f"label.{each}"
            for schema in BUILT_IN.values()
            for question in schema.questions
            for each in question.options
        ),
        *(f"error.{code}" for code in CODES - OUTSIDE),
        "side.left",
        "side.right",
    }
    heads = {"state", "reason", "queue", "route", "age", "who"}
    assert named | made | heads == WORDS["en"].keys()


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "ja", "ja"),
        (None, "ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        (None, "en;q=0.5,ja;q=0.9", "ja"),
        (None, "de,fr;q=0.9", "en"),
        (None, "de,ja;q=0.1", "ja"),
        (None, "ja;q=x,en", "en"),
        (None, ",;,;q=", "en"),
        ("ja", "en", "ja"),
        ("xx", "ja", "ja"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browser_s(chosen, accepted, language):
    assert language_of(chosen, accepted) == language


def test_what_operators_have_named_is_said_as_they_have_named_it():
    for language in LANGUAGES:
        assert Tongue(language).label("polite") == "polite"
        assert Tongue(language).label("good") == WORDS[language]["label.good"]


def test_a_severity_is_called_so_wherever_it_is_told_and_never_a_weight():
    for language, said in WORDS.items():
        name = said["severity"].lower()
        assert {REPORT[language][f"{part}.severity"] for part in ("incidents", "concerns")} == {name}
        assert "バージョン" not in "".join(said.values())  # 版, as rollouts and reports have it
