"""What judges answered of late."""

from llmgateway.domain.verdict import Finding
from llmgateway.guarding.opinions import KEPT_S, MAX_FOUND, MAX_KEPT, Opinions, key_of
from llmgateway.ports.asking import Question
from llmgateway.ports.judge import Judged, Piece

FOUND = [Judged(0, Finding(0, 3, "bad"))]
QUESTION = Question("/v1/x", b'{"a":1}')


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_an_answer_is_remembered_for_a_while_also_one_that_says_nothing():
    clock = Clock()
    kept = Opinions(clock)
    assert kept.get(b"k") is None
    kept.keep(b"k", FOUND)
    kept.keep(b"l", [])
    assert (kept.get(b"k"), kept.get(b"l")) == (tuple(FOUND), ())
    clock.now += KEPT_S + 0.1
    assert kept.get(b"k") is None


def test_only_so_many_are_kept_and_those_asked_for_last():
    kept = Opinions(Clock())
    for number in range(MAX_KEPT):
        kept.keep(b"%d" % number, FOUND)
    assert kept.get(b"0") is not None
    kept.keep(b"more", FOUND)
    assert kept.get(b"1") is None
    assert kept.get(b"0") is not None
    assert kept.get(b"more") is not None


def test_an_answer_that_says_a_lot_is_not_kept():
    kept = Opinions(Clock())
    kept.keep(b"k", FOUND * MAX_FOUND)
    kept.keep(b"l", FOUND * (MAX_FOUND + 1))
    assert kept.get(b"k") is not None
    assert kept.get(b"l") is None


def test_another_guardrail_configuration_path_or_question_is_another_key():
    keys = {
        key_of(1, "a", QUESTION),
        key_of(1, "b", QUESTION),
        key_of(2, "a", QUESTION),
        key_of(1, "a", QUESTION._replace(path="/v1/y")),
        key_of(1, "a", QUESTION._replace(body=b'{"a":2}')),
    }
    assert len(keys) == 5
    assert key_of(1, "a", Question("/v1/x", b'{"a":1}')) in keys


def test_where_an_answer_means_places_other_texts_are_another_key():
    said = [Piece("be kind", "system"), Piece("\ud83d I am Ada", "user")]
    others = [
        said[1:],
        said[::-1],
        [Piece("be kin", "system"), Piece("d\ud83d I am Ada", "user")],
        [said[0], said[1]._replace(source="assistant")],
        [],
    ]
    keys = {key_of(1, "a", QUESTION, each) for each in (said, *others)}
    assert len(keys) == 1 + len(others)
    assert key_of(1, "a", QUESTION, list(said)) in keys
