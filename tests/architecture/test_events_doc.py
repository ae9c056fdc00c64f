"""docs/EVENTS.md tells what the code does: every action that it writes, what takes it back, and the figures it names."""

import re
from pathlib import Path

import pytest
from tests.support.control import row
from tests.support.staged import record

from llmgateway.controlplane import distress, events, fingerprints, outages
from llmgateway.controlplane.backends import Outage
from llmgateway.controlplane.evaluation import silence
from llmgateway.controlplane.evaluation.silence import Quiet
from llmgateway.controlplane.rollouts.eventful import MOVES
from llmgateway.controlplane.rollouts.unreadable import Unreadable
from llmgateway.domain.event import EventKind
from llmgateway.domain.undo import UndoAct
from llmgateway.ports.events import MAX_EVENTS
from llmgateway.routing.health import Reason

PAGE = (Path(__file__).parents[2] / "docs" / "EVENTS.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (`[^|]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
KEY = fingerprints.Key("id", "one", "", "model")
MADE = [
    outages.event_of(Outage("one", Reason.SLOW, 1.0, 5.0, 1, 9, 3, ""), 1.0),
    outages.sick_event("one", Reason.AUTH, 1.0),
    fingerprints.changed(row(), KEY, "b", ["a"]),
    silence.silent(Quiet("kind", 1.0, None, {"failed": 3}), 2.0),
    silence.capped("kind", "2026-11-28", 1.0),
    distress.alarm(distress.OVERLOADED, (), 1.0),
    distress.alarm(distress.LOG_FULL, (), 1.0),
    Unreadable(record(), "KeyError: 'plan'", None, 1.0).event(),
]
WRITTEN = [
    *((EventKind.ROLLOUT, each.action, each.severity, each.undo) for each in MOVES.values()),
    *((each.kind, each.action, each.severity, each.undo and each.undo["act"]) for each in MADE),
]


@pytest.mark.parametrize(("kind", "action", "severity", "undo"), WRITTEN)
def test_what_is_written_stands_in_the_table_with_its_severity_and_what_takes_it_back(kind, action, severity, undo):
    ((severities, back),) = [
        (severities, back) for name, actions, severities, back in ROWS if name == kind and f"`{action}`" in actions
    ]
    assert severity in re.findall(r"\w+", severities)
    assert undo is None or f"`{undo}`" in back


def test_the_table_names_nothing_that_is_not_written():
    told = {(kind, action) for kind, actions, *_ in ROWS for action in re.findall(r"`(\w+)`", actions)}
    mine = {EventKind.ROLLOUT, EventKind.BACKEND, EventKind.FINGERPRINT, EventKind.JUDGE, EventKind.GATEWAY}
    assert {each for each in told if each[0] in mine} == {(kind, action) for kind, action, *_ in WRITTEN}
    assert {kind for kind, _ in told} <= set(EventKind)


def test_every_act_that_takes_something_back_is_told():
    assert set(re.findall(r"`((?:rollout|routes|backends|drift)\.\w+)`", PAGE)) - {"rollout.transition"} == set(UndoAct)


def test_the_figures_are_those_of_the_code():
    for figure, words in [
        (MAX_EVENTS, "The newest 20,000 are kept"),
        (events.MAX_WAITING, "up to 1,000 wait"),
        (int(outages.SICK_S), "fails for 5 seconds"),
        (int(outages.CALM_S), "clears 15 seconds after"),
        (int(distress.AFTER_S), "turns work away for 3 seconds"),
        (int(distress.CALM_S), "clears 15 seconds after the last did"),
        (int(silence.SILENT_S / 60), "in 15 minutes"),
        (silence.MIN_MISSED, "due 3 times or more"),
        (fingerprints.MAX_VALUES - 1, "After 15 changes"),
    ]:
        assert f"{figure:,}" in words
        assert words in PAGE
