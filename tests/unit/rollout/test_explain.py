"""What is said: complete in both languages, with the same figures, and true."""

import re
from dataclasses import replace
from string import Formatter

import pytest
from tests.support.rollouts import NOW, PLAN, evidence, rollout

from llmgateway.rollout import words_en, words_ja
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.explain import (
    Language,
    Speaker,
    explain,
    figure,
    next_event,
    number,
    of_other_judges,
    percent,
    refusal,
)
from llmgateway.rollout.guards import Lacking
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.plan import Approvals, Metric, Plan, Shadow, Step
from llmgateway.rollout.rollout import LIVE, TERMINAL, Pause, People, State
from llmgateway.rollout.states import Event, Occurrence, follow

TWO = Plan(
    (Step(0.05), Step(0.5)),
    (Metric("error", ceiling=0.01), Metric("refusal")),
    approvals=Approvals(2, frozenset("abc")),
)
SEEN = evidence(
    {"error": {1: (90, 11)}, "refusal": {1: (3, 1)}}, (0.05, 0.5), units={"error": {1: (9_500, 500)}}, heard=NOW
)
FIRST = rollout(TWO, state=State.CANARY, epoch=1, since=NOW - 300, step_since=NOW - 300, started=NOW - 300)
FIGURES = re.compile(r"[\d.,]*\d|∞")


def placeholders(template):
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_both_languages_have_the_same_words_and_figures():
    assert words_en.WORDS.keys() == words_ja.WORDS.keys()
    for key, template in words_en.WORDS.items():
        assert placeholders(template) == placeholders(words_ja.WORDS[key]), key
        assert template != words_ja.WORDS[key]


def test_there_are_words_for_everything():
    keys = set(words_en.WORDS)
    assert {f"state.{each}" for each in State} <= keys
    assert {f"pause.{each}" for each in Pause} <= keys
    assert {f"lack.{each}" for each in Lacking} <= keys


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", State)
def test_every_state_is_told(state, language):
    for plan in (TWO, replace(TWO, shadow=Shadow())):
        one = replace(FIRST, plan=plan, state=state, pause=Pause.NO_DATA if state is State.PAUSED else None)
        for seen in (SEEN, Evidence(), replace(SEEN, failing=Failing(run=Arms(0, 10)))):
            said = explain(one, seen, NOW, language=language)
            assert said
            assert not any("{" in sentence for sentence in said)
            assert (len(said) > 4) == (state in LIVE)


def test_both_languages_tell_the_same_figures():
    english, japanese = (explain(FIRST, SEEN, NOW, language=language) for language in Language)
    assert len(english) == len(japanese)
    for one, two in zip(english, japanese, strict=True):
        assert sorted(FIGURES.findall(one)) == sorted(FIGURES.findall(two)), (one, two)


def test_what_is_said_of_a_step():
    said = explain(FIRST, SEEN, NOW)
    assert said[:3] == [
        "Step 1 of 2: 5 % of assignments go to the candidate.",
        "Still missing:",
        "Time: 5 min 0 s more.",
    ]
    assert "Units of the candidate judged in this step: 0 of 50." in said, "refusal has judged none"
    assert "error: 11 of 500 units bad on the candidate, 90 of 9500 on the stable version." in said
    assert any(sentence.startswith("Ratios between 1 and 1.5 are the zone of indifference") for sentence in said)
    assert any("not both 1.5 times as bad and above 1 %" in sentence for sentence in said)
    assert any(sentence.startswith("error: evidence of harm") and "alone enough at 40" in sentence for sentence in said)
    assert "Evidence that assignments don't follow the weights: 1. It pauses at 1,000." in said
    assert said[-1].startswith("All this holds if assignment is by chance")


