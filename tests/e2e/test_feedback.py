"""docs/SCORES.md as an application's author follows it: its lines of curl are run as they stand there, against real
processes; and everything is killed right behind an acceptance.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.gateway import running

DOC = Path(__file__).parents[2].joinpath("docs/SCORES.md").read_text()
KEY = "lgw_feedback"
CONFIG = f"""
[server]
listen = "127.0.0.1:{{port}}"
workers = 2
[server.cors]
origins = ["https://app.example"]
[admin]
listen = "127.0.0.1:{{admin_port}}"
[data]
dir = "{{data}}"
[backends.model]
provider = "openai"
base_url = "MODEL"
[routes.assistant.versions.v1]
backends = ["model"]
[keys.app]
hash = "sha256:{sha256(KEY.encode()).hexdigest()}"
"""


@pytest.fixture
def model():
    """`llmgateway model-server`; its base_url."""
    command = [sys.executable, "-m", "llmgateway", "model-server", "--port", "0", "--json", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())["url"] + "/v1"
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def gateway(model):
    with running(CONFIG.replace("MODEL", model)) as gateway:
        yield gateway


def asked(gateway, reference):
    """Ask something; the exchange's id."""
    body = json.dumps({"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "x-request-id": reference}
    request = urllib.request.Request(f"{gateway.base_url}/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.headers["x-llmgateway-exchange-id"]


def curls():
    """The page's lines of curl, in their order."""
    return re.findall(r"^```sh\n(curl .*?)^```", DOC, re.MULTILINE | re.DOTALL)


def typed(gateway, line, **variables):
    """Type one of them; what it prints, as JSON."""
    line = line.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}").replace(
        "127.0.0.1:8081", f"127.0.0.1:{gateway.admin_port}"
    )
    done = subprocess.run(
        ["bash", "-euc", line.replace("curl ", "curl -sS ", 1)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command(gateway, *words):
    """Type a command of the program."""
    command = [sys.executable, "-m", "llmgateway", *words, "--config", str(gateway.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(gateway):
    return [json.loads(line) for line in command(gateway, "scores", "list", "--all", "--json").splitlines()]


def until(condition, seconds=20.0):
    """Wait for a condition; what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)
    return found


def placed(gateway, ids):
    """The scores with these ids, once all of them are valid."""
    found = {each["id"]: each for each in listed(gateway) if each["id"] in ids}
    return found if len(found) == len(ids) and {each["state"] for each in found.values()} == {"valid"} else None


def test_every_line_of_the_page_does_what_it_says(gateway):
    exchange_id = asked(gateway, "order-17")
    by_id, by_reference, token, by_token, by_judge = curls()
    variables = {"KEY": KEY, "EXCHANGE": exchange_id, "REFERENCE": "order-17"}
    sent = [typed(gateway, line, **variables) for line in (by_id, by_reference, by_reference)]
    assert sent[1] == sent[2]
    made = typed(gateway, token, **variables)
    assert made["exchange_id"] == exchange_id
    sent.append(typed(gateway, by_token, TOKEN=made["token"]))
    assert {each["status"] for each in sent} == {"accepted"}
    users = until(lambda: placed(gateway, {each["id"] for each in sent}))
    assert {each["exchange_id"] for each in users.values()} == {exchange_id}
    assert {(each["source_id"], each["value"], each["current"]) for each in users.values()} == {
        ("app", True, False), ("app", False, True), ("browser", True, True),
    }  # fmt: skip
    judged = typed(gateway, by_judge, **variables)["score"]
    assert (judged["value"], judged["version"], judged["state"]) == (0.8, "v1", "valid")

    (line,) = re.findall(r"^\$ (llmgateway scores add .*)$", DOC, re.MULTILINE)
    assert line.startswith("llmgateway scores add 0190a0b0-0000-7000-8000-00000000002a helpful no")
    assert "helpful no by human ann" in command(
        gateway,
        "scores",
        "add",
        exchange_id,
        "helpful",
        "no",
        "--comment",
        "It invents a tariff.",
        "--source-id",
        "ann",
    )
    summary = command(gateway, "scores", "summary", "--since", "7d")
    assert re.search(r"assistant\s+v1\s+helpful\s+user\s+2\s+yes 50.0 %", summary), summary
    assert "score      helpful no by human ann: It invents a tariff." in command(gateway, "logs", "show", "last")
    with urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=10) as reply:
        metrics = reply.read().decode()
    for polarity, count in (("negative", 1), ("positive", 2)):
        labels = f'name="helpful",polarity="{polarity}",route="assistant",version="v1"'
        assert f"llmgateway_feedback_total{{{labels}}} {count}.0" in metrics
    assert 'llmgateway_feedback_rejected_total{reason="other_key"} 0.0' in metrics


def test_everything_is_killed_right_behind_an_acceptance(gateway):
    by_id = curls()[0]
    accepted = []
    for number in range(3):
        exchange_id = asked(gateway, f"order-{number}")
        accepted.append(typed(gateway, by_id, KEY=KEY, EXCHANGE=exchange_id)["id"])
        gateway.kill()
        gateway.start()
    found = until(lambda: placed(gateway, set(accepted)))
    assert len(found) == len(listed(gateway)) == 3
    secret = gateway.data / "feedback.key"
    assert secret.stat().st_mode & 0o777 == 0o600
    with urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=10) as reply:
        metrics = reply.read().decode()
    assert re.search(r"llmgateway_feedback_total\{.*positive.*\} 3\.0", metrics)
