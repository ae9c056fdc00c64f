"""What people make of pairs: who preferred what, of these two answers and no others; which pairs they are given."""

import pytest

from llmgateway.replaying.pairs import Pair, Side
from llmgateway.replaying.people import JUDGED, Compared, Preferred, drawn, judged, people_of, said_of
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict

WON, LOST, TIE = Preferred.WON, Preferred.LOST, Preferred.TIE
OTHER = {WON: LOST, LOST: WON, TIE: TIE}


def pair(at=0, **changes):
    given = {"exchange_id": f"a{at}", "end": "completed"} | changes
    return Pair(at, Side(**given), Side(f"b{at}", end="completed"))


def said(**words):
    """What reviewers said of the candidate's answer in pair 0, and so of the baseline's."""
    return {"b0": words, "a0": {who: OTHER[word] for who, word in words.items()}}


@pytest.mark.parametrize(
    ("words", "people"),
    [
        ({"ann": LOST}, Compared(1, Arms(0, 1))),
        ({"ann": WON}, Compared(1, Arms(1, 0))),
        ({"ann": TIE}, Compared(1, Arms(0, 0))),
        ({"ann": LOST, "bob": LOST, "cat": WON}, Compared(1, Arms(0, 1))),
        ({"ann": LOST, "bob": WON}, Compared(1, Arms(0, 0))),
        ({"ann": LOST, "bob": TIE}, Compared(1, Arms(0, 1))),
        ({}, Compared(0, Arms(0, 0))),
    ],
)
def test_a_pair_is_lost_by_what_more_of_them_think_the_worse(words, people):
    assert people_of([pair()], said(**words)) == people


def test_what_was_said_beside_another_answer_does_not_count():
    assert people_of([pair()], {"b0": {"ann": LOST}}).pairs == 0, "she saw it beside something else"
    assert people_of([pair()], {"b0": {"ann": LOST}, "a0": {"bob": WON}}).pairs == 0
    assert people_of([pair(exchange_id=None)], said(ann=LOST)).pairs == 0


def test_enough_of_them_prove_something():
    every = [pair(at) for at in range(12)]
    words = {f"b{at}": {"ann": LOST} for at in range(12)} | {f"a{at}": {"ann": WON} for at in range(12)}
    found = people_of(every, words)
    assert (found.pairs, found.lost, found.verdict) == (12, Arms(0, 12), Verdict.WORSE)
    assert people_of(every[:2], words).verdict is Verdict.OPEN
    assert found.shown() == {"pairs": 12, "lost": {"stable": 0, "candidate": 12}, "verdict": "worse"}


def test_the_draw_is_the_same_each_time_and_holds_what_was_answered():
    every = [pair(at) for at in range(50)] + [pair(99, end="upstream_error"), pair(98, exchange_id=None)]
    some = drawn(every, 10, seed=7)
    assert some == drawn(reversed(every), 10, seed=7)
    assert some != drawn(every, 10, seed=8)
    assert [each.ordinal for each in some] != list(range(10))
    assert {each.ordinal for each in drawn(every, 100, seed=7)} == set(range(50))


def test_a_judges_words_are_of_the_candidates_answer():
    assert JUDGED == {"better": WON, "worse": LOST, "tie": TIE}
    said = {"b0": LOST, "b1": WON, "b2": TIE, "a3": LOST, "elsewhere": LOST}
    assert judged([pair(at) for at in range(5)], said) == Compared(3, Arms(1, 1))


def test_what_is_said_is_read_from_scores_and_other_words_are_none():
    words = [
        ("a0", "ann", "won"),
        ("b0", "ann", "lost"),
        ("b0", "bob", "tie"),
        ("b0", "cat", 0.5),
        (None, "ann", "won"),
    ]
    assert said_of([*words, ("b1", "ann", "superb")]) == {"a0": {"ann": WON}, "b0": {"ann": LOST, "bob": TIE}}
