"""`llmgateway logs`, as people run it: against a store file, with what it prints."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory
from typer.testing import CliRunner, Result

from llmgateway.cli.logs import lines, make_app, options, tail
from llmgateway.cli.logs.export import cell
from llmgateway.cli.logs.printable import many_lines, one_line, seconds, size
from llmgateway.cli.logs.show import BAR, bar
from llmgateway.domain.pseudonyms import mark_of
from llmgateway.ports.store import Body, Entry, Wanted
from llmgateway.store.sqlite import SqliteStore

HOSTILE = "\x1b[2J\x1b]0;pwned\x07 \u202egnp.exe \ud800 \x9b31m"


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


def fill(folder: Path, entries: list[Entry]) -> None:
    async def run() -> None:
        store = SqliteStore(folder / "store.sqlite3")
        await store.open()
        await store.append(entries, [], [], None)
        await store.close()

    asyncio.run(run())


def logs(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(make_app(), [args[0], "--data", str(folder), *args[1:]])


def test_list_shows_the_newest_first_and_how_to_go_on(tmp_path: Path, make: ExchangeFactory) -> None:
    entries = make.entries(3)
    fill(tmp_path, entries)
    result = logs(tmp_path, "list", "--limit", "2")
    assert result.exit_code == 0
    assert re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", result.stdout) == [entries[2].row["id"], entries[1].row["id"]]
    assert f"--before {entries[1].row['id']}" in result.stderr
    refused = logs(tmp_path, "list", "--before", "the-last-one")
    assert (refused.exit_code, "has to be the id of an exchange" in refused.output) == (2, True)
    rest = logs(tmp_path, "list", "--limit", "2", "--before", entries[1].row["id"].upper())
    assert entries[0].row["id"] in rest.stdout
    assert "more" not in rest.stderr


def test_a_name_that_nothing_has_may_be_a_typo(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, [*make.entries(2, served_version="current"), make.entry(served_version="next", key="shop")])
    told = logs(tmp_path, "list", "--version", "nxt")
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == 'no exchange matches; the newest 3 have no version "nxt"; did you mean "next"?\n'
    assert '3 have no key "shpo"; did you mean "shop"?' in logs(tmp_path, "list", "--key", "shpo").stderr
    assert logs(tmp_path, "list", "--version", "next", "--key", "team-a").stderr == "no exchange matches\n"
    assert logs(tmp_path, "list", "--user", "eve").stderr == 'no exchange matches; the newest 3 have no user "eve"\n'


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            "invalid_api_key",
            "; nobody knows who gets invalid_api_key, so it is only counted: llmgateway_refused_total in",
        ),
        ("overloaded", "\n"),
    ],
)
def test_a_refusal_that_leaves_no_record_is_looked_for_in_the_metrics(tmp_path: Path, error: str, hint: str) -> None:
    fill(tmp_path, [ExchangeFactory().entry()])
    assert logs(tmp_path, "list", "--error", error).stderr.startswith(f"no exchange matches{hint}")


@pytest.mark.parametrize("command", [["list"], ["tail", "--no-follow"], ["export"]])
def test_every_listing_can_be_of_one_user(tmp_path: Path, command: list[str]) -> None:
    make = ExchangeFactory()
    fill(tmp_path, [make.entry(user="ada"), make.entry(user="bob"), make.entry(user=f"[EMAIL]{mark_of('ada@x.org')}")])
    told = logs(tmp_path, *command, "--user", "ada@x.org", *([] if command == ["export"] else ["--json"])).stdout
    assert [json.loads(line)["user"] for line in told.splitlines()] == ["[EMAIL]" + mark_of("ada@x.org")]
    assert logs(tmp_path, "list", "--version", "nxt", "--json").stdout == ""


@pytest.mark.parametrize("command", [["list"], ["tail", "--no-follow"], ["export"]])
def test_every_listing_can_be_of_one_tag(tmp_path: Path, command: list[str]) -> None:
    make = ExchangeFactory()
    fill(tmp_path, [make.entry(tags={"team": "a=b"}), make.entry(tags={"team": "b"}), make.entry(tags=None)])
    told = logs(tmp_path, *command, "--tag", "team=a=b", *([] if command == ["export"] else ["--json"])).stdout
    assert [json.loads(line)["tags"] for line in told.splitlines()] == [{"team": "a=b"}]
    assert "has to be NAME=VALUE" in logs(tmp_path, *command, "--tag", "team").stderr


def test_json_lines_are_whole_rows_with_attempts(tmp_path: Path, make: ExchangeFactory) -> None:
    entries = make.entries(2)
    fill(tmp_path, entries)
    found = [json.loads(line) for line in logs(tmp_path, "list", "--json").stdout.splitlines()]
    assert found == [entries[1].row, entries[0].row]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--status", "5xx"], [1]),
        (["--status", "502"], [1]),
        (["--status", "interrupted"], [2]),
        (["--route", "other"], [2]),
        (["--version", "v2"], [1]),
        (["--key", "team-a"], [1, 0]),
        (["--since", "2023-11-14T22:13:35+00:00"], [2, 1]),
        (["--until", "2023-11-14T22:13:35+00:00"], [0]),
    ],
)
def test_filters(tmp_path: Path, make: ExchangeFactory, args: list[str], expected: list[int]) -> None:
    entries = [make.entry()]
    make.clock.advance(20)
    entries.append(make.entry(status=502, end="upstream_error", served_version="v2"))
    entries.append(make.entry(status=None, end="interrupted", route="other", key="b"))
    fill(tmp_path, entries)
    found = [json.loads(line)["id"] for line in logs(tmp_path, "list", "--json", *args).stdout.splitlines()]
    assert found == [entries[at].row["id"] for at in expected]


@pytest.mark.parametrize(
    "args", [["--status", "600"], ["--status", "nonsense"], ["--since", "yesterday"], ["--until", ""]]
)
def test_a_bad_filter_is_refused_with_the_option_named(tmp_path: Path, args: list[str]) -> None:
    result = logs(tmp_path, "list", *args)
    assert result.exit_code == 2
    assert args[0] in result.stderr


def test_times_are_read_as_people_write_them() -> None:
    assert options.moment("15m", "--since", now=10_000.0) == 9_100.0
    assert options.moment("1.5h", "--since", now=10_000.0) == 4_600.0
    assert options.moment("3d", "--since", now=1e6) == 1e6 - 3 * 86_400
    assert options.moment("2026-11-23T00:00:00+00:00", "--since") == 1_795_392_000.0
    assert options.moment("2026-11-23 01:00+01:00", "--since") == 1_795_392_000.0


@pytest.mark.parametrize("command", [["list"], ["tail", "--no-follow"], ["show", "last"], ["export"]])
def test_without_a_store_every_command_says_so(tmp_path: Path, command: list[str]) -> None:
    result = logs(tmp_path, *command)
    assert result.exit_code == 1
    assert "there is no store at" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_names_the_data_folder(
    tmp_path: Path, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = make.entries(1)
    fill(tmp_path / "here", entries)
    config = tmp_path / "config.toml"
    config.write_text(
        f'[data]\ndir = "{tmp_path}/here"\n[backends.a]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[routes.r.versions.v]\nbackends = ["a"]\n'
    )
    result = CliRunner().invoke(make_app(), ["list", "--config", str(config)])
    assert entries[0].row["id"] in result.stdout, result.stderr


def test_a_damaged_store_is_reported_with_advice(tmp_path: Path, make: ExchangeFactory) -> None:
    (tmp_path / "store.sqlite3").write_bytes(b"SQLite format 3\0" + b"\xa5" * 8192)
    result = logs(tmp_path, "list")
    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert "backup" in result.stderr


def test_text_is_looked_for_in_bodies_as_json_writes_them(tmp_path: Path, make: ExchangeFactory) -> None:
    def entry(content: bytes) -> Entry:
        return Entry(make.row(), [Body("request", "application/json", len(content), content)])

    entries = [
        entry(b'{"x":"nothing"}'),
        entry('{"x":"Grüße \U0001f600 100%"}'.encode()),
        entry(json.dumps({"x": "Grüße \U0001f600 100%"}).encode()),
        entry(b'{"x":"say \\"hi\\""}'),
        Entry(make.row(), [Body("reply", "x", 9, None)]),
    ]
    fill(tmp_path, entries)

    def search(*args: str) -> set[int]:
        found = [json.loads(line)["id"] for line in logs(tmp_path, "list", "--json", *args).stdout.splitlines()]
        return {at for at, entry in enumerate(entries) if entry.row["id"] in found}

    assert search("--text", "grüße \U0001f600") == {1, 2}
    assert search("--text", 'SAY "hi"') == {3}
    assert search("--text", "100%") == {1, 2}
    assert search("--text", "_") == set()
    assert search("--text", "nothing", "--scan", "4") == set()
    assert "looked through the newest 4" in logs(tmp_path, "list", "--text", "nothing", "--scan", "4").stderr


def test_nothing_a_caller_wrote_reaches_the_terminal_as_a_control(tmp_path: Path, make: ExchangeFactory) -> None:
    content = json.dumps({"x": HOSTILE.replace("\ud800", ""), "n": "a\nb"}).encode()
    entry = make.entry(route=HOSTILE, user=HOSTILE, user_agent=HOSTILE, error_detail=HOSTILE, tags={HOSTILE: HOSTILE})
    entry.row["attempts"][0]["detail"] = HOSTILE
    entry.bodies = [Body("request", HOSTILE, 1, content), Body("reply", "text/plain", 1, b"\x1b[31mred\xff\x00")]
    fill(tmp_path, [entry])
    shown = logs(tmp_path, "show", "last").stdout
    for text in (shown, logs(tmp_path, "list").stdout, logs(tmp_path, "tail", "--no-follow").stdout):
        assert entry.row["id"] in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)
    assert "\\x1b[31mred" in shown


def test_show_tells_the_story_of_an_exchange(tmp_path: Path, make: ExchangeFactory) -> None:
    entry = make.entry(first_token_s=0.2, overhead_s=0.0012, tags={"team": "x"}, assigned_version="v2")
    retry = dict(entry.row["attempts"][0], kind="retry", offset_s=0.1, total_s=0.4, first_byte_s=0.1)
    entry.row["attempts"][0].update(
        result="upstream_timeout", total_s=0.1, first_byte_s=None, status=None, detail="slow"
    )
    entry.row["attempts"].append(retry)
    fill(tmp_path, [entry])
    shown = logs(tmp_path, "show", entry.row["id"]).stdout
    for part in ("v1 (chosen: v2)", "120 in, 45 out", "1.2 ms", "team=x", "upstream_timeout", "retry → primary", "░", "█",
                 "── request", "── reply", '"content": "Where is my parcel?'):  # fmt: skip
        assert part in shown, part
    assert shown.index("── request") < shown.index("── reply")


@pytest.mark.parametrize(
    ("reason", "chance", "words"),
    [
        ("split", 0.1, "chosen by  the weights (chance 0.1)"),
        ("rule:gold", 1.0, "chosen by  rule gold\n"),
        ("pin", 1.0, "chosen by  the caller's pin\n"),
        ("home", 1.0, "chosen by  its home\n"),
        ("something\x1b[31m", None, "chosen by  something"),
    ],
)
def test_show_says_why_the_version_was_chosen(
    tmp_path: Path, make: ExchangeFactory, reason: str, chance: float | None, words: str
) -> None:
    fill(tmp_path, [make.entry(assigned_by=reason, probability=chance)])
    shown = logs(tmp_path, "show", "last").stdout
    assert words in shown
    assert "\x1b" not in shown


def test_show_has_no_reason_where_none_was_logged(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, [make.entry()])
    assert "chosen by" not in logs(tmp_path, "show", "last").stdout


def test_show_cuts_long_bodies_unless_asked(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, [Entry(make.row(), [Body("reply", "text/plain", 50_000, b"x" * 50_000)])])
    assert "30,000 more characters" in logs(tmp_path, "show", "last").stdout
    assert "x" * 50_000 in logs(tmp_path, "show", "last", "--full").stdout


def test_show_takes_the_beginning_of_an_id(tmp_path: Path, make: ExchangeFactory) -> None:
    entries = make.entries(2)
    fill(tmp_path, entries)
    beginning = entries[0].row["id"][:20]
    assert json.loads(logs(tmp_path, "show", beginning, "--json").stdout)["id"] == entries[0].row["id"]
    several = logs(tmp_path, "show", entries[0].row["id"][:6])
    assert several.exit_code == 1
    assert entries[1].row["id"] in several.stderr


@pytest.mark.parametrize("wrong", ["ffffffff", "nonsense\x1b[31m", "'; drop table exchange"])
def test_an_unknown_id_gets_advice(tmp_path: Path, make: ExchangeFactory, wrong: str) -> None:
    fill(tmp_path, make.entries(1))
    result = logs(tmp_path, "show", wrong)
    assert result.exit_code == 1
    assert "no exchange" in result.stderr
    assert "\x1b" not in result.stderr


def test_show_as_json_has_bodies_even_binary_ones(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, [Entry(make.row(), [Body("request", "a/b", 2, b"\xff\xfe"), Body("reply", "a/b", 9, None, "ab")])])
    shown = json.loads(logs(tmp_path, "show", "last", "--json").stdout)
    assert shown["bodies"][0]["content_base64"] == "//4="
    assert "content" not in shown["bodies"][1]


def test_export_writes_every_row_as_json_lines(tmp_path: Path, make: ExchangeFactory) -> None:
    entries = make.entries(1_203)
    fill(tmp_path, entries)
    out = tmp_path / "out.jsonl"
    result = logs(tmp_path, "export", "-o", str(out), "--bodies")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == [entry.row["id"] for entry in reversed(entries)]
    assert rows[0]["bodies"].keys() == {"request", "reply"}
    assert len(rows[0]["attempts"]) == 1
    assert "1,203 exchanges" in result.stderr
    assert out.stat().st_mode & 0o777 == 0o600


def test_export_does_not_write_over_a_file_by_accident(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(tmp_path, make.entries(1))
    out = tmp_path / "precious"
    out.write_text("keep")
    assert logs(tmp_path, "export", "-o", str(out)).exit_code == 2
    assert out.read_text() == "keep"
    assert logs(tmp_path, "export", "-o", str(out), "--force").exit_code == 0
    assert json.loads(out.read_text())


def test_csv_cells_are_no_formulas(tmp_path: Path, make: ExchangeFactory) -> None:
    fill(
        tmp_path, [make.entry(user='=HYPERLINK("http://x")', session="@x", tags={"a": "b,c"}, user_agent="line\nbreak")]
    )
    result = logs(tmp_path, "export", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["user"] == '\'=HYPERLINK("http://x")'
    assert row["session"] == "'@x"
    assert row["tags"] == '{"a":"b,c"}'
    assert row["attempts"] == "1"
    assert cell(-1.5) == -1.5
    assert cell("\uff1d1") == "'\uff1d1"


def test_csv_has_no_place_for_bodies(tmp_path: Path) -> None:
    assert logs(tmp_path, "export", "--format", "csv", "--bodies").exit_code == 2


def test_tail_says_that_it_waits_where_there_is_nothing_to_begin_with(
    tmp_path: Path, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(tail, "_following", lambda *_: interrupted)
    fill(tmp_path, [])
    assert "waiting for exchanges to end; Ctrl-C leaves" in logs(tmp_path, "tail").stderr
    fill(tmp_path, make.entries(1))
    assert logs(tmp_path, "tail").stderr == ""


def test_tail_begins_a_little_back_in_the_order_of_ending(tmp_path: Path, make: ExchangeFactory) -> None:
    slow, *quick = make.entries(4)
    fill(tmp_path, [*quick, slow])
    found = [
        json.loads(line)["id"]
        for line in logs(tmp_path, "tail", "--no-follow", "--json", "-n", "4").stdout.splitlines()
    ]
    assert found == [entry.row["id"] for entry in (*quick, slow)]


async def wait_for(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_following_goes_on_when_the_store_is_replaced(
    tmp_path: Path, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmgateway.store.sqlite_reader import SqliteReader

    monkeypatch.setattr(tail, "POLL_S", 0.01)
    monkeypatch.setattr(tail, "RETRY_S", 0.01)
    path = tmp_path / "store.sqlite3"
    seen: list[str] = []

    async def follow() -> None:
        seq = 0
        while True:
            reader = SqliteReader(path)
            try:
                seq = await tail.Follow(reader, path, Wanted(), lambda row: seen.append(row["id"])).run(seq)
            finally:
                await reader.close()

    task = asyncio.create_task(follow())
    entries = make.entries(3)
    store = SqliteStore(path)
    await store.open()
    await store.append(entries[:2], [], [], None)
    await wait_for(lambda: len(seen) == 2)
    await store.close()
    for each in tmp_path.glob("store.sqlite3*"):
        each.unlink()
    store = SqliteStore(path)
    await store.open()
    await store.append(entries[2:], [], [], None)
    await wait_for(lambda: len(seen) == 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.close()
    assert seen == [entry.row["id"] for entry in entries]


def test_eighty_columns_are_enough() -> None:
    row = ExchangeFactory().row(route="a-very-long-name-of-a-route", id="0" * 36)
    for width in (80, 100, 132, 200, 240):
        columns = lines.chosen(width)
        assert len(lines.line(row, columns).plain) <= width
        assert {"TIME", "ID", "RESULT"} <= {column.title for column in columns}
    assert len(lines.chosen(240)) == len(lines.COLUMNS)


def test_into_a_pipe_nothing_is_cut(tmp_path: Path, make: ExchangeFactory) -> None:
    long = {"route": "a-very-long-name-of-a-route", "response_model": "vendor/a-model-with-a-long-name-2026-11-28"}
    fill(tmp_path, [make.entry(**long)])
    for words in (("list",), ("tail", "--no-follow")):
        printed = logs(tmp_path, *words).stdout
        assert "…" not in printed
        assert all(value in printed for value in long.values())


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        ({"offset_s": 0.0, "first_byte_s": 0.5, "total_s": 1.0}, "░" * 20 + "█" * 20),
        ({"offset_s": 0.5, "first_byte_s": None, "total_s": 0.25}, " " * 20 + "░" * 10 + " " * 10),
        ({"offset_s": 1.0, "first_byte_s": None, "total_s": 0.0}, " " * 39 + "█"),
        ({"offset_s": None, "first_byte_s": None, "total_s": None}, "█" + " " * 39),
    ],
)
def test_the_bar_shows_waiting_and_reading(attempt: dict[str, Any], expected: str) -> None:
    assert bar(attempt, 1.0) == expected
    assert bar(attempt, 0.0) == " " * BAR


def test_durations_have_the_unit_that_suits_them() -> None:
    assert [seconds(value) for value in (None, 0.0012, 0.25, 0.9996, 1.5, 250.0)] == [
        "", "1.2 ms", "250 ms", "1.00 s", "1.50 s", "250 s",
    ]  # fmt: skip


def test_line_ends_survive_where_there_may_be_several_lines() -> None:
    assert many_lines("a\n\tb\r\x1b") == "a\n\tb\\x0d\\x1b"
    assert one_line("a\nb") == "a\\x0ab"
    assert one_line("\U000e0041") == "\\U000e0041"


@pytest.mark.parametrize(
    ("count", "text"), [(None, ""), (0, "0 B"), (2_048, "2.0 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**30, "3.0 GiB")]
)
def test_sizes_read_well(count, text):
    assert size(count) == text
