"""A guardrail through real processes: a worker redacts, control keeps the verdict, an operator finds it."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing

from tests.support.gateway import running
from tests.support.rows import ANSWER, JSON, answering
from tests.support.wire_backend import WireBackend, reply

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"  # nobody's
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[guardrails]
baseline = ["secrets"]
[guardrails.strict]
use = "secrets"
action = "block"
[backends.one]
provider = "openai"
base_url = "ONE/v1"
[routes.chat.versions.v1]
backends = ["one"]
[routes.closed]
guardrails = ["strict"]
[routes.closed.versions.v1]
backends = ["one"]
[guardrails.polite]
use = "secrets"
action = "block"
refusal = "I can't help with that."
[routes.polite]
guardrails = ["polite"]
[routes.polite.versions.v1]
backends = ["one"]
"""
REDACTED = {"guardrail": "secrets", "plugin": "secrets", "stage": "request", "action": "redact", "mode": "enforce",
            "kind": "secret.github", "count": 1}  # fmt: skip


def logs(gateway, *arguments):
    command = [sys.executable, "-m", "llmgateway", "logs", *arguments, "--data", str(gateway.data)]
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(gateway, *arguments):
    return [json.loads(line) for line in logs(gateway, "list", "--json", *arguments).splitlines()]


def ask(gateway, model, text):
    """Status and body of a chat request."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(
        f"{gateway.base_url}/v1/chat/completions", body, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def admin(gateway, path):
    with urllib.request.urlopen(f"{gateway.admin_url}{path}", timeout=10) as answer:
        return answer.read().decode()


def verdicts_counted(gateway):
    """The metric by its labels; none while the counters are still being read from the store."""
    try:
        text = admin(gateway, "/metrics")
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return {}
    lines = [line for line in text.splitlines() if line.startswith("llmgateway_guardrail_verdicts_total{")]
    return {line.rpartition(" ")[0].partition("{")[2]: float(line.rpartition(" ")[2]) for line in lines}


def wait_until(condition):
    until = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.1)
    return found


async def test_what_the_baseline_redacts_is_told_by_store_logs_and_metrics():
    async with WireBackend(answering(reply(json.dumps(ANSWER).encode(), headers=JSON))) as backend:
        await asyncio.to_thread(operate, CONFIG.replace("ONE", backend.url))
        heard = [request.body.decode() for request in backend.requests]
    assert len(heard) == 2  # the blocked one is not among them
    assert "use [SECRET" in heard[0]
    assert not any(SECRET in body for body in heard)


def operate(config):
    with running(config) as gateway:
        assert ask(gateway, "chat", f"use {SECRET} please")[0] == 200
        assert ask(gateway, "chat", "nothing to see")[0] == 200
        status, refusal = ask(gateway, "closed", f"use {SECRET} please")
        assert (status, json.loads(refusal)["error"]["code"]) == (400, "guardrail_blocked")
        assert SECRET not in refusal

        counted = wait_until(lambda: found if len(found := verdicts_counted(gateway)) == 2 else None)
        key = 'action="{}",guardrail="{}",kind="secret.github",mode="enforce",stage="request"}}'
        assert counted[key.format("block", "strict")] == 1
        assert counted[key.format("redact", "secrets")] == 2

        (redacted,) = listed(gateway, "--guardrail", "secrets", "--route", "chat")
        assert [each | {"version": None} for each in redacted["verdicts"]] == [REDACTED | {"version": None}]
        (blocked,) = listed(gateway, "--error", "guardrail_blocked")
        assert listed(gateway, "--verdict", "block") == [blocked]
        assert (blocked["route"], blocked["status"]) == ("closed", 400)
        assert "secrets redacted secret.github in the request" in logs(gateway, "show", redacted["id"])
        assert "strict blocked secret.github in the request" in logs(gateway, "show", blocked["id"])
        page = json.loads(admin(gateway, "/admin/v1/exchanges?guardrail=strict&verdict=block"))
        assert [each["id"] for each in page["exchanges"]] == [blocked["id"]]
        assert json.loads(admin(gateway, "/admin/v1/live"))["whole"]["blocked"] == 1

        status, answer = ask(gateway, "polite", f"use {SECRET} please")
        assert (status, json.loads(answer)["choices"][0]["message"]["content"]) == (200, "I can't help with that.")
        (polite,) = wait_until(lambda: listed(gateway, "--error", "guardrail_blocked", "--route", "polite"))
        assert (polite["status"], polite["finish_reason"], polite["end"]) == (200, "content_filter", "refused")
        assert "I can't help with that." in logs(gateway, "show", polite["id"])
        assert json.loads(admin(gateway, "/admin/v1/live"))["whole"]["blocked"] == 2

        with closing(sqlite3.connect(f"file:{gateway.store}?mode=ro", uri=True)) as store:
            rows = store.execute(
                """SELECT "id", "guardrail", "action" FROM verdict JOIN exchange ON seq = exchange_seq"""
            )
            found = rows.fetchall()
        assert (redacted["id"], "secrets", "redact") in found
        assert (blocked["id"], "strict", "block") in found
        everything = [logs(gateway, "export", "--bodies"), admin(gateway, "/metrics"), gateway.output()]
        assert gateway.stop() == 0
        everything += [path.read_bytes().decode("latin-1") for path in gateway.data.rglob("*") if path.is_file()]
        assert not any(SECRET in text for text in everything)
