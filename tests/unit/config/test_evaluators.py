"""[evaluators.NAME]: every fault with its line and reason, and what a good table becomes."""

import pytest

from llmgateway import plugins
from llmgateway.config.evaluating import Evaluator, Keep
from llmgateway.config.loader import load
from llmgateway.config.problems import ConfigError

BASE = """\
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"
[routes.chat.versions.v1]
backends = ["one"]
[routes."vendor/*".versions.v1]
backends = ["one"]
"""
KEYS = f'[keys.app]\nhash = "sha256:{"0" * 64}"\n'
JUDGE = '[evaluators.kind]\nuse = "judge"\nroute = "chat"\nrubric = "Be kind."\n'


def loaded(text):
    makers = plugins.classes("evaluator")
    return load(BASE + text, providers=("openai",), evaluators=makers, generation=1, environ={"KEY": "sk-1"})


def faults(text):
    with pytest.raises(ConfigError) as raised:
        loaded(text)
    lines = BASE.count("\n")
    return [(each.line - lines, each.path, each.reason) for each in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "line", "path", "reason"),
    [
        ("[evaluators.eror]\n", 1, "evaluators.eror", 'no evaluator plug-in is called "eror"; did you mean "error"?'),
        ('[evaluators.x]\nuse = "slwo"\n', 2, "evaluators.x.use", 'no evaluator plug-in is called "slwo"'),
        ("[evaluators.slow]\nfactr = 2\n", 2, "evaluators.slow.factr", "There is no setting 'factr'"),
        ("[evaluators.slow]\nfactor = 0\n", 2, "evaluators.slow.factor", "factor must be from 0.1 to 100"),
        ("[evaluators.error]\nsample = 1.5\n", 2, "evaluators.error.sample", "must be at most 1"),
        ('[evaluators.error]\nkeep = "some"\n', 2, "evaluators.error.keep", "must be"),
        ('[evaluators.error]\nroutes = ["chat", "chta"]\n', 2, "evaluators.error.routes", 'no route is called "chta"'),
        (
            "[evaluators.error]\ndaily_cost = 1.0\n",
            2,
            "evaluators.error.daily_cost",
            "is for plug-ins that ask a model",
        ),
        (
            JUDGE.replace('"chat"', '"chta"'),
            3,
            "evaluators.kind.route",
            'no route is called "chta"; did you mean "chat"?',
        ),
        (JUDGE.replace('"chat"', '"vendor/*"'), 3, "evaluators.kind.route", "must name one route"),
        (JUDGE.replace('rubric = "Be kind."', ""), 1, "evaluators.kind", "rubric must be set"),
        (JUDGE + KEYS, 1, "evaluators.kind", "needs an api_key"),
        (JUDGE + 'api_key = "env:NOTHING"\n', 5, "evaluators.kind.api_key", "NOTHING"),
    ],
)
def test_a_fault_has_its_line_and_its_reason(text, line, path, reason):
    (found,) = faults(text)
    assert found[0] == line
    assert found[1].startswith(path)
    assert reason in found[2]


def test_a_table_becomes_a_definition_and_what_asks_looks_at_less():
    snapshot = loaded('[evaluators.slow]\nfactor = 2\nkeep = "bad"\n' + JUDGE + 'api_key = "env:KEY"\nsample = 0.5\n')
    assert snapshot.evaluators["slow"] == Evaluator("slow", "slow", keep=Keep.BAD, options={"factor": 2})
    kind = snapshot.evaluators["kind"]
    assert (kind.plugin, kind.sample, kind.api_key.reveal()) == ("judge", 0.5, "sk-1")
    assert "sk-1" not in repr(snapshot)
    assert loaded(JUDGE).evaluators["kind"].sample == 0.05


def test_there_are_only_so_many():
    text = "".join(f'[evaluators.e{number}]\nuse = "error"\n' for number in range(21))
    assert "at most 20" in faults(text)[0][2]
