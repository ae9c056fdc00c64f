"""Datasets and replays through real processes: traffic, a dataset of it, a candidate that errs, and the report."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from bench.ports import free_port
from tests.support.gateway import Gateway, running

from llmgateway.domain.review import DEFAULT_QUEUE, Reason
from llmgateway.review.sampling import is_swapped, item_id

ITEMS = 60
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[journal]
bodies = "full"
[backends.one]
provider = "openai"
base_url = "MODEL/v1"
[backends.two]
provider = "openai"
base_url = "MODEL/v1"
[routes.chat.versions.v1]
backends = ["one"]
model = "good"
weight = 1
[routes.chat.versions.v2]
backends = ["two"]
model = "bad@error_rate=0.8,error=500"
[routes.chat.versions.v3]
backends = ["one"]
model = "good@seed=3"
[routes.chat.versions.v4]
backends = ["one"]
model = "good@latency=0.3"
[prices."good"]
input = 1_000
output = 1_000
[prices."bad"]
input = 1_000
output = 1_000
"""


def llmgateway(gateway: Gateway, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmgateway", *arguments, "--config", str(gateway.config)]
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "160"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def ask(gateway: Gateway, text: str) -> None:
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], "max_tokens": 20})
    request = urllib.request.Request(
        f"{gateway.base_url}/v1/chat/completions", body.encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all of the tests, with traffic in its log and a dataset of it."""
    port = free_port()
    model = subprocess.Popen(
        [sys.executable, "-m", "llmgateway", "model-server", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        folder = tmp_path_factory.mktemp("replay")
        with running(CONFIG.replace("MODEL", f"http://127.0.0.1:{port}"), folder=folder) as started:
            for number in range(ITEMS):
                ask(started, f"question {number}")
                if number % 3 == 0:
                    ask(started, f"Question  {number}")
            time.sleep(1)
            llmgateway(started, "datasets", "create", "golden", "--route", "chat", "--since", "1h")
            yield started
    finally:
        model.terminate()
        model.wait()


def replayed(gateway: Gateway, *more: str, code: int = 0) -> dict:
    arguments = ("replay", "--dataset", "golden", "--route", "chat", "--yes", "--json", *more)
    return json.loads(llmgateway(gateway, *arguments, code=code).stdout)


def test_a_dataset_of_traffic_is_without_doubles_and_comes_back_from_a_file(gateway, tmp_path):
    told = json.loads(llmgateway(gateway, "datasets", "list", "golden", "--json").stdout)["datasets"][0]
    assert (told["items"], told["built"]["left_out"]) == (ITEMS, {"duplicate": ITEMS // 3})
    file = tmp_path / "golden.jsonl"
    llmgateway(gateway, "datasets", "export", "golden", "-o", str(file))
    llmgateway(gateway, "datasets", "import", "again", str(file))
    again = json.loads(llmgateway(gateway, "datasets", "list", "again", "--json").stdout)["datasets"][0]
    assert again["content_hash"] == told["content_hash"]
    assert "question" in file.read_text()
    shown = llmgateway(gateway, "datasets", "show", "golden").stdout
    assert told["content_hash"] in shown


def test_a_candidate_that_errs_fails_the_gate_early_and_the_report_can_be_looked_at(gateway, tmp_path):
    page = tmp_path / "report.html"
    told = replayed(gateway, "--candidate", "v2", "--html", str(page), code=3)
    assert (told["verdict"], told["ended"], told["failed"]) == ("worse", "worse", True)
    assert told["pairs"] < ITEMS
    assert told["rates"]["error"]["candidate"]["count"] >= 5
    assert told["rates"]["error"]["baseline"]["count"] == 0
    assert told["amounts"]["cost_usd"]["baseline"]["count"] > 0
    text = page.read_text()
    assert "The candidate is worse." in text
    assert "<svg" in text
    assert "question" in text
    shown = llmgateway(gateway, "replay", "--resume", told["replay"]["id"], code=3).stdout
    assert "The candidate is worse." in shown


def test_an_equal_candidate_passes(gateway):
    told = replayed(gateway, "--candidate", "v3", "--limit", "20")
    assert (told["ended"], told["failed"], told["pairs"]) == ("done", False, 20)
    assert told["verdict"] == "open"
    listed = json.loads(llmgateway(gateway, "logs", "list", "--route", "chat", "--limit", "1", "--json").stdout)
    assert listed["tags"] == {"replay": told["replay"]["id"]}
    assert listed["assigned_by"] == "pin"


def admin(gateway: Gateway, method: str, path: str, body: dict | None = None) -> dict:
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "x-llmgateway-author": "ann"}
    request = urllib.request.Request(f"{gateway.admin_url}/admin/v1/{path}", content, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_people_compare_pairs_blindly_and_the_report_tells_what_they_make_of_them(gateway):
    told = replayed(gateway, "--candidate", "v3", "--limit", "20", "--review", "12")
    assert told["people"] == {"pairs": 0, "lost": {"stable": 0, "candidate": 0}, "verdict": "open"}
    replay = told["replay"]["id"]
    again = llmgateway(gateway, "replay", "--resume", replay, "--review", "12")
    assert "12 pairs are in the review queue, 0 of them new" in again.stderr.replace("\n", " ")
    items = {
        item_id(DEFAULT_QUEUE, *(each[side]["exchange_id"] for side in ("baseline", "candidate")), Reason.CANARY_PAIR)
        for each in admin(gateway, "GET", f"replays/{replay}/pairs")["pairs"]
    }
    for _ in range(12):
        item = admin(gateway, "POST", "review/next", {})["item"]
        assert item["id"] in items
        better = "right" if is_swapped(item["id"]) else "left"  # where the baseline stands, which nobody is told
        admin(gateway, "POST", f"review/items/{item['id']}/submit", {"labels": {"preference": better}})
    deadline = time.monotonic() + 60
    while len(admin(gateway, "GET", "scores?source=human&limit=100")["scores"]) < 24:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    told = json.loads(llmgateway(gateway, "replay", "--resume", replay, "--json", code=3).stdout)
    assert told["people"] == {"pairs": 12, "lost": {"stable": 0, "candidate": 12}, "verdict": "worse"}


def test_the_cost_cap_stops_it_and_a_higher_one_goes_on(gateway):
    told = replayed(gateway, "--candidate", "v3", "--limit", "12", "--max-cost", "0.2", "--concurrency", "2")
    assert told["ended"] == "cost"
    assert 0 < told["pairs"] < 12
    assert told["replay"]["cost_usd"] <= 0.2
    again = ("replay", "--resume", told["replay"]["id"], "--max-cost", "50", "--json")
    told = json.loads(llmgateway(gateway, *again).stdout)
    assert (told["ended"], told["pairs"]) == ("done", 12)


def test_killed_it_goes_on_where_it_was(gateway):
    command = [sys.executable, "-m", "llmgateway", "replay", "--dataset", "golden", "--route", "chat"]
    command += ["--candidate", "v4", "--limit", "16", "--concurrency", "2", "--yes", "--slow", "5"]
    command += ["--config", str(gateway.config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    newest = until_begun(gateway, pairs=4)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = json.loads(llmgateway(gateway, "replay", "--resume", newest["id"], "--json").stdout)
    assert (told["ended"], told["pairs"]) == ("done", 16)
    assert told["replay"]["id"] == newest["id"]
    asked = json.loads(urllib.request.urlopen(f"{gateway.admin_url}/admin/v1/exchanges?version=v4&limit=1000").read())[
        "exchanges"
    ]
    assert 16 <= len(asked) <= 16 + 2  # what was under way when it was killed is asked again, and nothing else


def test_whoever_interrupts_it_is_told_how_to_go_on(gateway):
    command = [sys.executable, "-m", "llmgateway", "replay", "--dataset", "golden", "--route", "chat", "--yes"]
    command += ["--candidate", "v4", "--concurrency", "1", "--config", str(gateway.config)]
    heeding = signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started the tests may have it ignored
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, heeding)
    newest = until_begun(gateway, pairs=1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"go on with --resume {newest['id']}" in said


def until_begun(gateway: Gateway, pairs: int) -> dict:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        url = f"{gateway.admin_url}/admin/v1/replays?limit=1"
        for newest in json.loads(urllib.request.urlopen(url).read())["replays"]:
            if newest["candidate"] == "v4" and newest["pairs"] >= pairs and newest["ended"] is None:
                return dict(newest)
        time.sleep(0.02)
    raise AssertionError("it did not begin")


def test_what_is_erased_is_neither_shown_nor_asked(gateway, tmp_path):
    file = tmp_path / "golden.jsonl"
    llmgateway(gateway, "datasets", "export", "again", "-o", str(file))
    exchange = json.loads(file.read_text().splitlines()[0])["exchange_id"]
    llmgateway(gateway, "datasets", "erase", "--exchange", exchange, "--yes")
    llmgateway(gateway, "datasets", "export", "again", "-o", str(file), "--force")
    assert exchange not in file.read_text()
    told = json.loads(llmgateway(gateway, "datasets", "list", "again", "--json").stdout)["datasets"][0]
    assert (told["items"], told["erased"]) == (ITEMS, 1)


def test_what_is_wrong_is_said_with_exit_code_2(gateway):
    said = llmgateway(gateway, "replay", "--dataset", "nothing", "--route", "chat", "--candidate", "v3", code=2).stderr
    assert "there is no dataset nothing" in said
    said = llmgateway(
        gateway, "replay", "--dataset", "golden", "--route", "chat", "--candidate", "v9", "--yes", code=2
    ).stderr
    assert "no version 'v9'" in said
