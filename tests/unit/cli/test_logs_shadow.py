"""`llmgateway logs` and copies: hidden, shown, and compared."""

import csv
import io
import json
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory, copy_of
from tests.unit.cli.test_logs import fill, logs

from llmgateway.cli.logs import compare as command
from llmgateway.cli.logs.compare import gather
from llmgateway.cli.logs.pairs import figure, signed
from llmgateway.ports.store import Entry, Wanted

ALL = ("--since", "2023-01-01")


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture
def pair(tmp_path: Path, make: ExchangeFactory) -> tuple[Entry, Entry]:
    primary = make.entry(duration_s=1.0, finish_reason="stop")
    copy = copy_of(primary, make, duration_s=1.5, finish_reason="length", output_tokens=40, status=200)
    fill(tmp_path, [primary, copy])
    return primary, copy


@pytest.mark.parametrize("command", [["list"], ["export"], ["tail", "--no-follow"]])
def test_copies_are_hidden_unless_asked_for(tmp_path: Path, pair: tuple[Entry, Entry], command: list[str]) -> None:
    primary, copy = pair
    hidden = logs(tmp_path, *command).stdout
    assert primary.row["id"] in hidden
    assert copy.row["id"] not in hidden
    shown = logs(tmp_path, *command, "--shadow").stdout
    assert primary.row["id"] in shown
    assert copy.row["id"] in shown


def test_a_copy_is_marked_in_the_list(tmp_path: Path, pair: tuple[Entry, Entry]) -> None:
    newest, oldest = logs(tmp_path, "list", "--shadow").stdout.splitlines()[1:]
    assert "~ v2" in newest
    assert "~" not in oldest


def test_the_last_one_is_the_last_that_somebody_waited_for(tmp_path: Path, pair: tuple[Entry, Entry]) -> None:
    assert json.loads(logs(tmp_path, "show", "last", "--json").stdout)["id"] == pair[0].row["id"]


def test_a_csv_export_names_the_primary(tmp_path: Path, pair: tuple[Entry, Entry]) -> None:
    rows = list(csv.DictReader(io.StringIO(logs(tmp_path, "export", "--format", "csv", "--shadow").stdout)))
    assert [row["shadow_of"] for row in rows] == [pair[0].row["id"], ""]


@pytest.mark.parametrize("side", [0, 1])
def test_either_side_shows_the_pair(tmp_path: Path, pair: tuple[Entry, Entry], side: int) -> None:
    shown = " ".join(logs(tmp_path, "show", pair[side].row["id"]).stdout.split())
    for words in (
        "primary shadow difference",
        "version v1 v2",
        "latency 1.00 s 1.50 s +500 ms",
        "stop length differs",
        "tokens out 45 40 -5",
    ):
        assert words in shown
    told = json.loads(logs(tmp_path, "show", pair[side].row["id"], "--json").stdout)["comparison"]
    assert (told["primary"], told["shadow"]) == (pair[0].row["id"], pair[1].row["id"])
    assert told["latency_s"]["difference"] == 0.5


def test_a_copy_is_shown_with_what_its_primary_was_asked(tmp_path: Path, pair: tuple[Entry, Entry]) -> None:
    told = json.loads(logs(tmp_path, "show", pair[1].row["id"], "--json").stdout)
    assert [body["kind"] for body in told["bodies"]] == ["request", "reply"]
    assert "Where is my parcel" in told["bodies"][0]["content"]
    assert told["bodies"][1]["content"] == "{}"


def test_an_exchange_without_a_copy_has_no_comparison(tmp_path: Path, make: ExchangeFactory) -> None:
    alone, orphan = make.entry(), copy_of(make.entry(), make)
    fill(tmp_path, [alone, orphan])
    for entry in (alone, orphan):
        assert json.loads(logs(tmp_path, "show", entry.row["id"], "--json").stdout)["comparison"] is None
        assert "difference" not in logs(tmp_path, "show", entry.row["id"]).stdout


