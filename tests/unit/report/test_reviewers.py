"""Agreement and rates against figures worked out by hand."""

from dataclasses import replace

import pytest
from tests.support.reviews import item, review

from llmgateway.domain.review import Kind, Reason
from llmgateway.report import reviewers
from llmgateway.report.reviewers import MAX_PAIRS


def looked(*rows, **changes):
    """Items, each with (reviewer, quality) pairs."""
    found = []
    for number, row in enumerate(rows):
        seen = item(f"x{number}", **changes)
        found.append((seen, [review(seen, who, quality) for who, quality in row]))
    return found


def test_agreement_is_told_by_question_with_alpha_and_kappa():
    rows = [
        [("ann", "good"), ("bob", "good")], [("ann", "good"), ("bob", "bad")], [("ann", "bad"), ("bob", "bad")],
        [("ann", "good"), ("bob", "good")], [("ann", "bad")],
    ]  # fmt: skip
    (line,) = reviewers.agreement(looked(*rows))
    assert (line["schema"], line["question"], line["items"], line["same"], line["share"]) == (
        "answer",
        "quality",
        4,
        3,
        0.75,
    )
    assert line["pairs"] == [{"reviewers": ["ann", "bob"], "items": 4, "kappa": pytest.approx(0.5)}]
    assert line["alpha"] == pytest.approx(1 - 7 * 2 / (64 - 25 - 9))
    assert line["interval"][0] < 0.75 < line["interval"][1]


def test_skips_and_adjudications_are_no_raters():
    seen = item()
    said = [review(seen, "ann"), review(seen, "bob", kind=Kind.SKIP, labels={})]
    said.append(review(seen, "eve", "bad", kind=Kind.ADJUDICATION))
    (line,) = reviewers.agreement([(seen, said)])
    assert (line["items"], line["share"], line["alpha"], line["interval"], line["pairs"]) == (0, None, None, None, [])


def test_only_so_many_pairs_of_reviewers_are_told():
    rows = [[(f"a{number}", "good"), (f"b{number}", "bad")] for number in range(MAX_PAIRS + 5)]
    (line,) = reviewers.agreement(looked(*rows))
    assert len(line["pairs"]) == MAX_PAIRS


def test_shares_are_of_the_random_sample_alone():
    random = [(replace(seen, labels={"quality": quality}, route="chat", served="v1"), said)
              for (seen, said), quality in zip(looked([], [], [], []), ("good", "good", "good", "bad"), strict=True)]  # fmt: skip
    picked = [(replace(seen, labels={"quality": "bad"}), said) for seen, said in looked([], reason=Reason.THUMBS_DOWN)]
    undone = looked([("ann", "bad")])
    (line,) = reviewers.rates([*random, *picked, *undone])
    assert (line["route"], line["version"], line["items"]) == ("chat", "v1", 4)
    assert {name: each["share"] for name, each in line["labels"].items()} == {"good": 0.75, "bad": 0.25}
