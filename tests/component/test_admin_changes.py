"""The configuration changed while it runs, over real HTTP, links, store and file: everywhere, or not at all."""

import asyncio
import stat
import time
from typing import Any

import pytest
from tests.support.admin import CANARY, CONFIG, silent_worker, until

from llmgateway.config import lastgood
from llmgateway.controlplane import changes as module
from llmgateway.controlplane.configfile import etag
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore
from llmgateway.telemetry.frames import parse

HALF = CONFIG.replace("weight = 90", "weight = 50").replace("weight = 10", "weight = 50")


async def test_a_weight_is_in_the_file_on_all_workers_and_in_the_history_within_a_second(gateway):
    gateway.file.chmod(0o640)
    async with gateway.running() as (control, workers):
        begin = time.monotonic()
        code, done = await gateway.ask(
            "PUT",
            "routes/chat/weights",
            json={"v1": 50, "v2": 50},
            params={"reason": "v2 is good"},
            headers={"x-llmgateway-author": "ada"},
        )
        assert time.monotonic() - begin < 10  # a few hundredths where nothing else runs
        assert (code, done["changed"], done["generation"]) == (200, True, 2)
        assert [(worker["slot"], worker["error"]) for worker in done["workers"]] == [(0, None), (1, None)]
        assert [(worker.generation, worker.text) for worker in workers] == [(2, HALF)] * 2
        assert gateway.file.read_text() == HALF
        assert stat.S_IMODE(gateway.file.stat().st_mode) == 0o640
        assert "+weight = 50   # most of it" in done["diff"]
        assert control.reloader.snapshot.generation == 2
        assert control.reloader.snapshot.routes["chat"].versions[0].weight == 50
        newest, first = await gateway.history()
        assert (newest["number"], newest["author"], newest["reason"]) == (2, "ada", "v2 is good")
        assert (first["number"], first["author"]) == (1, "file")
        _, shown = await gateway.ask("GET", "generations/2")
        assert shown["diff"] == done["diff"].replace("in force", "generation 1").replace("afterwards", "generation 2")
        assert shown["text"] == HALF.replace(CANARY, "***")
        assert shown["etag"] == done["etag"] == etag(HALF).strip('"')


async def test_a_dry_run_says_all_that_and_changes_nothing(gateway):
    async with gateway.running() as (_, workers):
        code, done = await gateway.weights(query={"dry_run": "true"}, v1=50, v2=50)
        assert (code, done["changed"], done["dry_run"], done["generation"]) == (200, True, True, 1)
        assert "+weight = 50" in done["diff"]
        assert gateway.file.read_text() == CONFIG
        assert [worker.took for worker in workers] == [[], []]
        assert len(await gateway.history()) == 1


async def test_what_changes_nothing_makes_no_generation(gateway):
    async with gateway.running():
        code, done = await gateway.weights(v1=90)
        assert (code, done["changed"], done["diff"]) == (200, False, "")
        assert len(await gateway.history()) == 1


@pytest.mark.parametrize(
    ("weights", "line", "reason"),
    [
        ({"v1": -1}, 15, "must be at least 0"),
        ({"v9": 1}, 13, 'no version of this route is called "v9"'),
        ({"v1": 0, "v2": 0}, 13, "no version has a weight above 0"),
        ({"v1": 1e308}, 15, "must be at most"),
    ],
)
async def test_what_would_not_hold_is_refused_with_line_and_reason(gateway, weights, line, reason):
    async with gateway.running() as (_, workers):
        code, answer = await gateway.weights(**weights)
        assert (code, answer["error"]["code"]) == (422, "config_invalid")
        (problem,) = answer["error"]["problems"]
        assert problem["line"] == line
        assert reason in problem["reason"]
        assert gateway.file.read_text() == CONFIG
        assert workers[0].took == []
        assert len(await gateway.history()) == 1


