"""`llmgateway store`: check, backup, rebuild, as an operator runs them on whole and damaged files."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from typer.testing import CliRunner, Result

from llmgateway.cli.store import make_app
from llmgateway.ports.generations import Generation, SeenVersion
from llmgateway.ports.store import Body, Entry, Position, Wanted
from llmgateway.store.sqlite import SqliteStore
from llmgateway.supervisor import locks

COUNT = 3_000
POSITION = Position("worker-1", 3, 77)


def store(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(make_app(), [*args, "--data", str(folder)])


@pytest.fixture
def entries() -> list[Entry]:
    made = ExchangeFactory().entries(COUNT, verdicts=[verdict(), verdict(stage="reply")])
    for number, entry in enumerate(made):
        entry.bodies = (Body("request", "application/json", 400, b"%d" % number * 100),)
    return made


@pytest.fixture
def folder(tmp_path: Path, entries: list[Entry]) -> Path:
    async def run() -> None:
        made = SqliteStore(tmp_path / "store.sqlite3")
        await made.open()
        await made.append(entries, [POSITION], [], b'{"n":1}')
        await made.close()

    asyncio.run(run())
    return tmp_path


def file_of(folder: Path) -> Path:
    return folder / "store.sqlite3"


def damage(folder: Path, page: int) -> None:
    with file_of(folder).open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))


def pages_of(folder: Path, table: str) -> list[int]:
    """Leaf pages of a table, numbered from 0."""
    with closing(sqlite3.connect(file_of(folder))) as connection:
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY 1", (table,))
        return [page - 1 for (page,) in rows]


def contents(folder: Path) -> tuple[list[str], list[Position], object, int]:
    async def run() -> tuple[list[str], list[Position], object, int]:
        made = SqliteStore(file_of(folder))
        await made.open()
        ids: list[str] = []
        before = None
        while page := await made.page(Wanted(), limit=1000, before=before):
            ids += [row["id"] for row in page]
            before = page[-1]["id"]
        positions, ledger, last = await made.positions(), await made.ledger(), await made.last_seq()
        await made.close()
        return ids[::-1], positions, ledger, last

    return asyncio.run(run())


def verdicts_of(folder: Path) -> int:
    with closing(sqlite3.connect(file_of(folder))) as connection:
        return int(connection.execute("SELECT count(*) FROM verdict").fetchone()[0])


def test_a_whole_store_is_said_to_be_whole(folder: Path) -> None:
    result = store(folder, "check")
    assert result.exit_code == 0
    assert f"{COUNT:,} exchanges, whole" in result.stdout


async def test_what_is_not_in_the_main_file_yet_counts_as_well(tmp_path: Path) -> None:
    made = SqliteStore(file_of(tmp_path))
    await made.open()
    await made.append(ExchangeFactory().entries(20), [], [], None)
    result = await asyncio.to_thread(store, tmp_path, "check", "--json")
    await made.close()
    assert json.loads(result.stdout)["bytes"] > 100_000  # most of it is in the -wal beside the file


def test_damage_is_told_with_the_way_out(folder: Path) -> None:
    damage(folder, pages_of(folder, "exchange")[5])
    result = store(folder, "check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"]
    assert "llmgateway store rebuild" in store(folder, "check").stdout


def test_what_is_no_database_is_told_too(tmp_path: Path) -> None:
    file_of(tmp_path).write_bytes(b"garbage" * 1000)
    result = store(tmp_path, "check")
    assert result.exit_code == 1
    assert "damaged" in result.stdout


def test_a_backup_is_one_whole_file_taken_beside_the_writer(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(file_of(folder))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        result = store(folder, "backup", str(tmp_path / "copies.sqlite3"))
        assert result.exit_code == 0, result.output
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (tmp_path / "copies.sqlite3").rename(file_of(copy))
    assert [path.name for path in copy.iterdir()] == ["store.sqlite3"]
    assert contents(copy) == contents(folder)


def test_a_backup_writes_over_nothing(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    assert store(folder, "backup", str(there)).exit_code == 2
    assert there.read_text() == "mine"


def test_a_backup_of_a_damaged_store_fails_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    file_of(tmp_path).write_bytes(b"garbage" * 1000)
    result = store(tmp_path, "backup", str(tmp_path / "copy"))
    assert result.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.sqlite3"]


def test_a_whole_store_comes_through_a_rebuild_as_it_was(folder: Path) -> None:
    before = contents(folder)
    result = store(folder, "rebuild", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["unreadable"] == {}
    assert told["copied"]["exchange"] == told["copied"]["body"] == COUNT
    assert told["copied"]["verdict"] == verdicts_of(folder) == 2 * COUNT
    assert contents(folder) == before


@pytest.mark.parametrize("table", ["exchange", "body", "attempt", "exchange_route", "verdict"])
def test_all_but_what_lay_on_a_damaged_page_is_kept(folder: Path, table: str) -> None:
    before, positions, ledger, last = contents(folder)
    damage(folder, pages_of(folder, table)[2])
    result = store(folder, "rebuild", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    after = contents(folder)
    assert set(after[0]) <= set(before)
    assert len(before) - len(after[0]) == told["unreadable"].get("exchange", 0) < 100
    if table == "exchange_route":
        assert after[0] == before  # an index is made anew
    lost = 2 * COUNT - verdicts_of(folder)
    assert 0 < lost < 200 if table == "verdict" else lost == 0
    assert after[1:] == (positions, ledger, last)
    assert store(folder, "check").exit_code == 0
    assert Path(told["damaged"]).exists()


def test_numbers_are_not_given_out_twice_though_the_last_one_is_lost(folder: Path) -> None:
    last = contents(folder)[3]
    with closing(sqlite3.connect(file_of(folder))) as connection:
        connection.execute("DELETE FROM sequence")
        connection.commit()
    assert store(folder, "rebuild").exit_code == 0
    assert contents(folder)[3] == last


def test_nothing_happens_while_a_gateway_runs(folder: Path) -> None:
    before = file_of(folder).read_bytes()
    lock = locks.take(folder / locks.OWNER)
    assert lock is not None
    try:
        result = store(folder, "rebuild")
    finally:
        os.close(lock)
    assert result.exit_code == 1
    assert "stop it first" in result.stderr
    assert file_of(folder).read_bytes() == before


def test_what_cannot_be_read_at_all_stays_where_it_is(tmp_path: Path) -> None:
    file_of(tmp_path).write_bytes(b"garbage" * 1000)
    result = store(tmp_path, "rebuild")
    assert result.exit_code == 1
    assert "restore a backup" in result.stderr
    assert file_of(tmp_path).read_bytes() == b"garbage" * 1000
    assert not list(tmp_path.glob("*.rebuilt*"))


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(file_of(tmp_path))) as connection:
        connection.execute("CREATE TABLE exchange (id)")
        connection.commit()
    assert store(tmp_path, "rebuild").exit_code == 1
    assert file_of(tmp_path).exists()


def test_a_rebuild_keeps_the_configurations_history(folder: Path) -> None:
    async def history(*, fill: bool) -> tuple[object, object]:
        opened = SqliteStore(file_of(folder))
        await opened.open()
        if fill:
            for number in (1, 7):
                made = Generation(number, 1.0, "ada", "why", "-a", "a = 1\n")
                await opened.add_generation(made, [SeenVersion("chat", f"v{number}", "id", 1.0, number)])
        found = [await opened.generation(number) for number in (1, 7)], await opened.seen_versions(["chat"])
        await opened.close()
        return found

    before = asyncio.run(history(fill=True))
    damage(folder, pages_of(folder, "body")[2])
    assert store(folder, "rebuild").exit_code == 0
    assert asyncio.run(history(fill=False)) == before