def test_what_is_said_of_a_rollout_that_waits_for_people():
    waiting = replace(FIRST, state=State.AWAITING_APPROVAL, step=1, evidence_hash="e")
    said = explain(waiting, SEEN, NOW, People(open_concerns=2, seen=3))
    assert said[2:5] == [
        "Approvals of this very version and evidence: 0 of 2. May approve: a, b, c.",
        "Open concerns: 2. Each has to be resolved, or accepted by name with a reason.",
        "Whoever promotes reads 10 of the candidate's answers first, drawn at random, and was shown 3 of them:"
        " `llmgateway rollout promote` shows them, and asks.",
    ]
    unread = explain(waiting, SEEN, NOW, People())
    assert (
        "Whoever promotes reads 10 of the candidate's answers first, drawn at random: `llmgateway rollout promote` shows"
        " them, and asks." in unread
    ), "nobody has to guess what was seen of what, and by whom"
    assert any(
        "無作為に 10 件読みます: `llmgateway" in each
        for each in explain(waiting, SEEN, NOW, language=Language.JAPANESE)
    )
    assert "Paused" in explain(replace(waiting, state=State.PAUSED, pause=Pause.SRM), SEEN, NOW)[0]


def test_nothing_missing_is_said_too():
    quiet = replace(FIRST, plan=PLAN, step_since=NOW - 900)
    seen = evidence({"error": {1: (9, 0)}}, (0.05,), units={"error": {1: (100, 20)}}, heard=NOW)
    assert explain(quiet, seen, NOW)[1] == "Nothing is missing for the next thing to happen."


def test_a_pause_that_a_person_made_waits_for_a_person():
    paused = replace(FIRST, state=State.PAUSED, pause=Pause.MANUAL)
    seen = evidence({"error": {1: (9, 0)}}, (0.05,), units={"error": {1: (100, 20)}}, heard=NOW)
    assert explain(paused, seen, NOW)[1:3] == ["Still missing:", "A person has to end this pause."]


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_who_wants_something_of_one_that_is_over_is_told_how_it_ended(state):
    refused = follow(replace(FIRST, state=state), Occurrence(Event.ABORT, NOW), SEEN, People())
    for language, words in ((Language.ENGLISH, words_en.WORDS), (Language.JAPANESE, words_ja.WORDS)):
        (told,) = refusal(refused.lacks, language)
        assert told.endswith(words[f"state.{state}"])
        assert "abort" not in told


def test_a_refusal_is_told_in_the_same_words():
    refused = follow(FIRST, Occurrence(Event.PROMOTE, NOW), SEEN)
    assert refusal(refused.lacks) == ["promote is not possible from canary."]
    broken = follow(
        replace(FIRST, step_since=0), Occurrence(Event.ADVANCE, NOW), Evidence(failing=Failing(run=Arms(0, 10)))
    )
    assert refusal(broken.lacks)[-2:] == ["Alarms that are on: harm.", "Nothing heard lately from: error, refusal."]
    assert refusal(broken.lacks, Language.JAPANESE)[-2:] == [
        "出ている警報: 害。",
        "最近の判定がない指標: error、refusal。",
    ]


def test_what_comes_next():
    assert next_event(FIRST) is Event.ADVANCE
    assert next_event(replace(FIRST, step=1)) is Event.PROVEN
    assert {next_event(replace(FIRST, state=state)) for state in TERMINAL} == {None}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (59.5, "1 min 0 s"), (3_599, "59 min 59 s"), (3_600, "1 h 0 min"), (90_000, "1 d 1 h")],
)
def test_times(seconds, said):
    assert Speaker(words_en.WORDS).time(seconds) == said


def test_figures():
    assert [number(each) for each in (0, 0.001, 0.123456, 1.5, 99.9, 1234.5, float("inf"))] == [
        "0", "<0.01", "0.123", "1.5", "99.9", "1,234", "∞",
    ]  # fmt: skip
    assert figure(1000.0) == ">1,000,000"
    assert percent(0.05) == "5 %"


@pytest.mark.parametrize(("language", "word"), [(Language.ENGLISH, "begin anew"), (Language.JAPANESE, "始め直して")])
def test_who_judges_now_may_be_another_than_at_the_start(language, word):
    said = of_other_judges(["tone", "tact"], language)
    assert [each.split(":")[0] for each in said] == ["tone", "tact"]
    assert all(word in each for each in said)
