"""A rollout on the terminal."""

import re
from io import StringIO

import pytest
from rich.console import Console

from llmgateway.cli.rollout import screen
from llmgateway.cli.rollout.bundle import _shown, followed
from llmgateway.cli.rollout.screen import bar, brief, evidence, headline, replayed, standing
from llmgateway.rollout.words_en import WORDS

HEAD = {"id": "6b0", "route": "chat", "candidate": "v2", "stable": "v1", "creator": "carol", "state": "paused"}
E = {"e": 1.5, "log_e": 0.4, "needed": 20.0}
WHOLE = HEAD | {
    "pause": "no_data",
    "steps": [{"weight": 0.05, "gate": False}, {"weight": 0.5, "gate": True}],
    "step": 1,
    "weight": 0.5,
    "approvals": [{"by": "ann", "at": 1.0, "counts": True}, {"by": "carol", "at": 1.0, "counts": False}],
    "approvals_needed": 2,
    "evidence_hash": "0123456789abcdef",
    "metrics": [
        {
            "name": "error",
            "kind": "critical",
            "bad": {"stable": 3, "candidate": 1},
            "units": {"stable": 40, "candidate": 10},
            "ratio": {"low": 0.0, "high": None},
            "harm": E,
            "safe": E,
        }
    ],
    "words": ["Paused.\x1b[2J"],
    "file_error": "it is read-only",
}


def printed(rollout):
    return _printed(standing(rollout))


def _printed(shown):
    out = StringIO()
    Console(file=out, width=160).print(shown)
    return out.getvalue()


def test_where_it_is_in_one_line():
    assert headline(HEAD | {"pause": None}) == "chat: v2 instead of v1 · paused · rollout 6b0 by carol"
    assert "paused (no_data)" in headline(WHOLE)


def test_the_steps_and_whose_word_counts():
    assert bar(WHOLE) == "steps 5% → [50%] · 50% of assignments now · approvals 1 of 2 · evidence 0123456789ab"


def test_the_figures_the_words_and_what_is_in_the_way():
    text = printed(WHOLE)
    for part in ("error (critical)", "1 of 10", "3 of 40", "0.00 to ?", "1.5 / 20", "it is read-only"):
        assert part in text
    assert "\x1b" not in text, "what is told can't move the cursor"


@pytest.mark.parametrize(
    ("asking", "missing", "is_told"),
    [(True, ["approvals"], True), (False, ["approvals"], False), (True, ["time"], False), (True, [], False)],
)
def test_whoever_is_asked_for_a_word_is_told_how_to_give_it(asking, missing, is_told):
    rollout = WHOLE | {"asking": asking, "missing": [{"what": each, "values": {}} for each in missing]}
    assert ("who agrees: llmgateway rollout approve chat" in printed(rollout)) is is_told


def test_what_the_table_says_and_what_it_rests_on_is_left_to_explain():
    said = {key: re.sub(r"\{\w+\}", "x", template) for key, template in WORDS.items()}
    kept = brief(said.values())
    gone = {key for key, sentence in said.items() if sentence not in kept}
    figures = {"counts", "range", "harm", "no_harm_seen", "safe", "safe_ceiling"}
    assert gone == {"zone", "assumptions", *(f"metric.{each}" for each in figures)}
    assert "what it means: llmgateway rollout explain chat" in printed(WHOLE)


@pytest.mark.parametrize(
    ("e", "told"),
    [
        (0.0, "0"),
        (1e-9, "< 0.001"),
        (0.138, "0.138"),
        (97.44, "97.4"),
        (9_123.0, "9,123"),
        (1e300, "> 10,000"),
    ],
)
def test_evidence_has_no_exponent(e, told):
    assert evidence(e) == told


def test_the_figures_fit_a_small_terminal(monkeypatch):
    monkeypatch.setattr(screen, "room", lambda: 60)
    lines = printed(WHOLE).splitlines()
    (line,) = (each for each in lines if "critical" in each)
    assert len(line.rstrip()) <= 60
    assert line.split()[:2] == ["error", "(critical)"]
    assert "no room for: ratio" in lines
    monkeypatch.setattr(screen, "room", lambda: 100)
    assert "no room" not in printed(WHOLE)


