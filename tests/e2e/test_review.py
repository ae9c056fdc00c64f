"""Review with real processes: what is asked for comes into the queue by itself, and what was said survives a kill."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest
from tests.e2e.test_feedback import CONFIG, KEY, asked, model, until  # noqa: F401 -- the fixture
from tests.support.gateway import running

ANN = "ann"


@pytest.fixture
def gateway(model):  # noqa: F811
    settings = "\n[review]\nrandom = 1.0\nthumbs_down = 1.0\noverlap = 0.0\n"
    with running(CONFIG.replace("MODEL", model) + settings) as gateway:
        yield gateway


def review(gateway, *words, who=ANN):
    command = [sys.executable, "-m", "llmgateway", "review", *words, "--config", str(gateway.config)]
    environ = {**os.environ, "LOGNAME": who, "COLUMNS": "160"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def waiting(gateway, count):
    lines = json.loads(review(gateway, "list", "--json"))["items"]
    return lines if len(lines) == count else None


def thumb_down(gateway, exchange_id):
    body = json.dumps({"exchange_id": exchange_id, "name": "helpful", "value": False}).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(f"{gateway.base_url}/v1/feedback", body, headers)
    urllib.request.urlopen(request, timeout=20).close()


def test_an_exchange_comes_by_itself_is_reviewed_and_survives_a_kill(gateway):
    first = asked(gateway, "order-1")
    (item,) = until(lambda: waiting(gateway, 1))
    assert (item["exchange_id"], item["reason"], item["added_by"]) == (first, "random", "gateway")
    thumb_down(gateway, first)
    until(lambda: waiting(gateway, 2))
    claimed = json.loads(review(gateway, "next", "--json"))
    assert claimed["texts"]["asked"] == [{"source": "user", "text": "hi"}]
    assert claimed["texts"]["answer"][0]["text"]
    gateway.kill()
    gateway.start()
    again = json.loads(review(gateway, "next", "--json"))
    assert (again["id"], again["claimed_by"]) == (claimed["id"], ANN)
    assert json.loads(review(gateway, "next", "--json", who="bob"))["id"] != claimed["id"]
    assert "is done" in review(gateway, "submit", claimed["id"], "quality=bad")
    gateway.kill()
    gateway.start()
    (line,) = map(json.loads, review(gateway, "export").splitlines())
    assert (line["exchange_id"], line["version"], line["labels"]) == (first, "v1", {"quality": "bad"})

    def scored():
        with urllib.request.urlopen(f"{gateway.admin_url}/admin/v1/scores?exchange={first}&source=human") as reply:
            return json.load(reply)["scores"]

    (score,) = until(scored)
    assert (score["name"], score["value"], score["source_id"], score["state"]) == ("quality", "bad", ANN, "valid")

    def told():
        with urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=10) as reply:
            text = reply.read().decode()
        return 'llmgateway_review_items{queue="default",status="done"} 1.0' in text and (
            'llmgateway_review_items{queue="default",status="claimed"} 1.0' in text
        )

    until(told)
