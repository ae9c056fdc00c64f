"""Rules in real processes: the version a request gets, what the log says of it, and what `routes explain` said before."""

import http.client
import json
import os
import subprocess
import sys
import time

from tests.support.gateway import running

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 2
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.nobody]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat]
retries = { max_attempts = 1 }
[routes.chat.versions.v1]
backends = ["nobody"]
weight = 1
[routes.chat.versions.v2]
backends = ["nobody"]
[[routes.chat.rules]]
name = "gold"
when = { header = { x-tier = "gold" }, tools = false }
use = { v2 = 1 }
"""
CASES = (({"x-tier": "gold"}, "v2", "rule:gold"), ({}, "v1", "split"), ({"x-llmgateway-version": "v2"}, "v2", "pin"))


def command(*arguments):
    """Run `llmgateway` to its end."""
    line = [sys.executable, "-m", "llmgateway", *map(str, arguments)]
    return subprocess.run(line, env={**os.environ, "COLUMNS": "120"}, capture_output=True, text=True, timeout=60)


def ask(gateway, headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def logged(gateway, exchange_id):
    """The exchange as `logs show` has it, once it is in the store."""
    until = time.monotonic() + 20
    while True:
        shown = command("logs", "show", exchange_id, "--json", "--config", gateway.config)
        if shown.returncode == 0 or time.monotonic() > until:
            return json.loads(shown.stdout)
        time.sleep(0.1)


def test_a_rule_a_pin_and_the_weights_are_explained_followed_and_logged():
    with running(CONFIG) as gateway:
        for headers, version, reason in CASES:
            options = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
            told = json.loads(
                command("routes", "explain", "--config", gateway.config, "-r", "chat", "--json", *options).stdout
            )
            assert (told["version"], told["assigned_by"]) == (version, reason)
            answer = ask(gateway, headers)
            assert answer.headers["x-llmgateway-version"] == version
            row = logged(gateway, answer.headers["x-request-id"])
            assert (row["assigned_version"], row["assigned_by"], row["probability"]) == (version, reason, 1.0)
        shown = command("logs", "show", "last", "--config", gateway.config).stdout
        assert "chosen by  the caller's pin" in shown


def test_a_reload_with_a_rule_that_cannot_be_reached_is_refused_and_the_old_ones_stay():
    with running(CONFIG) as gateway:
        text = gateway.config.read_text()
        again = text[text.index("[[routes.chat.rules]]") :].replace('"gold"\nwhen', '"more"\nwhen')
        gateway.config.write_text(text + again)
        refused = command("reload", "--config", gateway.config)
        assert refused.returncode != 0
        assert '"more" is never reached: "gold" before it has the same conditions' in refused.stdout + refused.stderr
        assert ask(gateway, {"x-tier": "gold"}).headers["x-llmgateway-version"] == "v2"
