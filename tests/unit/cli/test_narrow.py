"""Every list fits eighty columns with the names that people choose, its ids whole, and into a pipe goes all of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from tests.support.exchanges import ExchangeFactory
from tests.support.listener import run
from tests.support.scores import score
from typer.testing import CliRunner

from llmgateway.cli import main as root
from llmgateway.cli import tables
from llmgateway.store.sqlite import SqliteStore

ROUTE = "customer-support-assistant"
VERSION = "gpt-5-mini-terse-2026-11"
WHO = "ada.lovelace@example.com"
WHY = "because the answers were slower than they had been for a week, and nobody knew why"
ID = "0190163d-8694-739b-aea5-966c26f8ad91"
HASH = "0123456789ab"
AT = 1_790_000_000.0

ITEM = {"id": ID, "queue": "second-look-at-refunds", "reason": "judge_disagrees", "route": ROUTE, "priority": 10,
        "claimed_by": WHO, "state": "open"}  # fmt: skip
CONCERN = {"id": ID, "route": ROUTE, "version": VERSION, "by": WHO, "severity": "critical", "state": "accepted",
           "closed_by": WHO, "text": WHY}  # fmt: skip
KNOWN = {"route": ROUTE, "name": VERSION, "id": HASH, "share_percent": 33.333, "in_force": True, "model": "gpt-5-mini",
         "first_seen": AT, "last_served": AT, "labels": {"owner": "support-team"}, "notes": 3}  # fmt: skip
BACKEND = {"name": "openai-europe-west-secondary", "provider": "openai", "base_url": "https://eu.api.example.com/v1",
           "used_by": [f"{ROUTE}/{VERSION}"], "state": "half_open", "why": "faults in a row", "in_flight": 123,
           "queued": 40, "ewma_s": 0.25, "attempts": 40_000, "faults": 2_000}  # fmt: skip
ENTRY = {"number": 1_234, "at": AT, "author": WHO, "reason": WHY, "refused": None}
DATASET = {"name": "golden-refunds-of-november", "version": 12, "route": ROUTE, "items": 12_345, "erased": 12,
           "bytes": 123_456_789, "created_at": AT, "author": WHO, "content_hash": HASH * 5}  # fmt: skip
ROLLOUT = {"route": ROUTE, "id": "6ab13080abcdef", "candidate": VERSION, "stable": VERSION, "state": "awaiting_approval",
           "creator": WHO}  # fmt: skip
MOVE = {"at": AT, "from": "awaiting_approval", "to": "promoting", "event": "approved", "weight": 0.25, "actor": WHO,
        "reason": WHY}  # fmt: skip
EVENT = {"id": f"rollout-{ROUTE}-6ab13080abcdef", "at": AT, "kind": "rollout", "action": "rolled_back",
         "severity": "alarm", "text": WHY, "route": ROUTE, "version": VERSION, "backend": None, "undone_at": None,
         "cleared_at": None}  # fmt: skip
GOLDEN = {"route": ROUTE, "is_running": False, "begun": AT, "due": AT, "trouble": None, "cost_usd": 1.25, "versions": [
    {"version": VERSION, "at": AT, "asked": 1_000, "passed": 1_000, "failed": []}]}  # fmt: skip
FEATURE = {"name": "finish_reason", "state": "too_few", "psi": 0.3, "limit": 0.1, "score": 3.1, "text": None}
DRIFT = {"route": ROUTE, "version": VERSION, "state": "watching", "signals": [], "features": [FEATURE]}
TRUST = {"trust": "observed", "labels": 1_234, "kappa": 0.81}
EVALUATOR = {"name": "refunds-are-explained", "plugin": "judge", "sample": 0.05, "silent_s": 12.0, "agreement": TRUST,
             "runs": {"good": 12_345, "bad": 1_234, "failed": 12, "judge_error": 3}, "skipped": {"late": 12_345},
             "asks": {"cost_today_usd": 12.5, "questions_today": 12_345}}  # fmt: skip

LISTS: list[tuple[tuple[str, ...], dict[str, Any], list[str]]] = [
    (("review", "list"), {"items": [ITEM], "next": None}, [ID]),
    (("review", "concern", "list"), {"concerns": [CONCERN]}, [ID]),
    (("versions", "list"), {"versions": [KNOWN], "next": None}, [HASH]),
    (("backends", "list"), {"backends": [BACKEND], "next": None}, ["123 + 40 waiting", "2000 of 40000"]),
    (("config", "history"), {"generations": [ENTRY], "next": None}, ["1234*"]),
    (("datasets", "list"), {"datasets": [DATASET]}, [HASH, "12,345"]),
    (("rollout", "status"), {"rollouts": [ROLLOUT]}, ["6ab13080abcdef", "awaiting_approval"]),
    (("rollout", "history", ROUTE), {"transitions": [MOVE]}, ["promoting", "25%"]),
    (("events", "list"), {"events": [EVENT], "next": None}, [EVENT["id"]]),
    (("golden", "status"), {"routes": [GOLDEN]}, ["1000"]),
    (("drift", "status"), {"versions": [DRIFT], "is_on": True, "left_out": 0}, ["finish_reason", "310%"]),
    (("eval", "list"), {"evaluators": [EVALUATOR], "backlog": 0}, ["12345", "1234"]),
]


@pytest.mark.parametrize(("words", "answer"), [each[:2] for each in LISTS], ids=[" ".join(each[0]) for each in LISTS])
def test_in_a_small_terminal_nothing_is_squeezed(listener, monkeypatch, words, answer):
    listener.answers = [(200, answer)]
    monkeypatch.setattr(tables, "room", lambda: 60)
    shown = run(listener, *words)
    assert max(map(cell_len, shown.stdout.splitlines())) <= 60, shown.stdout
    heads = next(line for line in shown.stdout.splitlines() if line.strip())
    assert "…" not in heads  # a column that is there has its title whole: a narrower one has gone


@pytest.mark.parametrize(("words", "answer", "whole"), LISTS, ids=[" ".join(words) for words, *_ in LISTS])
def test_what_a_gateway_lists_fits(listener, monkeypatch, words, answer, whole):
    listener.answers = [(200, answer)]
    piped = run(listener, *words)
    assert piped.exit_code == 0, piped.output
    monkeypatch.setattr(tables, "room", lambda: 80)
    shown = run(listener, *words)
    assert max(map(cell_len, shown.stdout.splitlines())) <= 80, shown.stdout
    assert all(part in shown.stdout for part in whole), shown.stdout
    assert all(part in piped.stdout for part in whole)
    assert "…" not in piped.stdout
    assert piped.stderr == ""


@pytest.mark.parametrize("words", [("scores", "list", "--all"), ("scores", "summary"), ("eval", "run")])
def test_what_the_log_lists_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    exchange = asyncio.run(_scored(tmp_path))
    command = [*words, "--data", str(tmp_path)]
    more = ["--since", "2023-01-01"] if words[0] == "eval" else []
    piped = CliRunner().invoke(root.app, [*command, *more])
    assert piped.exit_code == 0, piped.output
    monkeypatch.setattr(tables, "room", lambda: 80)
    shown = CliRunner().invoke(root.app, [*command, *more]).stdout
    assert max(map(cell_len, shown.splitlines())) <= 80, shown
    monkeypatch.setattr(tables, "room", lambda: 60)
    squeezed = CliRunner().invoke(root.app, [*command, *more]).stdout.splitlines()
    assert max(map(cell_len, squeezed)) <= 60, squeezed
    assert "…" not in next(line for line in squeezed if line.strip())
    assert ROUTE in piped.stdout
    assert VERSION in piped.stdout
    if words[1] == "list":
        assert exchange in shown
        assert WHY in piped.stdout


async def _scored(folder: Path) -> str:
    make = ExchangeFactory()
    store = SqliteStore(folder / "store.sqlite3")
    await store.open()
    entry = make.entry(route=ROUTE, assigned_version=VERSION, served_version=VERSION)
    await store.append([entry], [], [], None)
    exchange = str(entry.row["id"])
    await store.add_score(score(make, exchange, value=True, name="was-it-helpful-at-all", comment=WHY))
    await store.close()
    return exchange


def test_what_is_installed_fits(monkeypatch):
    monkeypatch.setattr(tables, "room", lambda: 80)
    shown = CliRunner().invoke(root.app, ["guard", "list"]).stdout
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert "system_leak" in shown
