"""Erasures over the admin API: asked for, counted, watched, and refused with a reason."""

import asyncio

import pytest
from tests.support.admin import AdminGateway
from tests.support.exchanges import ExchangeFactory

GOOD = "0190a0b0-0000-7000-8000-00000000002a"


@pytest.fixture
async def gateway(tmp_path):
    gateway = AdminGateway(tmp_path)
    async with gateway.running(workers=0):
        yield gateway
    gateway.listener.close()


async def filled(gateway):
    make = ExchangeFactory()
    entries = [make.entry(user=user, route="chat", tags={"team": user[:1]}) for user in ("ada", "eve", "bob")]
    entries[2].row["user"] = "ada"
    await gateway.store.append(entries, [], [], None)
    return [entry.row["id"] for entry in entries]


async def post(gateway, content, code=200):
    got, answer = await gateway.ask("POST", "erasures", json=content)
    assert got == code, answer
    return answer


async def done(gateway, name):
    async with asyncio.timeout(20):
        while True:
            _, answer = await gateway.ask("GET", f"erasures/{name}")
            if answer["erasure"]["finished_at"] is not None:
                return answer["erasure"]


async def test_somebodys_exchanges_are_counted_and_then_erased(gateway):
    rows = await filled(gateway)
    assert await post(gateway, {"user": "ada", "dry_run": True}) == {"erasure": None, "exchanges": 2}
    assert (await gateway.ask("GET", "erasures"))[1] == {"erasures": [], "next": None}
    gateway.headers["x-llmgateway-author"] = "bob"
    assert await post(gateway, {"tag": "team=a", "dry_run": True}) == {"erasure": None, "exchanges": 1}
    begun = (await post(gateway, {"user": "ada", "route": "chat", "since": "2020-01-01T00:00:00Z"}))["erasure"]
    told = await done(gateway, begun["id"])
    assert (told["by"], told["selectors"], told["erased"]) == ("bob", ["user", "route", "since"], 2)
    assert "ada" not in str(told)
    _, page = await gateway.ask("GET", "exchanges")
    assert {row["id"]: row["user"] for row in page["exchanges"]} == dict(zip(rows, (None, "eve", None), strict=True))
    assert {row["erased_at"] for row in page["exchanges"]} == {None, told["at"]}
    assert await post(gateway, {"exchange_ids": [rows[1].upper()], "dry_run": True}) == {
        "erasure": None,
        "exchanges": 1,
    }
    second = (await post(gateway, {"exchange_ids": rows}))["erasure"]
    assert (await done(gateway, second["id"]))["erased"] == 1
    _, page = await gateway.ask("GET", "erasures?limit=1")
    assert [each["id"] for each in page["erasures"]] == [second["id"]]
    _, page = await gateway.ask("GET", f"erasures?before={page['next']}")
    assert [each["id"] for each in page["erasures"]] == [begun["id"]]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"route": "chat"},
        {"user": ""},
        {"user": 7},
        {"user": "x" * 1_101},
        {"user": "ada", "usr": "ada"},
        {"user": "ada", "dry_run": "yes"},
        {"exchange_ids": []},
        {"exchange_ids": GOOD},
        {"exchange_ids": ["nonsense"]},
        {"exchange_ids": [7]},
        {"exchange_ids": [GOOD] * 1_001},
        {"tag": "team"},
        {"tag": "=a"},
        {"tag": ["team", "a"]},
        {"user": "ada", "since": "yesterday"},
        {"user": "ada", "until": True},
        {"user": "ada", "until": -1},
    ],
)
async def test_what_does_not_say_whose_changes_nothing(gateway, content):
    await filled(gateway)
    answer = await post(gateway, content, 422)
    assert answer["error"]["code"] == "invalid_body"
    assert (await gateway.ask("GET", "erasures"))[1]["erasures"] == []


async def test_what_is_not_there_and_what_is_too_much_is_told(gateway, monkeypatch):
    assert (await gateway.ask("GET", f"erasures/{GOOD}"))[1]["error"]["code"] == "erasure_not_found"
    monkeypatch.setattr("llmgateway.store.sqlite_erasures.MAX_PENDING", 0)
    assert (await post(gateway, {"user": "ada"}, 409))["error"]["code"] == "too_many_erasures"