@pytest.mark.parametrize("sent", [{}, {"v1": "50"}, {"v1": None}, {"v1": True}, {f"v{n}": 1 for n in range(101)}])
async def test_weights_that_are_none_are_refused(gateway, sent):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("PUT", "routes/chat/weights", json=sent)
        assert (code, answer["error"]["code"]) == (422, "invalid_body")


async def test_two_writers_at_once_the_second_is_told(gateway):
    async with gateway.running():
        _, headers, _ = await gateway.ask_whole("GET", "config")
        match = {"If-Match": headers["ETag"]}
        asked = [gateway.ask("PUT", "routes/chat/weights", json={"v1": weight}, headers=match) for weight in (40, 60)]
        answers = sorted(await asyncio.gather(*asked), key=lambda answer: answer[0])
        assert [code for code, _ in answers] == [200, 412]
        assert answers[1][1]["error"]["code"] == "config_changed"
        assert answers[1][1]["error"]["etag"] == answers[0][1]["etag"]
        assert len(await gateway.history()) == 2


async def test_a_file_that_was_edited_and_not_reloaded_is_not_put_in_force_by_the_way(gateway):
    async with gateway.running() as (_, workers):
        edited = CONFIG + "# by hand\n"
        gateway.file.write_text(edited)
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (412, "config_changed")
        assert "etag" not in answer["error"]["message"].lower()
        code, other = await gateway.ask(
            "PUT", "routes/chat/weights", json={"v1": 50}, headers={"If-Match": etag(CONFIG)}
        )
        assert code == 412
        assert "has changed since you looked at it" in other["error"]["message"]
        assert gateway.file.read_text() == edited
        code, view = await gateway.ask("GET", "config?format=json")
        assert (view["in_force"], view["diff"].splitlines()[-1]) == (False, "+# by hand")
        code, done = await gateway.ask(
            "PUT", "routes/chat/weights", json={"v1": 50}, headers={"If-Match": f'"{answer["error"]["etag"]}"'}
        )
        assert code == 200
        assert "+# by hand" in done["diff"]
        assert workers[0].text.endswith("# by hand\n")


async def test_a_file_edited_in_the_last_moment_is_left_as_it_is(gateway, monkeypatch):
    async with gateway.running() as (control, workers):
        add = control.changes._history.add

        async def add_and_edit(entry):
            gateway.file.write_text("theirs = 1\n")
            return await add(entry)

        monkeypatch.setattr(control.changes._history, "add", add_and_edit)
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (412, "config_changed")
        assert gateway.file.read_text() == "theirs = 1\n"
        assert workers[0].took == []
        newest, _ = await gateway.history()
        assert newest["refused"] == "the file was edited meanwhile"


async def test_an_edit_by_hand_becomes_a_generation_when_it_is_reloaded(gateway):
    async with gateway.running() as (_, workers):
        gateway.file.write_text(HALF)
        code, report = await gateway.ask("POST", "reload")
        assert (code, report["generation"]) == (200, 2)
        await until(lambda: _has(gateway, 2))
        newest, _ = await gateway.history()
        assert (newest["number"], newest["author"]) == (2, "file")
        code, done = await gateway.weights(v1=60)
        assert (code, done["generation"]) == (200, 3)
        assert [each["number"] for each in await gateway.history()] == [3, 2, 1]
        assert workers[0].took == [2, 3]


async def test_a_reload_of_what_is_in_force_makes_no_generation_that_the_history_lacks(gateway):
    async with gateway.running() as (control, workers):
        await until(lambda: _has(gateway, 1))
        for _ in range(3):
            code, report = await gateway.ask("POST", "reload")
            assert (code, report["generation"], report["changed"]) == (200, 1, False)
            assert [worker["error"] for worker in report["workers"]] == [None] * len(workers)
        assert workers[0].took == [1, 1, 1]
        gateway.file.write_text(HALF)
        assert (await gateway.ask("POST", "reload"))[1]["generation"] == 2
        await until(lambda: _has(gateway, 2))
        assert (await gateway.ask("POST", "reload"))[1]["generation"] == 2
        assert [each["number"] for each in await gateway.history()] == [2, 1]
        assert control.links.generation == 2