def test_one_that_is_over_has_a_line_and_no_figures():
    assert printed(HEAD | {"state": "rolled_back"}).splitlines() == [
        "chat: v2 instead of v1 · rolled_back · rollout 6b0 by carol"
    ]


def replay(**changes):
    return {"dataset": "golden", "version": 3, "replay": "p1", "reason": None, "command": None} | changes


@pytest.mark.parametrize(
    ("replays", "waived", "said"),
    [
        ([replay(), replay(dataset="regression-chat")], None, "replays passed: golden@3, regression-chat@3"),
        ([replay(replay=None, reason="none")], "no time", "without a replay: no time"),
        ([replay(version=None, replay=None)], None, "nothing there yet to replay"),
    ],
)
def test_the_replays_before_it(replays, waived, said):
    assert replayed({"replays": replays, "waived": waived}) == said


DATASET = {"name": "regression-chat", "version": 2, "added": 5, "carried": 3, "left_out": {"no_body": 2}}
REVIEW = {"added": 20, "known": 0, "refused": 0}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            {"done_at": 1.0, "review": REVIEW, "dataset": None},
            [
                "20 to review (llmgateway review list --reason rollback)",
                "kept out of the regression dataset (regression = false)",
            ],
        ),
        ({"done_at": None, "error": None}, ["not all is done yet: it is under way"]),
        ({"done_at": None, "error": "no room"}, ["not all is done yet: no room"]),
        ({"done_at": 1.0}, ["rolled back before bundles were kept"]),
        (
            {"done_at": 1.0, "review": REVIEW | {"refused": 3}, "dataset": DATASET},
            [
                "20 to review (llmgateway review list --reason rollback)",
                "3 found no room in the queue",
                "5 new in regression-chat@2; 2 no_body",
            ],
        ),
        (
            {"done_at": 1.0, "review": REVIEW, "dataset": DATASET | {"version": None}},
            ["20 to review (llmgateway review list --reason rollback)", "nothing new for regression-chat: 2 no_body"],
        ),
    ],
)
def test_what_came_of_exemplars(after, said):
    assert followed(after) == said


@pytest.mark.parametrize("pairs", [None, {"lost": {"stable": 1, "candidate": 12}, "harm": E | {"e": 96.0}}])
def test_a_bundle_shows_the_pairs_that_ended_a_shadow(pairs):
    cause = {"actor": "", "event": "harm", "reason": "", "generation": 3}
    kept = {"rollout": HEAD, "cause": cause, "decided": {"metrics": WHOLE["metrics"], "pairs": pairs}, "exemplars": []}
    text = _printed(_shown(kept, {"done_at": None, "error": None}))
    assert "rolled back by the gateway, harm" in text
    told = "shadow: of the pairs that differ the candidate lost 12, the stable version 1 · harm E 96"
    assert (told in text) is (pairs is not None)


def test_one_that_is_over_says_how_it_ended_and_where_the_rest_stands():
    harm = {"at": 1_700_000_000.0, "from": "canary", "to": "rolling_back", "event": "harm", "actor": None, "reason": ""}
    by_hand = harm | {"event": "roll_back", "actor": "bob", "reason": "a\x1bfeeling"}
    assert printed(HEAD | {"state": "rolled_back", "moves": [harm, by_hand]}).splitlines()[1:] == [
        "2023-11-14 22:13:20 UTC: canary → rolling_back, harm by the gateway",
        "2023-11-14 22:13:20 UTC: canary → rolling_back, roll_back by bob (a\\x1bfeeling)",
        "every move: llmgateway rollout history chat",
    ]


def test_one_that_can_not_be_read_says_so_and_the_way_out():
    lost = {
        "why": "KeyError: 'plan'",
        "weight": 0.5,
        "words": "It can't be read.\x1b[2J llmgateway rollout discard chat",
    }
    text = printed(HEAD | {"pause": None, "unreadable": lost, "moves": []})
    assert "! It can't be read.\\x1b[2J llmgateway rollout discard chat" in text
    assert "!" not in printed(HEAD | {"pause": None, "unreadable": None, "moves": []})
