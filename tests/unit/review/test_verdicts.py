"""What a review means with the sides' names back."""

import pytest
from tests.support.reviews import item, review

from llmgateway.domain.review import Kind
from llmgateway.review import verdicts


def pair(*, is_swapped):
    return item("x1", other_id="x2", served="v1", other_served="v2", is_swapped=is_swapped, schema="pair")


@pytest.mark.parametrize(
    ("is_swapped", "left", "right"), [(False, ("x1", "v1"), ("x2", "v2")), (True, ("x2", "v2"), ("x1", "v1"))]
)
def test_sides_are_what_the_item_says(is_swapped, left, right):
    seen = pair(is_swapped=is_swapped)
    sides = [(verdicts.exchange_on(seen, side), verdicts.version_on(seen, side)) for side in verdicts.SIDES]
    assert sides == [left, right]
    assert verdicts.preferred(seen, {"preference": "left"}) == {"preference": left[1]}
    assert verdicts.preferred(seen, {"preference": "tie", "tone": "kind"}) == {"preference": None}
    said = verdicts.scores_of(seen, review(seen, labels={"preference": "right"}))
    assert {score.exchange_id: score.value for score in said} == {right[0]: "won", left[0]: "lost"}


def test_labels_become_scores_of_the_exchange_by_the_reviewer():
    seen = item("x1")
    (score,) = verdicts.scores_of(seen, review(seen, "ann", "bad"))
    assert (score.exchange_id, score.name, score.value, score.source_id) == ("x1", "quality", "bad", "ann")
    assert score.source_kind == "human"
    assert verdicts.scores_of(seen, review(seen, "ann", "bad"))[0].id == score.id
    assert verdicts.scores_of(seen, review(seen, "bob", "bad"))[0].id != score.id
    assert verdicts.scores_of(seen, review(seen, kind=Kind.SKIP, labels={})) == []
    assert verdicts.preferred(seen, {"quality": "left"}) == {}


def test_what_is_said_of_a_pair_as_a_whole_counts_for_both():
    seen = pair(is_swapped=False)
    for answer in ("tie", "kind"):
        said = verdicts.scores_of(seen, review(seen, labels={"preference": answer}))
        assert {score.exchange_id: score.value for score in said} == {"x1": answer, "x2": answer}
