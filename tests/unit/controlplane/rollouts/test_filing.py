"""What the file is to say when a rollout has ended."""

from dataclasses import replace

import pytest
from tests.support.staged import made

from llmgateway.config.snapshot import Route, Version
from llmgateway.controlplane.rollouts.filing import wanted_weights
from llmgateway.rollout.rollout import State


def ended(state):
    found = made()
    return replace(found, rollout=replace(found.rollout, state=state))


def route(**weights):
    return Route("chat", tuple(Version(name, name, (), weight=weight) for name, weight in weights.items()))


@pytest.mark.parametrize(
    ("state", "before", "wanted"),
    [
        (State.SUCCEEDED, {"v1": 3, "v2": 0}, {"v1": 0, "v2": 3}),
        (State.SUCCEEDED, {"v1": 0, "v2": 3}, {}),  # written before control was killed
        (State.SUCCEEDED, {"v1": 3, "v2": 0, "v3": 1}, {"v1": 0, "v2": 3}),
        (State.SUCCEEDED, {"v2": 0}, {"v2": 1}),
        (State.SUCCEEDED, {"v1": 1}, {}),  # the candidate is gone
        (State.ROLLED_BACK, {"v1": 3, "v2": 0}, {}),
        (State.ROLLED_BACK, {"v1": 3, "v2": 1}, {"v2": 0}),
        (State.ROLLED_BACK, {"v1": 0, "v2": 1}, {}),  # nothing else would be left
        (State.ABORTED, {"v1": 1, "v2": 0}, {}),
    ],
)
def test_weights(state, before, wanted):
    assert wanted_weights(ended(state), route(**before)) == wanted
