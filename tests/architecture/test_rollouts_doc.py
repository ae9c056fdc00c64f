"""docs/ROLLOUTS.md tells the states, the ways between them, the weights and the defaults that the code has."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from llmgateway.ports.rollouts import MAX_APPROVALS, MAX_SEEN
from llmgateway.rollout.counts import Draw
from llmgateway.rollout.drift import THRESHOLD
from llmgateway.rollout.grid import HARM, safe
from llmgateway.rollout.hardstop import REQUESTS, RUN
from llmgateway.rollout.interval import interval
from llmgateway.rollout.plan import Metric, Plan, Step
from llmgateway.rollout.psi import FLOOR
from llmgateway.rollout.rollout import MAX_HALTS, MUST_SEE, Pause, Rollout, State
from llmgateway.rollout.states import TABLE

PAGE = Path(__file__).parents[2].joinpath("docs", "ROLLOUTS.md").read_text()
PLAN = Plan((Step(0.25),), (Metric("error"),))


def section(heading):
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading, columns):
    cell = r" (.*?) \|"
    found = re.findall(rf"^\|{cell * columns}$", section(heading), re.MULTILINE)
    return [tuple(each.strip() for each in row) for row in found if "---" not in row[0]]


def test_the_states_and_where_they_lead():
    told = {}
    for states, _, targets in rows("Where a rollout can be", 3)[1:]:
        for state in states.split(", "):
            told[State(state)] = {State(each) for each in targets.split(", ") if each != "–"}
    assert told == {state: {edge.target for (each, _), edge in TABLE.items() if each is state} for state in State}


def test_the_weight_in_each_state():
    words = {0.0: "0", 0.25: "the step's", 0.95: "1 − holdback", 1.0: "1"}
    for states, weight, _ in rows("Where a rollout can be", 3)[1:]:
        for state in states.split(", "):
            assert words[Rollout("r", PLAN, "v", "me", State(state), pause=Pause.MANUAL).weight] == weight


def test_the_defaults():
    told = [row for row in rows("Where a rollout can be", 2) if row[0].startswith("`")]
    assert len(told) >= 13
    of = {"approvals": PLAN.approvals, "bake": PLAN.bake, "step": Step(0.1), "metric": Metric("a")}
    for name, value in told:
        owner, _, field = name.strip("`").rpartition(".")
        assert getattr(of[owner] if owner else PLAN, field) == float(value), name


def test_figures_in_the_text():
    assert f"{RUN} failures of the candidate in a row, or half of {REQUESTS} requests" in PAGE
    assert MUST_SEE == 10
    assert f"{MAX_HALTS} pauses by people, {MAX_APPROVALS:,} approvals and {MAX_SEEN:,} answers shown" in PAGE
    assert "ten random answers" in PAGE
    assert THRESHOLD == 10_000
    assert "one false alarm in 10,000 events" in PAGE
    assert f"above {FLOOR}." in PAGE
    assert replace(PLAN).alpha == 1 / 20


def test_how_far_the_interval_narrows():
    many = 10**9
    low, high = interval([Draw(0.5, many, many)], PLAN.alpha, PLAN.beta, PLAN.r_m)
    assert "about 5 % below and 17 % above" in PAGE
    assert (1 - low, high - 1) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.17, abs=0.01))
    assert min(HARM.log_ratios) > 0 > max(safe(PLAN.r_m).log_ratios)


def test_a_candidate_a_quarter_worse_is_told_of_as_it_was_measured():
    ends = re.search(r"whole plan, ratio 1.25.*\| +\| ([\d.]+) / ([\d.]+) /", PAGE)
    assert all(20 < float(each) < 80 for each in ends.groups()), '"may end either way"'
