"""`llmgateway logs` and what guardrails said."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from tests.unit.cli.test_logs import HOSTILE, fill, logs

from llmgateway.guarding.trust import Said
from llmgateway.ports.store import Entry


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    make = ExchangeFactory()
    watched = verdict(guardrail="people", plugin="pii", action="block", mode="observe", kind="email", stage="reply")
    made = [
        make.entry(),
        make.entry(verdicts=[verdict(), watched | {"count": 2}]),
        make.entry(verdicts=[verdict(action="block")], error_code="guardrail_blocked", status=400, end="refused"),
        make.entry(verdicts=[verdict(action="flag")]),
    ]
    fill(tmp_path, made)
    return made


def test_show_says_who_did_what_to_what(tmp_path: Path, entries: list[Entry]) -> None:
    shown = [logs(tmp_path, "show", entry.row["id"]).stdout for entry in entries]
    assert "verdict" not in shown[0]
    assert "verdict    credentials redacted secret.token in the request  (secrets 3)\n" in shown[1]
    assert "verdict    people would have blocked email 2 times in the reply  (pii 3, only observed)\n" in shown[1]
    assert "credentials blocked secret.token" in shown[2]
    assert "guardrail_blocked" in shown[2]
    assert "credentials flagged secret.token" in shown[3]


@pytest.mark.parametrize("failure", sorted(set(Said) - {Said.ANSWERED, Said.REMEMBERED}))
def test_why_a_judge_had_no_answer_is_told_in_words(tmp_path: Path, failure: Said) -> None:
    entry = ExchangeFactory().entry(verdicts=[verdict(guardrail="advice", action="block", kind=f"error.{failure}")])
    fill(tmp_path, [entry])
    shown = logs(tmp_path, "show", entry.row["id"]).stdout
    assert re.search(rf"verdict    advice blocked error\.{failure} \([a-z ]+\) in the request", shown)


def test_json_has_them_whole(tmp_path: Path, entries: list[Entry]) -> None:
    said = [entry.row["verdicts"] for entry in entries]
    assert json.loads(logs(tmp_path, "show", entries[1].row["id"], "--json").stdout)["verdicts"] == said[1]
    for command in ("list", "export"):
        found = logs(tmp_path, command, *(["--json"] if command == "list" else [])).stdout
        assert [json.loads(line)["verdicts"] for line in found.splitlines()] == said[::-1]
    table = list(csv.DictReader(io.StringIO(logs(tmp_path, "export", "--format", "csv").stdout)))
    assert [line["verdicts"] for line in table] == ["1", "1", "2", "0"]


@pytest.mark.usefixtures("entries")
def test_a_name_that_no_verdict_has_is_told_with_the_nearest(tmp_path: Path) -> None:
    told = logs(tmp_path, "list", "--guardrail", "pepole").stderr
    assert told == 'no exchange matches; in the newest 4 "pepole" has found nothing; did you mean "people"?\n'
    assert logs(tmp_path, "list", "--guardrail", "people", "--status", "429").stderr == "no exchange matches\n"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--guardrail", "credentials"], [3, 2, 1]),
        (["--guardrail", "people"], [1]),
        (["--guardrail", "nobody"], []),
        (["--verdict", "block"], [2, 1]),
        (["--verdict", "redact"], [1]),
        (["--verdict", "block", "--guardrail", "credentials"], [2]),
        (["--error", "guardrail_blocked"], [2]),
    ],
)
def test_filters(tmp_path: Path, entries: list[Entry], args: list[str], expected: list[int]) -> None:
    chosen = [entries[at].row["id"] for at in expected]
    for command in (["list", "--json"], ["export"]):
        found = [json.loads(line)["id"] for line in logs(tmp_path, *command, *args).stdout.splitlines()]
        assert found == chosen
    tailed = logs(tmp_path, "tail", "--no-follow", "--json", *args).stdout
    assert [json.loads(line)["id"] for line in tailed.splitlines()] == chosen[::-1]


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["--verdict", "allow"], '"block", "flag", "redact"'),
        (["--verdict", "blok"], "block"),
        (["--error", "guardrail_bloked"], "guardrail_blocked"),
        (["--error", "xyz"], "docs/ERRORS.md"),
    ],
)
def test_a_wrong_filter_is_told_what_there_is(tmp_path: Path, args: list[str], hint: str) -> None:
    result = logs(tmp_path, "list", *args)
    assert result.exit_code == 2
    assert args[0] in result.stderr
    assert hint in re.sub(r"[\s│]+", " ", result.stderr)


def test_nothing_in_a_verdict_reaches_the_terminal_as_a_control(tmp_path: Path) -> None:
    texts = {name: HOSTILE for name in verdict() if name != "count"}
    fill(tmp_path, [ExchangeFactory().entry(verdicts=[verdict(**texts)])])
    for args in (["show", "last"], ["show", "last", "--json"], ["list", "--json"], ["export"]):
        text = logs(tmp_path, *args).stdout
        assert "pwned" in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
