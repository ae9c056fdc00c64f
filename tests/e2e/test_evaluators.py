"""Evaluators in a real gateway with keys: rules and a judge over real traffic, killed in between, in view of an operator."""

import json
import subprocess
import sys
import urllib.request
from hashlib import sha256

import pytest
from tests.e2e.test_feedback import command, model, until  # noqa: F401 - a fixture
from tests.support.gateway import running
from tests.support.says import Says, serving

APP, JUDGE = "lgw_app", "lgw_judge"
CONFIG = f"""
[server]
listen = "127.0.0.1:{{port}}"
workers = 1
[admin]
listen = "127.0.0.1:{{admin_port}}"
[data]
dir = "{{data}}"
[backends.model]
provider = "openai"
base_url = "MODEL"
[backends.wise]
provider = "openai"
base_url = "WISE"
[routes.assistant]
shadow = {{ version = "v2", share = 1.0 }}
[routes.assistant.versions.v1]
backends = ["model"]
model = "m"
weight = 1
[routes.assistant.versions.v2]
backends = ["model"]
model = "m@refusal_rate=1"
[routes.wise.versions.v1]
backends = ["wise"]
model = "gpt-wise"
[keys.app]
hash = "sha256:{sha256(APP.encode()).hexdigest()}"
[keys.judge]
hash = "sha256:{sha256(JUDGE.encode()).hexdigest()}"
routes = ["wise"]
[prices."gpt-wise"]
input = 0
output = 1000
[evaluators.error]
[evaluators.refusal]
[evaluators.similarity]
[evaluators.quality]
use = "judge"
route = "wise"
rubric = "Answers must be kind."
score = "kind"
sample = 1.0
routes = ["assistant"]
daily_cost = DAILY
api_key = "{JUDGE}"
"""


class Wise(Says):
    """A judge that finds refusals unkind; `says` puts other words in its mouth."""

    says: str | None = None
    model = "gpt-wise"
    usage = (100, 10)

    def answer(self, asked):
        verdict = "fail" if "I'm sorry" in asked else "pass"
        return self.says or json.dumps({"verdict": verdict, "reason": "because"})


@pytest.fixture
def wise():
    with serving(type("Mine", (Wise,), {})) as server:
        yield server


def config(model, wise, daily="1.0"):  # noqa: F811 - the fixture's value
    url = f"http://127.0.0.1:{wise.server_address[1]}/v1"
    return CONFIG.replace("MODEL", model).replace("WISE", url).replace("DAILY", daily)


