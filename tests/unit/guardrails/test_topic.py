"""The judge `topic`: so many different words of a denied topic, or none of any allowed one."""

import time

import pytest

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.topic import TopicJudge
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Judged, Piece

DENIED = {"guns": ["gun", "rifle", "new york"], "money": ["loan", "fund", "york"]}


def judged(text, source="user", **options):
    found = TopicJudge(options).judge([Piece(text, source)])
    return found[0].finding if found else None


def test_so_many_different_words_make_a_topic_and_lie_between_its_ends():
    text = "a gun, a gun and then one RIFLE more"
    assert judged(text, denied=DENIED) == Finding(2, text.index(" more"), "topic.guns", 0.5)
    assert judged(text, denied=DENIED, least=1) == Finding(2, text.index(" more"), "topic.guns", 1.0)
    assert judged(text, denied=DENIED, least=3) is None
    assert judged("gun gun gun", denied=DENIED) is None


def test_a_word_written_in_other_ways_is_the_same_word():
    assert judged("ガス ｶﾞｽ", denied={"gas": ["ガス", "ｶﾞｽ", "炎"]}) is None
    assert judged("ガス ｶﾞｽ 炎", denied={"gas": ["ガス", "炎"]}).kind == "topic.gas"


def test_of_words_inside_others_the_longest_counts_for_its_topic():
    found = {"trips": ["new york", "york", "flight"]}
    assert judged("New York", denied=found) is None
    assert judged("New York, and York", denied=found).kind == "topic.trips"


def test_the_topic_with_the_most_words_is_named_and_of_equals_the_one_that_comes_up_first():
    assert judged("gun loan fund york", denied=DENIED).kind == "topic.money"
    assert judged("loan fund gun rifle", denied=DENIED).kind == "topic.money"
    assert judged("rifle fund gun loan", denied=DENIED).kind == "topic.guns"


def test_places_are_those_of_the_text_as_written():
    text = "\u200bＧ\u200bＵＮ and ｒｉｆｌｅ!"
    finding = judged(text, denied=DENIED)
    assert text[finding.start : finding.end] == "Ｇ\u200bＵＮ and ｒｉｆｌｅ"


def test_off_all_allowed_topics_are_long_texts_without_a_word_of_any():
    allowed = {"a": ["library"], "b": ["図書館"]}
    text = "horses run over meadows" + "!" * 40
    assert judged(text, allowed=allowed, min_letters=20) == Finding(0, len(text), "topic.off")
    assert judged(text, allowed=allowed, min_letters=21) is None
    assert judged(text + " library", allowed=allowed, min_letters=20) is None
    assert judged(text + "図書館", allowed=allowed, min_letters=20) is None
    assert judged(text, denied=DENIED) is None


def test_a_denied_topic_is_denied_beside_an_allowed_one():
    assert judged("gun rifle library", denied=DENIED, allowed={"a": ["library"]}).kind == "topic.guns"


def test_only_texts_of_the_sources_are_judged_and_each_alone():
    judge = TopicJudge({"denied": DENIED, "sources": ["tool"]})
    pieces = [Piece("gun rifle", source) for source in SOURCES]
    assert judge.judge(pieces) == [Judged(SOURCES.index("tool"), Finding(0, 9, "topic.guns", 0.5))]
    assert judge.judge([Piece("gun", "tool"), Piece("rifle", "tool")]) == []


def test_its_kinds_are_its_topics():
    assert TopicJudge({"denied": DENIED}).kinds == ("topic.guns", "topic.money")
    assert TopicJudge({"allowed": DENIED}).kinds == ("topic.off",)


def test_a_megabyte_of_its_words_takes_no_longer_than_a_moment():
    words = [f"w{'x' * size}" for size in range(50)]
    judge = TopicJudge({"denied": {"x": words, "y": words}, "least": 50})
    began = time.perf_counter()
    assert judge.judge([Piece(" ".join(words) * 700, "user")])
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("options", "option", "sentence"),
    [
        ({}, "denied", "denied or allowed must be set"),
        ({"denied": {}}, "denied", "denied or allowed must be set"),
        ({"denied": ["gun"]}, "denied", "must be a table"),
        ({"denied": {"guns": []}}, "denied", "denied.guns must not be empty"),
        ({"denied": {"Guns": ["gun", "rifle"]}}, "denied", "denied.Guns must consist of small letters"),
        ({"denied": {"guns": ["gun", "x" * 201]}}, "denied", "at most 200 characters long; number 2"),
        ({"denied": {"guns": ["gun"]}}, "denied", "denied.guns has fewer words than least"),
        ({"denied": {"guns": ["ガス", "ｶﾞｽ"]}}, "denied", "denied.guns has fewer words than least"),
        ({"denied": {"off": ["gun", "rifle"]}}, "denied", "what findings off all allowed topics are called"),
        ({"denied": DENIED, "least": 0}, "least", "from 1 to 100"),
        ({"allowed": DENIED, "min_letters": 0}, "min_letters", "from 1 to 10000"),
        ({"allowed": {"a": ["b\n"]}}, "allowed", "control characters"),
        ({"allowed": DENIED, "sources": ["nobody"]}, "sources", "none of"),
        ({"topics": {}}, "topics", "no setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        TopicJudge(options)
    assert raised.value.option == option
