"""`llmgateway review` against a running admin listener: each command, and a sitting at the keyboard."""

import asyncio
import json

import pytest
import typer
from tests.component.test_admin_review import exchanges, needing, pair, post
from typer.testing import CliRunner

from llmgateway.cli.review import register
from llmgateway.ports.reviews import WantedItems

HOSTILE = "\x1b[2J\u202egnp.exe"


@pytest.fixture
def run(gateway, monkeypatch):
    async def run(*args, who="ann", keys="", code=0):
        def invoke():
            app = typer.Typer()
            register(app)
            monkeypatch.setenv("LOGNAME", who)
            monkeypatch.setenv("COLUMNS", "160")
            at = ("--url", gateway.url)
            words = (*args, *at) if args else at
            return CliRunner().invoke(app, ["review", *words], input=keys)

        result = await asyncio.to_thread(invoke)
        assert result.exit_code == code, result.output
        return result

    return run


async def test_an_item_from_its_queue_to_the_export(gateway, run):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        said = await run("add", "--exchange", exchange_id, "--note", HOSTILE, "--priority", "3", "--due", "2d")
        assert "is added to default" in said.stdout
        assert "is there already" in (await run("add", "--exchange", exchange_id)).stdout
        shown = (await run("next")).stdout
        assert "It is on its way." in shown
        assert "quality: good | acceptable | bad" in shown
        assert "\x1b[2J" not in shown
        item = json.loads((await run("next", "--json")).stdout)
        assert item["claimed_by"] == "ann"
        told = json.loads((await run("list", "--state", "open", "--json")).stdout)
        assert (told["items"][0]["state"], told["next"]) == ("open", None)
        assert json.loads((await run("list", "--state", "done", "--json")).stdout) == {"items": [], "next": None}
        listed = await run("list", "--state", "open")
        assert item["id"] in listed.stdout
        assert "claimed by ann" in " ".join(listed.stdout.split())
        await run("submit", item["id"], "quality=superb", code=2)
        await run("submit", item["id"], "quality", code=2)
        done = await run("submit", item["id"], "quality=bad", "--comment", HOSTILE, "--correction", "It is late.")
        if item["needed"] == 2:
            await run("next", who="bob")
            done = await run("submit", item["id"], "quality=bad", who="bob")
        assert f"{item['id']} is done" in done.stdout
        (line,) = (await run("export")).stdout.splitlines()
        exported = json.loads(line)
        assert (exported["exchange_id"], exported["version"]) == (exchange_id, "v1")
        assert exported["reviews"][0]["correction"] == "It is late."
        assert "\\x1b[2J" in (await run("show", item["id"])).stdout
        assert "nothing is left" in (await run("next")).stdout


async def test_disagreement_is_adjudicated_and_told(gateway, run):
    async with gateway.running(workers=0):
        item = (await needing(gateway, 2))["id"]
        for who, quality in (("ann", "good"), ("bob", "bad")):
            await gateway.ask("POST", f"review/items/{item}/claim", headers={"x-llmgateway-author": who})
            await run("submit", item, f"quality={quality}", who=who)
        assert item in (await run("list", "--state", "disputed")).stdout
        await run("adjudicate", item, "quality=good", who="ann", code=1)
        assert "is done" in (await run("adjudicate", item, "quality=good", who="eve")).stdout
        told = " ".join((await run("agreement")).stdout.split())
        assert "answer quality 1 0" in told
        figures = json.loads((await run("agreement", "--json")).stdout)
        assert figures["agreement"][0]["items"] == 1


async def test_a_sample_is_drawn_and_exported_in_parts(gateway, run, monkeypatch):
    monkeypatch.setattr("llmgateway.cli.review.items.PART", 3)
    async with gateway.running(workers=0):
        await exchanges(gateway, 12)
        said = await run("sample", "--route", "chat", "--count", "7")
        assert "7 added, 0 there already, 0 refused; drawn from 12 exchanges" in said.stdout
        first = await gateway.store.items(WantedItems(), limit=100)
        for each in first:
            while (await gateway.store.item(each.id)).state == "open":
                who = f"r{len((await gateway.store.reviews_of([each.id])).get(each.id, []))}"
                headers = {"x-llmgateway-author": who}
                await gateway.ask("POST", f"review/items/{each.id}/claim", headers=headers)
                sent = {"labels": {"quality": "good"}}
                await gateway.ask("POST", f"review/items/{each.id}/submit", headers=headers, json=sent)
        lines = [json.loads(line)["id"] for line in (await run("export")).stdout.splitlines()]
        assert sorted(lines) == sorted(each.id for each in first)
        told = " ".join((await run("agreement")).stdout.split())
        assert "chat v1 quality 7 good 100.0 % (64.6 to 100.0)" in told


