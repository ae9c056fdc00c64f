"""`llmgateway scores`, as people run it: against a store file, and what is sent to a gateway."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score
from typer.testing import CliRunner, Result

from llmgateway.cli import gateway
from llmgateway.cli.logs import make_app
from llmgateway.cli.scores import register
from llmgateway.cli.scores.add import read
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.store.sqlite import SqliteStore

HOSTILE = "\x1b[2J\u202egnp.exe"


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture
def filled(tmp_path: Path, make: ExchangeFactory) -> list[str]:
    """Four exchanges: three thumbs up, one down and then up again, a judge, a person's words, one that waits."""

    async def run() -> list[str]:
        store = SqliteStore(tmp_path / "store.sqlite3")
        await store.open()
        entries = make.entries(4)
        ids = [entry.row["id"] for entry in entries]
        await store.append(entries, [], [], None, [score(make, make.mint(), comment="of nothing yet")])
        for number, each in enumerate(ids):
            await store.add_score(score(make, each, value=number != 3))
            await store.add_score(judgement(make, each, value=number / 4, run="nightly-7"))
        await store.add_score(score(make, ids[3], value=True, comment=HOSTILE))
        words = {"name": "why", "data_type": DataType.TEXT, "value": HOSTILE, "source_kind": SourceKind.HUMAN}
        await store.add_score(judgement(make, ids[0], **words))
        language = {"name": "language", "data_type": DataType.CATEGORY, "value": "ja"}
        await store.add_score(judgement(make, ids[0], **language))
        await store.close()
        return ids

    return asyncio.run(run())


def scores(*args: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["scores", *args])


def test_list_shows_what_holds_the_last_first_and_how_to_go_on(tmp_path: Path, filled: list[str]) -> None:
    result = scores("list", "--data", str(tmp_path), "--limit", "3")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if "support/v1" in line]
    assert [name in line for name, line in zip(("language", "why", "helpful"), lines, strict=True)] == [True] * 3
    assert "more: --before" in result.stderr
    assert "\x1b" not in result.stdout
    assert "\\x1b[2J" in result.stdout
    rest = scores("list", "--data", str(tmp_path), "--before", result.stderr.split()[-1], "--json")
    assert [json.loads(line)["name"] for line in rest.stdout.splitlines()].count("relevance") == 4


def test_list_takes_the_filters_and_shows_the_rest_when_asked(tmp_path: Path, filled: list[str]) -> None:
    def found(*args: str) -> list[dict[str, Any]]:
        said = scores("list", "--data", str(tmp_path), "--json", *args)
        assert said.exit_code == 0, said.output
        return [json.loads(line) for line in said.stdout.splitlines()]

    assert len(found("--source", "user")) == 4
    assert len(found("--source", "user", "--all")) == 6
    assert len(found("--exchange", filled[3].upper(), "--name", "helpful", "--all")) == 2
    assert len(found("--route", "support", "--version", "v1")) == 10
    assert found("--since", "2100-01-01") == []
    shown = scores("list", "--data", str(tmp_path), "--all").stdout
    assert all(state in shown for state in ("current", "earlier", "pending"))
    assert scores("list", "--data", str(tmp_path), "--source", "friend").exit_code == 2
    assert "no score matches" in scores("list", "--data", str(tmp_path), "--name", "nothing").stderr


def test_summary_has_a_line_for_each_version_name_and_kind_of_source(tmp_path: Path, filled: list[str]) -> None:
    result = scores("summary", "--data", str(tmp_path))
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines() if "support" in line]
    assert lines == [
        "support v1 helpful user 4 yes 100.0 % 51.0 to 100.0 %",
        "support v1 language judge 1 ja 100.0 % 20.7 to 100.0 %",
        "support v1 relevance judge 4 0.375 0.05871 to 0.6913",
        "support v1 why human 1 (texts)",
    ]
    told = json.loads(scores("summary", "--data", str(tmp_path), "--source", "user", "--json").stdout)
    assert [(line["name"], line["figure"], line["count"]) for line in told["summary"]] == [("helpful", 1.0, 4)]
    assert "nothing was said" in scores("summary", "--data", str(tmp_path), "--name", "nothing").stderr


def test_logs_show_tells_an_exchanges_scores(tmp_path: Path, filled: list[str]) -> None:
    shown = CliRunner().invoke(make_app(), ["show", filled[3], "--data", str(tmp_path)])
    assert shown.exit_code == 0
    said = [line for line in shown.stdout.splitlines() if line.startswith("score")]
    assert said[0].split(None, 1)[1] == "helpful no by user team-a  (corrected since)"
    assert said[1].split(None, 1)[1] == "relevance 0.75 by judge rubric-3 (run nightly-7)"
    assert said[2].split(None, 1)[1] == "helpful yes by user team-a: \\x1b[2J\\u202egnp.exe"
    told = json.loads(CliRunner().invoke(make_app(), ["show", filled[3], "--data", str(tmp_path), "--json"]).stdout)
    assert [each["current"] for each in told["scores"]] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("yes", None, True), ("No", None, False), ("TRUE", "bool", True), ("4", None, 4.0), ("-.5e1", None, -5.0),
        ("nan", None, "nan"), ("yes", "category", "yes"), ("4", "category", "4"), ("4", "bool", "4"), ("", None, ""),
    ],
)  # fmt: skip
def test_a_word_is_read_by_what_it_looks_like_or_is_said_to_be(text: str, kind: str | None, value: Any) -> None:
    found = read(text, kind)
    assert (found, type(found)) == (value, type(value))


def test_add_sends_what_was_typed_and_prints_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, dict[str, Any]]] = []

    def change(source: Any, method: str, path: str, *, has: str, body: tuple[str, bytes]) -> dict[str, Any]:
        sent.append((method, path, json.loads(body[1])))
        return {"score": {**json.loads(body[1]), "route": "chat", "version": None}}

    monkeypatch.setattr(gateway, "change", change)
    exchange_id = "0190A0B0-0000-7000-8000-00000000002A"
    done = scores("add", exchange_id, "helpful", "no", "--source-id", "ann", "--comment", "wrong", "--url", "http://x")
    assert (done.exit_code, done.stdout) == (0, "helpful no by human ann, of chat/no version\n")
    assert sent == [
        ("POST", "scores", {
            "exchange_id": exchange_id.lower(), "name": "helpful", "value": False, "source_kind": "human",
            "source_id": "ann", "comment": "wrong",
        })
    ]  # fmt: skip
    done = scores("add", exchange_id, "stars", "4", "--type", "number", "--json", "--url", "http://x")
    assert json.loads(done.stdout)["value"] == 4.0
    assert sent[1][2]["source_id"]
