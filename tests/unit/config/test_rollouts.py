"""What a route's rollout may look like, and what is wrong with it, by line."""

import pytest

from llmgateway.config.advice import advise
from llmgateway.config.describe import describe
from llmgateway.config.loader import load
from llmgateway.config.problems import ConfigError
from llmgateway.config.rollouts import METRICS, STEPS, MetricKind, MetricName

CONFIG = """[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["one"]
[routes.chat.rollout]
candidate = "v2"
"""
FIRST = 11  # the line behind it


def loaded(more=""):
    return load(CONFIG + more, providers=("openai",), generation=1, environ={"HOOK": "https://h/x"})


def test_little_has_to_be_said():
    rollout = loaded().routes["chat"].rollout
    assert (rollout.candidate, rollout.steps, rollout.metrics) == ("v2", STEPS, METRICS)


def test_everything_can_be():
    rollout = (
        loaded(
            'steps = [{ weight = 0.1, min_time = "1m", min_units = 7, gate = true }]\nr_m = 2.0\n'
            'metrics.slow = { kind = "signal", first_token = "2s", total = "1m", silent = "5m", weight = 2.0, ceiling = 0.1 }\n'
            'metrics.error = {}\napprovals = { count = 2, by = ["ann", "bob"] }\nbake = { holdback = 0.1, min_time = "2h" }'
        )
        .routes["chat"]
        .rollout
    )
    (step,) = rollout.steps
    assert (step.weight, step.min_time_s, step.min_units, step.gate) == (0.1, 60, 7, True)
    slow, error = rollout.metrics
    assert (slow.name, slow.kind, slow.first_token_s, slow.total_s) == (MetricName.SLOW, MetricKind.SIGNAL, 2, 60)
    assert (error.kind, error.ceiling) == (MetricKind.CRITICAL, None)
    assert (rollout.approvals.by, rollout.bake.min_time_s, rollout.r_m) == (("ann", "bob"), 7_200, 2.0)


SHADOW = '[routes.chat.rollout.shadow]\nmin_time = "2h"\n[routes.chat.shadow]\nversion = "v2"'


def test_a_shadow_may_come_first():
    snapshot = loaded(SHADOW)
    shadow = snapshot.routes["chat"].rollout.shadow
    assert (shadow.min_time_s, shadow.min_pairs, shadow.weight) == (7_200, 50, 1.0)
    assert described(snapshot)["shadow"] == {"min_time": "2h", "min_pairs": 50}
    assert described(loaded())["shadow"] is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [('"golden"', ("golden",)), ('["golden", "regression", "golden"]', ("golden", "regression")), ("[]", ())],
)
def test_one_dataset_or_several_have_to_be_replayed(written, meant):
    snapshot = loaded(f"replay = {written}")
    assert snapshot.routes["chat"].rollout.replay == meant
    assert described(snapshot)["replay"] == list(meant)


def described(snapshot):
    (route,) = describe(snapshot)["routes"]
    return route["rollout"]


@pytest.mark.parametrize(
    ("more", "line", "what"),
    [
        ("steps = []", FIRST, "rollout.steps: must have at least 1 entry"),
        ("steps = [{ weight = 1.0 }]", FIRST, "weight: must be below 1"),
        ("steps = [\n{ weight = 0.2 },\n{ weight = 0.1 }]", FIRST + 2, "the weights of steps have to rise"),
        ("[[routes.chat.rollout.steps]]\nweight = 0.97", FIRST + 1, "has to leave at least the holdback"),
        ('metrics.error = { kind = "signal" }', FIRST, 'at least one metric has to be "critical"'),
        ("metrics.eror = {}", FIRST, "rollout.metrics.eror"),
        ("shadow = {}", FIRST, 'rollout.shadow: needs the route\'s own shadow to be the candidate: version = "v2"'),
        (SHADOW.replace('version = "v2"', 'version = "v1"'), FIRST, "needs the route's own shadow"),
        ("shadow = { min_pairs = 0 }", FIRST, "min_pairs"),
        ('replay = "golden@3"', FIRST, "rollout.replay: is no dataset's name"),
        ("replay = 5", FIRST, "rollout.replay: must be a list"),
        (f"replay = {[f'd{number}' for number in range(11)]}", FIRST, "rollout.replay"),
        ('metrics.error = { total = "1s" }', FIRST, 'is a setting of the metric "slow" alone'),
        ("r0 = 2.0\nr_m = 1.5", FIRST + 1, "r_m: has to be above r0"),
        ('[routes.chat.rollout.approvals]\ncount = 2\nby = ["ann"]', FIRST + 2, "names fewer people than have to approve"),
        ("alpha = 0.6", FIRST, "alpha: must be at most 0.5"),
        ("step = []", FIRST, "there is no such setting"),
        ('[webhooks.team]\nurl = "slack.com/x"', FIRST + 1, "has to begin with http:// or https://"),
        ('[webhooks.team]\nurl = "env:NOWHERE"', FIRST + 1, "NOWHERE is not set"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(more, line, what):
    with pytest.raises(ConfigError) as refused:
        loaded(more)
    (problem,) = refused.value.problems
    assert what in str(problem)
    assert problem.line == line


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (CONFIG.replace('candidate = "v2"', 'candidate = "v3"'), 'no version of this route is called "v3"'),
        (CONFIG.replace('[routes.chat.versions.v2]\nbackends = ["one"]\n', "").replace('"v2"', '"v1"'), "only version"),
    ],
)
def test_the_candidate_is_one_of_several_versions(text, what):
    with pytest.raises(ConfigError, match=what):
        load(text, providers=("openai",), generation=1, environ={})


def test_a_candidate_is_no_idle_version():
    assert not [reason for path, reason in advise(loaded(), (), 0.0) if "no weight" in reason]


def test_it_is_told_in_values():
    told = describe(loaded())["routes"][0]["rollout"]
    assert (told["candidate"], [step["weight_percent"] for step in told["steps"]]) == ("v2", [5, 25, 50])
    assert told["metrics"] == [{"name": "error", "kind": "critical", "ceiling": 0.01}]


def test_a_webhooks_url_is_a_secret():
    snapshot = loaded('[webhooks.team]\nurl = "env:HOOK"\nsecret = "shared"')
    (hook,) = snapshot.webhooks
    assert (hook.name, hook.url.reveal(), hook.secret.reveal()) == ("team", "https://h/x", "shared")
    assert "h/x" not in repr(hook)
