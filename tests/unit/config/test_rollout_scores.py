"""Metrics that read scores: what they may say, and what is wrong with them, by line."""

import pytest

from llmgateway import plugins
from llmgateway.config.describe import describe
from llmgateway.config.loader import load
from llmgateway.config.problems import ConfigError
from llmgateway.config.rollouts import SCORES_SILENT_S, SILENT_S
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule

CONFIG = """[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.referee.versions.v1]
backends = ["one"]
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["one"]
[evaluators.kind]
use = "judge"
route = "referee"
rubric = "Be kind."
score = "tone"
[evaluators.repetition]
[evaluators.pairs]
use = "judge"
route = "referee"
rubric = "Be kind."
form = "pairwise"
[evaluators.thrifty]
use = "error"
keep = "bad"
[evaluators.idle]
use = "error"
sample = 0
[evaluators.elsewhere]
use = "error"
routes = ["referee"]
[routes.chat.rollout]
candidate = "v2"
metrics.error = {}
"""
LAST = CONFIG.count("\n") + 1  # the line behind it


def loaded(more="", config=CONFIG):
    return load(config + more, providers=("openai",), generation=1, environ={}, evaluators=plugins.classes("evaluator"))


def metrics(more):
    _, *rest = loaded(more).routes["chat"].rollout.metrics
    return rest


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ('{ score = "helpful", bad = false }', ScoreRule("helpful", SourceKind.USER, bad=(False,))),
        ('{ score = "stars", below = 3 }', ScoreRule("stars", SourceKind.USER, below=3.0)),
        (
            '{ score = "quality", source = "human", bad = ["bad", "mixed"] }',
            ScoreRule("quality", SourceKind.HUMAN, bad=("bad", "mixed")),
        ),
        (
            '{ score = "length", source = "code", source_id = "meter", below = 1, above = 100 }',
            ScoreRule("length", SourceKind.CODE, "meter", below=1.0, above=100.0),
        ),
        ('{ evaluator = "kind", bad = false }', ScoreRule("tone", SourceKind.JUDGE, "kind", bad=(False,))),
        ('{ evaluator = "kind", score = "tone", bad = false }', ScoreRule("tone", SourceKind.JUDGE, "kind", bad=(False,))),
        (
            '{ evaluator = "repetition", bad = true }',
            ScoreRule("repetition", SourceKind.CODE, "repetition", bad=(True,)),
        ),
    ],
)  # fmt: skip
def test_what_a_metric_reads(written, rule):
    (metric,) = metrics(f"metrics.said = {written}")
    assert (metric.name, metric.reads, metric.is_judged) == ("said", rule, rule.source_kind is SourceKind.JUDGE)


def test_scores_are_waited_for_longer_than_the_log():
    error, said, quick = (
        loaded(
            'metrics.said = { score = "a", bad = false }\nmetrics.quick = { score = "a", bad = false, silent = "1m" }'
        )
        .routes["chat"]
        .rollout.metrics
    )
    assert (error.silent_s, said.silent_s, quick.silent_s) == (SILENT_S, SCORES_SILENT_S, 60)


@pytest.mark.parametrize(
    ("written", "where", "what"),
    [
        ("{}", "said", 'no metric of the log is called "said"; there is "blocked"'),
        ('{ evaluator = "kid", bad = false }', "said.evaluator", 'no evaluator is called "kid"; did you mean "kind"?'),
        ('{ evaluator = "pairs", bad = ["worse"] }', "said.evaluator", "compares a shadow's copies"),
        ('{ evaluator = "thrifty", bad = true }', "said.evaluator", "writes bad scores alone"),
        ('{ evaluator = "idle", bad = true }', "said.evaluator", "looks at no exchange"),
        ('{ evaluator = "elsewhere", bad = true }', "said.evaluator", "does not look at this route"),
        ('{ evaluator = "kind", score = "tome", bad = false }', "said.score", 'gives no such score; did you mean "tone"?'),
        ('{ evaluator = "kind", source = "judge", bad = false }', "said.source", "the evaluator says whose"),
        ('{ evaluator = "kind", source_id = "x", bad = false }', "said.source_id", "the evaluator says whose"),
        ('{ score = "a" }', "said", "does not say which values are bad"),
        ('{ score = "a", bad = false, below = 1 }', "said.bad", "not for one score"),
        ('{ score = "a", below = 3, above = 1 }', "said.below", "every number would be bad"),
        ('{ score = "a", bad = "rude" }', "said.bad", "must be true, false, or a list of 1 to 50 categories"),
        ('{ score = "a", bad = [] }', "said.bad", "must be true, false, or a list"),
        ('{ score = "a", bad = [1] }', "said.bad", "a category is a text"),
        ('{ score = "a", source = "judge", bad = false }', "said", "needs source_id"),
        ('{ score = "a", source = "users", bad = false }', "said.source", "must be "),
        ('{ score = "", bad = false }', "said.score", "must not be empty"),
        ('{ score = "a", bad = false, total = "1s" }', "said.total", 'of the metric "slow" alone'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(written, where, what):
    with pytest.raises(ConfigError) as refused:
        loaded(f"metrics.said = {written}")
    (problem,) = refused.value.problems
    assert (problem.path, problem.line) == (f"routes.chat.rollout.metrics.{where}", LAST)
    assert what in problem.reason


@pytest.mark.parametrize("name", ["!said", "'ü'", '""', "'" + "a" * 65 + "'"])
def test_a_name_is_one_that_figures_can_have(name):
    with pytest.raises(ConfigError):
        loaded(f"metrics.{name} = {{ score = 'a', bad = false }}")


@pytest.mark.parametrize(
    "setting", ['score = "a"', 'evaluator = "kind"', "bad = false", "below = 1", 'source = "user"']
)
def test_a_metric_of_the_log_reads_no_scores(setting):
    with pytest.raises(ConfigError, match="looks at the log"):
        loaded(config=CONFIG.replace("metrics.error = {}", f"metrics.error = {{ {setting} }}"))


def test_a_judge_alone_is_not_critical():
    with pytest.raises(ConfigError, match="has to be no model's word"):
        loaded(
            config=CONFIG.replace(
                "metrics.error = {}",
                'metrics.error = { kind = "signal" }\nmetrics.tone = { evaluator = "kind", bad = false }',
            )
        )


def test_there_is_a_bound():
    many = "\n".join(f'metrics.m{n} = {{ score = "a", bad = false }}' for n in range(31))
    assert len(metrics(many)) == 31
    with pytest.raises(ConfigError, match="at most 32 entries"):
        loaded(many + '\nmetrics.more = { score = "a", bad = false }')


def test_without_plug_ins_it_is_read_as_far_as_it_goes():
    """Where nobody knows the plug-ins, nothing depends on what they give."""
    text = CONFIG + 'metrics.tone = { evaluator = "kind", bad = false }'
    snapshot = load(text, providers=("openai",), generation=1, environ={})
    assert snapshot.routes["chat"].rollout.metrics[1].reads.source_id == "kind"


def test_it_is_told_in_values():
    snapshot = loaded('metrics.said = { evaluator = "kind", bad = false, kind = "signal" }')
    routes = {each["name"]: each for each in describe(snapshot)["routes"]}
    assert routes["chat"]["rollout"]["metrics"][1] == {
        "name": "said", "kind": "signal", "ceiling": None,
        "score": "tone", "source": "judge", "source_id": "kind", "bad": [False], "below": None, "above": None,
    }  # fmt: skip