def many(make: ExchangeFactory, count: int) -> list[Entry]:
    primaries = make.entries(count, duration_s=1.0, finish_reason="stop")
    copies = [copy_of(each, make, duration_s=2.0, finish_reason="stop") for each in primaries[1:]]
    copies.append(copy_of(primaries[0], make, status=502, end="upstream_error", finish_reason=None, duration_s=0.1))
    return [*primaries, *copies]


def test_a_report_tells_shares_quantiles_and_the_worst(tmp_path: Path, make: ExchangeFactory) -> None:
    entries = many(make, 10)
    fill(tmp_path, entries)
    text = logs(tmp_path, "compare", *ALL).stdout
    words = " ".join(text.split())
    assert "10 pairs" in text
    assert "same status 90.0 %" in words
    assert "same finish reason 100.0 % of 9 both answered" in words
    assert "latency 9 1.00 s 1.00 s 2.00 s 2.00 s +1.00 s +1.00 s" in words
    worst = next(line for line in text.splitlines() if entries[0].row["id"] in line)
    assert "200 → upstream_error" in worst
    assert text.index(entries[0].row["id"]) < text.index(entries[9].row["id"])  # the worst first


def test_a_report_for_programs(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, many(make, 10))
    told = json.loads(logs(tmp_path, "compare", *ALL, "--json", "--worst", "2").stdout)
    assert (told["pairs"], told["same_status"], len(told["worst"])) == (10, 0.9, 2)
    assert told["measures"]["latency_s"]["difference"] == {"p50": 1.0, "p95": 1.0}


def test_a_report_looks_at_one_route_and_one_time(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, many(make, 3))
    assert logs(tmp_path, "compare", *ALL, "--route", "other").exit_code == 2
    assert "no shadow has been compared" in logs(tmp_path, "compare").stdout  # all of it is older than an hour
    assert "3 pairs" in logs(tmp_path, "compare", *ALL, "--route", "support").stdout
    assert logs(tmp_path, "compare", "--since", "yesterday").exit_code == 2


def test_a_report_says_when_it_did_not_look_at_all(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, many(make, 5))
    result = logs(tmp_path, "compare", *ALL, "--limit", "3")
    assert "3 pairs" in result.stdout
    assert "the newest 3" in result.stderr
    assert "newest" not in logs(tmp_path, "compare", *ALL, "--limit", "6").stderr


def test_copies_without_their_primary_are_counted_apart(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, [copy_of(make.entry(), make), *many(make, 2)])
    assert "2 pairs, and 1 whose primary is not in the store" in logs(tmp_path, "compare", *ALL).stdout


async def test_a_long_report_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch, make: ExchangeFactory) -> None:
    primaries = [make.row() for _ in range(25)]
    stored = [(row, make.row(shadow_of=row["id"])) for row in reversed(primaries)]
    asked, steps = [], []

    class Reader:
        async def pairs(self, wanted: Wanted, *, limit: int, before: str | None = None):
            asked.append(limit)
            return [pair for pair in stored if before is None or pair[1]["shadow_of"] < before][:limit]

    monkeypatch.setattr(command, "PAGE", 10)
    report = await gather(Reader(), Wanted(), 22, 5, steps.append)
    assert (report.pairs, asked, steps) == (22, [10, 10, 2], [10, 10, 2])
    asked.clear()
    assert (await gather(Reader(), Wanted(), 1_000, 5)).pairs == 25
    assert asked == [10, 10, 10]


@pytest.mark.parametrize(
    ("measure", "value", "shown"),
    [("latency_s", -0.25, "-250 ms"), ("cost_usd", 0.5, "+$0.500000"), ("length_bytes", 2048, "+2.0 KiB"),
     ("output_tokens", 1234.0, "+1,234"), ("output_tokens", None, "")],
)  # fmt: skip
def test_differences_have_a_sign_and_a_unit(measure: str, value: float | None, shown: str) -> None:
    assert signed(measure, value) == shown
    assert figure(measure, None) == ""