async def _has(gateway, count):
    return len(await gateway.history()) == count


async def test_an_edit_made_while_nothing_ran_becomes_a_generation_at_the_start(gateway):
    async with gateway.running():
        await gateway.weights(v1=50)
    (gateway.data / "run" / "config.toml").unlink()
    gateway.file.write_text(CONFIG)
    async with gateway.running() as (control, workers):
        await until(lambda: _has(gateway, 3))
        newest, *_ = await gateway.history()
        assert (newest["number"], newest["author"]) == (3, "file")
        await until(lambda: {worker.generation for worker in workers} == {control.links.generation} == {3})


async def test_a_start_with_the_text_in_force_makes_no_entry_and_goes_on_counting(gateway):
    async with gateway.running():
        await gateway.weights(v1=50)
    async with gateway.running():
        _, done = await gateway.weights(v1=60)
        assert done["generation"] == 3
        assert len(await gateway.history()) == 3


async def test_a_worker_that_refuses_has_it_taken_back_everywhere(gateway):
    async with gateway.running() as (control, workers):
        workers[1].refuses = "weight = 50"
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (409, "worker_refused")
        assert answer["error"]["workers"][0] == {
            "slot": 1,
            "pid": 101,
            "generation": 2,
            "error": "no such certificate",
        }
        assert answer["error"]["generation"] == 3
        assert gateway.file.read_text() == CONFIG
        assert [worker.text for worker in workers] == [CONFIG, CONFIG]
        assert [worker.generation for worker in workers] == [3, 3]
        assert workers[0].took == [2, 3]
        assert control.reloader.snapshot.routes["chat"].versions[0].weight == 90
        newest, first = await gateway.history()
        assert newest["refused"] == "worker 1: no such certificate"
        assert (first["number"], first["refused"]) == (1, None)
        workers[1].refuses = None
        _, done = await gateway.weights(v1=50)
        assert done["generation"] == 4
        code, answer = await gateway.ask("POST", "generations/2/rollback")
        assert (code, answer["error"]["code"]) == (409, "never_in_force")


async def test_a_worker_that_says_nothing_for_a_second_has_it_taken_back(gateway):
    async with gateway.running() as (control, workers), silent_worker(gateway, 2) as heard:
        await until(lambda: len(control.links.live()) == 3)
        begin = time.monotonic()
        code, answer = await gateway.weights(v1=50)
        assert 1 <= time.monotonic() - begin < 10
        assert (code, answer["error"]["code"]) == (409, "worker_refused")
        assert answer["error"]["workers"][0]["error"].startswith("no answer in 1")
        assert gateway.file.read_text() == CONFIG
        assert [worker.text for worker in workers] == [CONFIG, CONFIG]
        sent: list[dict[str, Any]] = []
        while len(sent) < 2:
            kind, fields = parse(await heard.readline())
            sent += [fields] if kind == "snapshot" else []  # it is told of memory, too
        assert [(each["generation"], each["text"] == CONFIG) for each in sent] == [(2, False), (3, True)]


async def test_a_worker_that_leaves_before_it_answers_has_it_taken_back(gateway):
    async with gateway.running() as (_, workers):

        def leave(_):
            raise OSError("killed")

        workers[1].link._take = leave
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (409, "worker_refused")
        assert "left before it answered" in answer["error"]["workers"][0]["error"]
        assert gateway.file.read_text() == CONFIG
        assert workers[0].text == CONFIG


async def test_a_store_that_is_away_refuses_before_anything_is_written(gateway, monkeypatch):
    async with gateway.running() as (_, workers):
        await until(lambda: _has(gateway, 1))

        async def away(*_):
            raise StoreUnavailableError("database is locked")

        monkeypatch.setattr(gateway.store, "add_generation", away)
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (503, "store_unavailable")
        assert "Nothing was changed" in answer["error"]["message"]
        assert gateway.file.read_text() == CONFIG
        assert workers[0].took == []
        monkeypatch.undo()
        assert (await gateway.weights(v1=50))[0] == 200


