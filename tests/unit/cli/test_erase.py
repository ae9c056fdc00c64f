"""`llmgateway logs erase` and `logs erasures`: what they ask for, and how they tell what became of it."""

import json

import pytest
from tests.support.listener import run

from llmgateway.cli.logs import erase

ID = "0190a0b0-0000-7000-8000-00000000002a"
ERASURE = {
    "id": ID, "at": 1_790_000_000.0, "by": "bob", "selectors": ["user"], "stage": "overwriting", "found": 12,
    "erased": 0, "items": 0, "files": 0, "finished_at": None,
}  # fmt: skip
DONE = ERASURE | {"stage": "done", "erased": 12, "items": 1, "finished_at": 1_790_000_060.0}
COUNTED = (200, {"erasure": None, "exchanges": 12})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(erase, "POLL_S", 0.0)


def sent(listener):
    return [json.loads(seen[-1]) if seen[-1] else None for seen in listener.seen]


def test_it_counts_and_goes_on_to_the_end(listener):
    answers = [COUNTED, (200, {"erasure": ERASURE, "exchanges": None})]
    listener.answers = [*answers, (200, {"erasure": ERASURE}), (200, {"erasure": DONE})]
    done = run(listener, "logs", "erase", "--user", "ada", "--route", "chat", "--tag", "team=a", "--yes")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"12 exchanges erased, and 1 item of datasets (erasure {ID})\n"
    whose = {"user": "ada", "route": "chat", "tag": "team=a"}
    assert sent(listener) == [whose | {"dry_run": True}, whose, None, None]


def test_a_dry_run_only_counts(listener):
    listener.answers = [COUNTED]
    done = run(listener, "logs", "erase", ID, "--dry-run")
    assert done.stdout == "12 exchanges would be erased; nothing was changed: this was a dry run\n"
    assert sent(listener) == [{"exchange_ids": [ID], "dry_run": True}]


def test_nobody_is_waited_for_where_that_is_wished(listener):
    listener.answers = [COUNTED, (200, {"erasure": ERASURE, "exchanges": None})]
    done = run(listener, "logs", "erase", "--key", "k", "--yes", "--no-wait", "--json")
    assert json.loads(done.stdout)["erasure"] == ERASURE
    listener.answers = [COUNTED, (200, {"erasure": ERASURE, "exchanges": None})]
    done = run(listener, "logs", "erase", "--key", "k", "--yes", "--no-wait")
    assert done.stdout.startswith(f"erasure {ID} is under way")


def test_where_nobody_can_be_asked_nothing_is_done(listener):
    listener.answers = [COUNTED]
    done = run(listener, "logs", "erase", "--user", "ada")
    assert (done.exit_code, len(listener.seen)) == (2, 1)
    assert "--dry-run only shows" in done.output


@pytest.mark.parametrize("arguments", [[], ["--route", "chat"], ["--user", ""]])
def test_it_has_to_be_said_whose(listener, arguments):
    done = run(listener, "logs", "erase", *arguments, "--yes")
    assert (done.exit_code, listener.seen) == (2, [])
    assert "say whose" in done.output


def test_the_record_is_listed(listener):
    listener.answers = [(200, {"erasures": [ERASURE, DONE], "next": ID})]
    done = run(listener, "logs", "erasures")
    assert "writing over what they say" in done.stdout
    assert "done 20" in done.stdout
    assert f"more: --before {ID}" in done.stderr
    listener.answers = [(200, {"erasures": [], "next": None})]
    assert run(listener, "logs", "erasures").stderr == "nothing was erased yet\n"
    listener.answers = [(200, {"erasures": [DONE], "next": None})]
    assert json.loads(run(listener, "logs", "erasures", "--json").stdout)["erasures"] == [DONE]
