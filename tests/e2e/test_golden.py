"""Golden questions in a real gateway with keys: asked through its own listener, told when an answer changes."""

import json
import subprocess
import sys
from hashlib import sha256

import pytest
from tests.e2e.test_feedback import command, until
from tests.support.gateway import running
from tests.support.says import Says, serving

APP, GOLDEN = "lgw_app", "lgw_golden"
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
[routes.assistant.versions.v1]
backends = ["model"]
model = "m"
[routes.assistant.golden]
dataset = "golden"
match = "contains"
api_key = "{GOLDEN}"
[keys.app]
hash = "sha256:{sha256(APP.encode()).hexdigest()}"
[keys.golden]
hash = "sha256:{sha256(GOLDEN.encode()).hexdigest()}"
may_pin = MAY_PIN
"""


class Model(Says):
    """A model that knows the capital of France, until somebody changes that."""

    says = "It is Paris, of course."

    def answer(self, asked):
        return self.says


@pytest.fixture
def model():
    handler = type("Mine", (Model,), {})
    with serving(handler) as server:
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/v1"


def import_dataset(gateway, folder):
    request = {"model": "assistant", "messages": [{"role": "user", "content": "Which is the capital of France?"}]}
    reply = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris"}, "finish_reason": "stop"}]}
    file = folder / "golden.jsonl"
    file.write_text(json.dumps({"request": request, "reply": reply}) + "\n")
    words = ["datasets", "import", "golden", str(file), "--route", "assistant", "--url", gateway.admin_url]
    subprocess.run([sys.executable, "-m", "llmgateway", *words], check=True, capture_output=True, timeout=60)


def status(gateway, *words):
    """The route's line."""
    return json.loads(command(gateway, "golden", *(words or ("status",)), "--json"))["routes"][0]


def test_a_model_that_answers_otherwise_of_a_sudden_is_told(model, tmp_path):
    handler, url = model
    with running(CONFIG.replace("MODEL", url).replace("MAY_PIN", "true")) as gateway:
        import_dataset(gateway, tmp_path)
        assert status(gateway)["begun"] is None
        status(gateway, "run", "assistant")
        line = until(lambda: (line := status(gateway))["versions"] and line)
        assert [(each["version"], each["asked"], each["passed"]) for each in line["versions"]] == [("v1", 1, 1)]
        assert line["trouble"] is None

        handler.says = "It is Lyon."
        status(gateway, "run", "assistant")
        failed = until(lambda: status(gateway)["versions"][0]["failed"])
        assert failed[0]["reason"] == "other_answer"
        shown = command(gateway, "golden", "status")
        assert failed[0]["exchange"] in shown

        exchange = json.loads(command(gateway, "logs", "show", failed[0]["exchange"], "--json"))
        assert (exchange["key"], exchange["assigned_by"]) == ("golden", "pin")
        assert "replay" in exchange["tags"]
        drift = json.loads(command(gateway, "drift", "status", "--json"))
        assert drift["versions"][0]["exchanges"] == 0  # they are no traffic


def test_a_key_that_may_not_pin_is_said_to_be_the_trouble(model, tmp_path):
    with running(CONFIG.replace("MODEL", model[1]).replace("MAY_PIN", "false")) as gateway:
        import_dataset(gateway, tmp_path)
        status(gateway, "run", "assistant")
        line = until(lambda: (line := status(gateway))["begun"] and not line["is_running"] and line)
        assert line["versions"][0]["asked"] == 0
        assert "pin_not_allowed" in line["trouble"]