async def cut_off(gateway, monkeypatch):
    """Have control end when a change stands in the history and in the file; the one before it was made whole."""
    async with gateway.running() as (control, _):
        assert (await gateway.weights(v1=60))[0] == 200

        async def killed(*_):
            raise RuntimeError

        monkeypatch.setattr(control.changes, "_enforce", killed)
        assert (await gateway.weights(v1=50))[0] == 500
    assert "weight = 50" in gateway.file.read_text()
    gateway.store = SqliteStore(gateway.data / "store.sqlite3", query_s=5.0)


async def test_a_change_that_was_cut_off_is_finished_by_the_next_control(gateway, monkeypatch):
    await cut_off(gateway, monkeypatch)
    async with gateway.running() as (control, workers):
        await until(lambda: all("weight = 50" in worker.text for worker in workers))
        assert {worker.generation for worker in workers} == {control.links.generation} == {3}
        assert lastgood.load(gateway.data).text == gateway.file.read_text() == workers[0].text
        assert [(each["number"], each["refused"]) for each in await gateway.history()] == [
            (3, None),
            (2, None),
            (1, None),
        ]
        assert (await gateway.weights(v1=40))[0] == 200


async def test_a_file_that_was_edited_since_is_left_for_whoever_edits_it(gateway, monkeypatch):
    await cut_off(gateway, monkeypatch)
    gateway.file.write_text(gateway.file.read_text() + "# half an edit")
    async with gateway.running() as (_, workers):
        await until(lambda: all(worker.generation > 3 for worker in workers))
        assert all("weight = 60" in worker.text for worker in workers)
        code, answer = await gateway.weights(v1=40)
        assert (code, answer["error"]["code"]) == (412, "config_changed")
        newest = (await gateway.history())[0]
        assert (newest["number"], newest["author"]) == (4, "file")


async def test_without_a_worker_nothing_is_changed_but_anything_may_be_tried(gateway):
    async with gateway.running(workers=0):
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (503, "no_workers")
        assert (await gateway.weights(query={"dry_run": "true"}, v1=50))[0] == 200
        assert gateway.file.read_text() == CONFIG
        assert len(await gateway.history()) == 1


async def test_a_refusal_the_store_could_not_be_told_is_set_right_later(gateway, monkeypatch):
    async with gateway.running() as (_, workers):

        async def away(*_):
            raise StoreUnavailableError("database is locked")

        monkeypatch.setattr(gateway.store, "refuse_generation", away)
        workers[1].refuses = "weight = 50"
        assert (await gateway.weights(v1=50))[0] == 409
        await until(lambda: _has(gateway, 3))
        newest, refused, _ = await gateway.history()
        assert (newest["author"], newest["reason"]) == ("file", "generation 2 was taken back")
        assert (await gateway.store.generation(newest["number"])).text == CONFIG
        await until(lambda: {worker.generation for worker in workers} == {newest["number"]})


async def test_a_file_that_cannot_be_written_is_told_and_nothing_changes(gateway, monkeypatch):
    async with gateway.running() as (_, workers):

        def fail(*_):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr("llmgateway.config.inplace.os.fsync", fail)
        code, answer = await gateway.weights(v1=50)
        assert (code, answer["error"]["code"]) == (409, "config_read_only")
        assert "Read-only file system" in answer["error"]["message"]
        monkeypatch.undo()
        assert workers[0].took == []
        newest, _ = await gateway.history()
        assert "could not be written" in newest["refused"]
        assert (await gateway.weights(v1=50))[0] == 200


