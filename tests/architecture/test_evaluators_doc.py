"""docs/EVALUATORS.md names every evaluator and reason, and its example is one."""

import re
from pathlib import Path

import pytest

from llmgateway import plugins
from llmgateway.controlplane.evaluation.evaluation import MAX_BACKLOG
from llmgateway.controlplane.evaluation.questions import MAX_WAITING
from llmgateway.controlplane.evaluation.usual import ENOUGH
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import OptionError

TEXT = (Path(__file__).parents[2] / "docs" / "EVALUATORS.md").read_text()


def shouting():
    """The class of the page's example."""
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(code, names)  # noqa: S102 - our own page
    return names["Shouting"]


def test_every_evaluator_has_its_row_and_every_row_its_evaluator():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", TEXT, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(plugins.names("evaluator"))
    for name, says in rows:
        plugin = plugins.load("evaluator", name)
        for score in getattr(plugin, "gives", ()):
            assert f"`{score}`" in says


def test_every_reason_and_bound_is_told():
    section = TEXT.partition("## When nothing is said")[2].partition("\n## ")[0]
    assert {each for each in Why if f"`{each}`" not in section} == set()
    for bound in (f"{MAX_BACKLOG:,}", str(MAX_WAITING), f"first {ENOUGH}"):
        assert bound in TEXT


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("THIS IS ALL IN CAPITALS, REALLY.", (Given("shouting", True, True, "100% capitals"),)),
        ("this is not in capitals at all", (Given("shouting", False, False, None),)),
        ("OH", Unknown(Why.TOO_SHORT)),
        (None, Unknown(Why.NOT_KEPT)),
    ],
)
def test_the_example_does_what_it_says(answer, said):
    assert shouting()({}).evaluate(Case({}, answer=answer, unseen=Why.NOT_KEPT)) == said


def test_the_example_refuses_what_it_does_not_know():
    with pytest.raises(OptionError):
        shouting()({"loud": 1})
    assert shouting()({"share": 1}).evaluate(Case({}, answer="A" * 20))[0].value is False