async def test_a_sitting_takes_reviews_skips_and_concerns_until_nothing_is_left(gateway, run):
    async with gateway.running(workers=0):
        await exchanges(gateway, 2)
        await pair(gateway)
        await run("sample", "--route", "chat", "--count", "2", "--seed", "x")
        await run("sample", "--route", "chat", "--pairs", "--priority", "9")
        keys = "\n".join(
            ["c", "left", "it lies", "high", "9", "1", "", "", "2", "not kind", "Sorry!", "s", "no Greek", ""]
        )
        result = await run(keys=keys)
        assert "nothing is left for you to review" in result.stdout
        assert result.stdout.count("handed in") == 2
        (concern,) = await gateway.store.concerns(limit=5)
        assert (concern.text, concern.severity, concern.by) == ("it lies", "high", "ann")
        said = [each for _, every in await gateway.store.reviewed(None) for each in every]
        assert {each.kind for each in said} == {"review", "skip"}
        assert "Sorry!" in {each.correction for each in said}
        assert "comes back to you" in (await run(who="bob", keys="q\n")).stdout


async def test_at_the_keyboard_a_slip_is_told_and_the_end_of_input_closes_its_line(gateway, run):
    async with gateway.running(workers=0):
        await exchanges(gateway, 1)
        await run("sample", "--route", "chat")
        shown = (await run(keys="7\n")).stdout
        assert shown.count("that is none of them: a number answers") == 1
        assert shown.endswith("> \nwhat you have claimed comes back to you, or goes to others when its time is over\n")


async def test_figures_of_nothing_are_told_in_words(gateway, run):
    async with gateway.running(workers=0):
        shown = (await run("agreement")).stdout
        assert "nothing was put into a queue yet" in shown
        assert "no two people have said something of one item yet" in shown
        assert "nothing that was drawn at random has been reviewed yet" in shown
        assert "─" not in shown


async def test_who_raised_a_concern_about_a_side_of_a_pair_is_not_told_which_version_that_is(gateway, run):
    async with gateway.running(workers=0):
        await pair(gateway)
        drawn = {"route": "chat", "since": 0, "count": 5, "pairs": True, "reason": "canary_pair"}
        (item,) = (await post(gateway, "review/sample", **drawn))["items"]
        await post(gateway, f"review/items/{item}/concern", side="left", text="it lies")
        assert "chat/a side of a pair that is open" in " ".join((await run("concern", "list")).stdout.split())
        assert "chat/v" in (await run("concern", "list", who="bob")).stdout
        (concern,) = await gateway.store.concerns(limit=5)
        said = await run("concern", "accept", concern.id, "--reason", "worth it")
        assert "about chat/a side of a pair that is open is accepted" in " ".join(said.stdout.split())


async def test_concerns_by_command(gateway, run):
    async with gateway.running(workers=0):
        said = await run("concern", "add", "it is rude", "--route", "chat", "--version", "v2", "--owner", "bob")
        assert "about chat/v2 is open" in said.stdout
        (made,) = json.loads((await run("concern", "list", "--json")).stdout)["concerns"]
        assert "it is rude" in (await run("concern", "list", "--state", "open")).stdout
        assert "is accepted" in (await run("concern", "accept", made["id"], "--reason", "worth it", who="bob")).stdout
        await run("concern", "resolve", made["id"], "--reason", "x", code=1)
        assert "accepted by bob" in " ".join((await run("concern", "list")).stdout.split())
        await run("concern", "add", "x", "--route", "nothing", code=2)
        assert "no concern matches" in (await run("concern", "list", "--route", "chat", "--state", "open")).stderr


async def test_a_route_that_never_was_is_refused_wherever_it_is_written(gateway, run):
    async with gateway.running(workers=0):
        for words in (
            ("sample", "--route", "chta"),
            ("list", "--route", "chta"),
            ("export", "--route", "chta"),
            ("concern", "list", "--route", "chta"),
            ("concern", "add", "x", "--route", "chta"),
        ):
            said = (await run(*words, code=2)).stderr.lower()
            assert 'no route is called "chta"; did you mean "chat"?' in said, words
            assert 'there is "chat", "vendor/m-*"' in said, words
        assert "goes to the route" not in said
        assert (
            'requests for it go to the route "vendor/m-*"'
            in (await run("list", "--route", "vendor/m-7", code=2)).stderr
        )
        assert "no item matches" in (await run("list", "--route", "chat")).stderr
        assert "0 added" in (await run("sample", "--route", "chat")).stdout