async def test_without_waiting_the_answer_comes_when_it_is_written(gateway):
    async with gateway.running() as (_, workers):
        code, done = await gateway.weights(query={"wait": "false"}, v1=50)
        assert (code, done["pending"], done["generation"]) == (202, True, 2)
        assert gateway.file.read_text() != CONFIG
        await until(lambda: [worker.generation for worker in workers] == [2, 2])


async def test_whoever_asked_may_leave_without_stopping_it(gateway):
    async with gateway.running() as (_, workers):
        asked = asyncio.create_task(gateway.weights(v1=50))
        while gateway.file.read_text() == CONFIG and not asked.done():
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await until(lambda: [worker.generation for worker in workers] == [2, 2])
        assert (await gateway.history())[0]["refused"] is None


async def test_an_earlier_generation_is_put_in_force_again_as_a_new_one(gateway):
    async with gateway.running() as (_, workers):
        await gateway.weights(v1=50)
        code, would = await gateway.ask("POST", "generations/1/rollback?dry_run=true")
        assert (code, would["changed"]) == (200, True)
        code, done = await gateway.ask("POST", "generations/1/rollback")
        assert (code, done["generation"]) == (200, 3)
        assert gateway.file.read_text() == CONFIG == workers[0].text
        newest, *_ = await gateway.history()
        assert (newest["number"], newest["reason"]) == (3, "rollback to generation 1")
        _, against = await gateway.ask("GET", "generations/3?against=1")
        assert against["diff"] == ""
        _, against = await gateway.ask("GET", "generations/3?against=2")
        assert "+weight = 90   # most of it" in against["diff"]


async def test_a_rollback_brings_the_secret_back_that_stood_in_the_file(gateway):
    async with gateway.running() as (_, workers):
        other = CONFIG.replace(CANARY, "sk-other-9876543210").replace("9001", "9101")
        assert (await gateway.put_text(other))[0] == 200
        code, done = await gateway.ask("POST", "generations/1/rollback")
        assert code == 200
        assert CANARY not in str(done)
        assert CANARY in workers[0].text
        assert gateway.file.read_text() == CONFIG


async def test_a_rollback_takes_references_back_to_where_they_went(gateway):
    async with gateway.running() as (_, workers):
        moved = CONFIG.replace("9002", "9102")
        assert (await gateway.put_text(moved))[0] == 422
        assert (await gateway.put_text(moved, credentials="two"))[0] == 200
        assert (await gateway.ask("POST", "generations/1/rollback"))[0] == 200
        assert workers[0].text == CONFIG


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "1e3", "9" * 40])
async def test_an_unknown_generation_is_404(gateway, number):
    async with gateway.running(workers=0):
        for method, path in (("GET", f"generations/{number}"), ("POST", f"generations/{number}/rollback")):
            code, answer = await gateway.ask(method, path)
            assert (code, answer["error"]["code"]) == (404, "generation_not_found")


async def test_many_changes_at_once_are_made_one_after_the_other(gateway):
    async with gateway.running() as (_, workers):
        answers = await asyncio.gather(*(gateway.weights(v1=weight) for weight in range(100, 130)))
        assert {code for code, _ in answers} == {200}
        assert sorted(done["generation"] for _, done in answers) == list(range(2, 32))
        assert workers[0].took == workers[1].took == list(range(2, 32))
        assert len(await gateway.history()) == 31


async def test_only_so_many_changes_stand_in_line_and_a_stop_waits_for_them(gateway, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    async with gateway.running() as (control, workers):
        async with control.reloader.turn:
            asked = [asyncio.create_task(gateway.weights(v1=weight)) for weight in (1, 2, 3)]
            await until(lambda: len(control.changes._under_way) == 3)
            code, answer = await gateway.weights(v1=4)
            assert (code, answer["error"]["code"]) == (503, "busy")
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        await control.changes.finish()  # as a stop does
        assert workers[0].took == [2, 3, 4]
    assert control.changes._under_way == set()
    assert "weight = 3   # most of it" in gateway.file.read_text()
