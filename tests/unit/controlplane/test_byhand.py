"""How a backend is, in words: also one that fails and can't be spared."""

import pytest
from tests.support.backends import NOW, World

from llmgateway.controlplane.backends import Backends
from llmgateway.controlplane.byhand import suspicion, why
from llmgateway.routing.health import Reason


@pytest.fixture
def entry():
    return Backends(World(v1="a b").snapshot(), "epoch")["a"]


def test_one_that_is_kept_in_is_said_to_be_and_what_speaks_against_it(entry):
    assert why(entry, NOW, suspected=None) == ""
    kept_in = "kept in: too many others are out, or a route has no other"
    assert why(entry, NOW, suspected=Reason.AUTH) == f"sick (refuses the gateway's credential), and {kept_in}"
    assert why(entry, NOW, suspected=Reason.CONSECUTIVE) == f"sick (faults in a row), and {kept_in}"


def test_an_operators_word_comes_first(entry):
    entry.is_drained = True
    assert why(entry, NOW, suspected=Reason.AUTH) == "drained by hand"


def test_the_first_worker_that_has_a_suspicion_is_believed():
    assert suspicion([]) is None
    assert suspicion([{}, {"suspect": Reason.SLOW.number}, {"suspect": Reason.AUTH.number}]) is Reason.SLOW
    assert suspicion([{"suspect": 99.0}]) is None
