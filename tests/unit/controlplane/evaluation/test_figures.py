"""The figures of evaluators: saved and read back as they are, shown as metrics, and each day anew."""

import json

import pytest

from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.evaluation.usual import MAX_ROUTES, Usual
from llmgateway.ports.evaluator import Why

DAY = 86_400.0


def figures():
    made = Figures(cursor=7)
    made.keep_only({"error": 1, "kind": 2})
    made.ran("error", Result.BAD, 5.0)
    made.ran("kind", Result.JUDGE_ERROR, 6.0)
    made.skip("kind", Why.COST_CAP, 3)
    made.paid("kind", 0.25, 10.0)
    made.paid("kind", None, 10.0)
    return made


def test_what_is_saved_is_read_back():
    made = figures()
    again = Figures.restored(json.loads(json.dumps(made.state())))
    assert again.state() == made.state()
    assert again.runs == made.runs


@pytest.mark.parametrize(
    "state", [None, {}, {"cursor": 7}, {**Figures().state(), "runs": [[1]]}, {**Figures().state(), "usual": 7}]
)
def test_what_can_not_be_read_starts_anew(state):
    assert Figures.restored(state).state() == Figures().state()


def test_a_copy_shares_no_count():
    made = figures()
    twin = made.copy()
    twin.ran("error", Result.BAD, 9.0)
    twin.paid("kind", 1.0, 10.0)
    assert made.state() == figures().state()


def test_a_day_ends_what_was_spent_and_only_success_is_a_sign_of_life():
    made = figures()
    assert made.today("kind", 10.0).cost == 0.25
    assert made.today("kind", 10.0 + DAY).cost == 0.0
    assert made.cost == {"kind": 0.25}
    assert made.last_success == {"error": 5.0}


def test_who_is_gone_is_forgotten():
    made = figures()
    made.keep_only({"error": 1})
    assert "kind" not in json.dumps(made.state())


def test_there_is_room_for_so_many_routes(monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.evaluation.usual.ENOUGH", 2)
    usual = Usual()
    for _ in range(2):
        for number in range(MAX_ROUTES + 5):
            usual.add({"route": f"r{number}", "end": "completed", "duration_s": 1.0}, ["duration_s"])
    assert len(usual.shown()) == MAX_ROUTES


def test_copies_replays_and_failures_are_not_what_is_usual(monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.evaluation.usual.ENOUGH", 1)
    usual = Usual()
    usual.add({"route": "r", "end": "completed", "duration_s": 9.0, "shadow_of": "x"}, ["duration_s"])
    of_replay = {"assigned_by": "pin", "tags": {"replay": "p1"}}
    usual.add({"route": "r", "end": "completed", "duration_s": 9.0, **of_replay}, ["duration_s"])
    usual.add({"route": "r", "end": "timeout", "duration_s": 9.0}, ["duration_s"])
    assert usual.shown() == {}