def ask(gateway, text):
    body = json.dumps({"model": "assistant", "messages": [{"role": "user", "content": text}]}).encode()
    headers = {"authorization": f"Bearer {APP}", "content-type": "application/json"}
    request = urllib.request.Request(f"{gateway.base_url}/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.headers["x-llmgateway-exchange-id"]


def get(gateway, path):
    with urllib.request.urlopen(f"{gateway.admin_url}/{path}", timeout=20) as reply:
        return reply.read().decode()


def scores(gateway):
    return json.loads(get(gateway, "admin/v1/scores?limit=1000"))["scores"]


def said(gateway):
    """How often which evaluator said what of which version."""
    found = {}
    for each in scores(gateway):
        key = (each["source_id"], each["version"], each["value"])
        found[key] = found.get(key, 0) + 1
    return found


def evaluators(gateway):
    return {each["name"]: each for each in json.loads(get(gateway, "admin/v1/evaluators"))["evaluators"]}


def told_of(gateway, name):
    """How many exchanges an evaluator is through with."""
    shown = evaluators(gateway)[name]
    return sum(shown["runs"].values()) + sum(shown["skipped"].values())


def test_rules_and_a_judge_score_every_version_and_a_kill_loses_nothing(model, wise):  # noqa: F811
    with running(config(model, wise)) as gateway:
        ids = [ask(gateway, f"What is {number}?") for number in range(5)]
        until(lambda: len(scores(gateway)) >= 5 * (2 + 2 + 1 + 2))
        gateway.kill()
        gateway.start()
        ids += [ask(gateway, f"And {number}?") for number in range(5)]
        until(lambda: len(scores(gateway)) >= 10 * (2 + 2 + 1 + 2))
        counted = said(gateway)
        similar = [each for each in scores(gateway) if each["source_id"] == "similarity"]
        assert {key: n for key, n in counted.items() if key[0] != "similarity"} == {
            ("error", "v1", False): 10, ("error", "v2", False): 10,
            ("refusal", "v1", False): 10, ("refusal", "v2", True): 10,
            ("quality", "v1", True): 10, ("quality", "v2", False): 10,
        }  # fmt: skip
        assert {each["version"] for each in similar} == {"v2"}
        assert all(0 <= each["value"] < 0.5 for each in similar)
        judged = [each for each in scores(gateway) if each["source_id"] == "quality"]
        assert {(each["source_kind"], each["name"], each["comment"]) for each in judged} == {
            ("judge", "kind", "because")
        }
        until(lambda: evaluators(gateway)["quality"]["asks"]["cost_today_usd"] == pytest.approx(20 * 0.01))
        shown = evaluators(gateway)
        assert shown["refusal"]["runs"] == {"good": 10, "bad": 10, "failed": 0, "judge_error": 0}
        assert shown["quality"]["families"]["judge"] == ["openai"]
        assert shown["quality"]["agreement"] == {"labels": 0, "agree": None, "kappa": None, "trust": "advisory"}
        assert shown["quality"]["silent_s"] < 60
        metrics = get(gateway, "metrics")
        assert 'llmgateway_evaluator_runs_total{evaluator="refusal",result="bad"} 10.0' in metrics
        assert 'llmgateway_evaluator_cost_usd_total{evaluator="quality"} 0.2' in metrics
        assert 'llmgateway_evaluator_last_success_timestamp_seconds{evaluator="quality"}' in metrics
        assert "llmgateway_evaluator_backlog 0.0" in metrics
        command(gateway, "scores", "add", ids[0], "kind", "yes")
        assert evaluators(gateway)["quality"]["agreement"]["labels"] == 1
        assert JUDGE not in json.dumps(shown) + metrics + gateway.output()
        listed = command(gateway, "eval", "list")
        assert "refusal" in listed
        assert "advisory" in listed
        tried = json.loads(command(gateway, "eval", "run", "--evaluators", "refusal", "--route", "assistant", "--json"))
        assert {(each["version"], each["judged"], each["bad"]) for each in tried["lines"]} == {
            ("v1", 10, 0), ("v2", 10, 10),
        }  # fmt: skip


def test_a_judge_that_says_nothing_is_an_error_and_never_a_bad_score(model, wise):  # noqa: F811
    wise.RequestHandlerClass.says = "I would say that it fails."
    with running(config(model, wise)) as gateway:
        ask(gateway, "What is it?")
        until(lambda: evaluators(gateway)["quality"]["runs"]["judge_error"] == 2)
        assert not [each for each in scores(gateway) if each["source_id"] == "quality"]
        assert evaluators(gateway)["quality"]["last_success_at"] is None


def test_what_a_judge_may_cost_a_day_is_a_bound(model, wise):  # noqa: F811
    with running(config(model, wise, daily="0.015")) as gateway:
        for number in range(6):
            ask(gateway, f"What is {number}?")
            until(lambda told=2 * number + 2: told_of(gateway, "quality") >= told)
        until(lambda: evaluators(gateway)["quality"]["skipped"].get("cost_cap", 0) >= 6)
        asks = evaluators(gateway)["quality"]["asks"]
        assert asks["cost_today_usd"] <= 0.015 + 4 * 0.01  # and what was under way
        assert asks["questions_today"] == round(asks["cost_today_usd"] / 0.01)


def test_a_judge_without_a_key_is_refused_where_callers_need_one(model, wise, tmp_path):  # noqa: F811
    file = tmp_path / "config.toml"
    text = config(model, wise).replace(f'api_key = "{JUDGE}"\n', "").replace("{port}", "8080")
    file.write_text(text.replace("{admin_port}", "8081").replace("{data}", str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "check", str(file)], capture_output=True, text=True, timeout=60
    )
    line = text[: text.index("[evaluators.quality]")].count("\n") + 1
    assert done.returncode == 2
    assert f"{file}:{line}: evaluators.quality: needs an api_key" in done.stdout + done.stderr


def test_a_reload_brings_evaluators_and_takes_them_away(model, wise):  # noqa: F811
    text = config(model, wise)
    with running(text[: text.index("[evaluators.similarity]")]) as gateway:
        assert evaluators(gateway).keys() == {"error", "refusal"}
        written = gateway.config.read_text()
        gateway.config.write_text(written.replace("[evaluators.refusal]", "[evaluators.repetition]"))
        command(gateway, "reload")
        assert evaluators(gateway).keys() == {"error", "repetition"}
        ask(gateway, "What is it?")
        until(lambda: told_of(gateway, "repetition") == 2)
