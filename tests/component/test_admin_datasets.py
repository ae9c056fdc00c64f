"""Datasets and replays over the admin API: made, read, priced, erased, and refused with a reason."""

import json

import pytest
from tests.support.admin import CONFIG, AdminGateway

from llmgateway.controlplane.api import datasets
from llmgateway.replaying import items

PRICED = CONFIG + '[prices."m2"]\ninput = 2\noutput = 8\n[prices."chat"]\ninput = 1\noutput = 4\n'
ASKED = '{"messages": [{"role":"user","content":"caf\\u00e9"}]}'
FACTS = {"at": 1_700_000_000.0, "input_tokens": 1000, "output_tokens": 500}
SIDE = {
    "exchange_id": "x", "status": 200, "end": "completed", "error_code": None, "finish_reason": "stop",
    "bad": ["slow"], "verdicts": {}, "figures": {"cost_usd": 0.5},
}  # fmt: skip
BEGUN = {"dataset": "golden", "dataset_version": 1, "route": "chat", "candidate": "v2", "baseline": "v1"}


@pytest.fixture
async def gateway(tmp_path):
    gateway = AdminGateway(tmp_path, PRICED)
    async with gateway.running(workers=0):
        yield gateway
    gateway.listener.close()


def item(ordinal, **changes):
    return {"ordinal": ordinal, "exchange_id": f"x-{ordinal}", "request": ASKED, "facts": FACTS, **changes}


async def post(gateway, path, content, code=200):
    got, answer = await gateway.ask("POST", path, json=content)
    assert got == code, answer
    return answer


async def made(gateway, *every, name="golden"):
    dataset = (await post(gateway, "datasets", {"name": name, "route": "chat", "built": {"seed": 1}}))["dataset"]
    path = f"datasets/{name}/{dataset['version']}"
    await post(gateway, f"{path}/items", {"items": list(every)})
    return (await post(gateway, f"{path}/seal", {}))["dataset"]


async def test_a_dataset_is_begun_filled_sealed_and_read_as_it_went_in(gateway):
    sealed = await made(gateway, item(0), item(1, request=json.loads(ASKED), stratum="rare"))
    assert (sealed["items"], sealed["version"], sealed["route"]) == (2, 1, "chat")
    _, listed = await gateway.ask("GET", "datasets?name=golden")
    assert listed["datasets"] == [sealed]
    _, page = await gateway.ask("GET", "datasets/golden/1/items?limit=1")
    assert page["items"][0]["request"] == ASKED
    _, page = await gateway.ask("GET", f"datasets/golden/1/items?after={page['next']}")
    assert [each["stratum"] for each in page["items"]] == ["rare"]
    code, answer = await gateway.ask("POST", "datasets/golden/1/items", json={"items": [item(2)]})
    assert (code, answer["error"]["code"]) == (409, "dataset_closed")


async def test_the_content_hash_is_the_contents(gateway):
    first = await made(gateway, item(0), item(1))
    same = await made(gateway, item(0, exchange_id="other"), item(1, facts={}), name="same")
    other = await made(gateway, item(0), item(1, request='{"input":"x"}'), name="other")
    assert first["content_hash"] == same["content_hash"] != other["content_hash"]


async def test_an_estimate_is_of_both_versions_and_tells_what_is_not_known(gateway):
    await made(gateway, item(0), item(1), item(2, facts={}))
    _, answer = await gateway.ask("GET", "datasets/golden/1/estimate?route=chat&candidate=v2")
    v2, v1 = 1000 * 2e-6 + 500 * 8e-6, 1000 * 1e-6 + 500 * 4e-6
    assert answer["estimate"] == {
        "items": 3, "unpriced": 1, "input_tokens": 4000, "output_tokens": 2000,
        "cost_usd": pytest.approx(2 * (v1 + v2)), "candidate": "v2", "baseline": "v1",
    }  # fmt: skip
    _, answer = await gateway.ask("GET", "datasets/golden/1/estimate?route=chat&candidate=v2&limit=1")
    assert answer["estimate"]["items"] == 1
    for query, code in (("route=chat&candidate=v9", "version_not_found"), ("route=no&candidate=v2", "route_not_found")):
        status, answer = await gateway.ask("GET", f"datasets/golden/1/estimate?{query}")
        assert (status, answer["error"]["code"]) == (404, code)


async def test_an_exchange_is_erased_from_every_dataset(gateway):
    exchange = "01a221e7-ad5a-7002-bf96-0f1a610dd8a6"
    await made(gateway, item(0, exchange_id=exchange), item(1))
    assert await post(gateway, "datasets/erase", {"exchange_id": exchange.upper()}) == {"erased": 1}
    _, page = await gateway.ask("GET", "datasets/golden/1/items")
    assert page["items"][0]["request"] is None
    assert page["items"][0]["erased_at"] is not None
    assert await post(gateway, "datasets/erase", {"name": "golden", "version": 1}) == {"erased": 1}
    for wrong in ({}, {"exchange_id": "7"}, {"name": "golden"}, {"name": "golden", "version": "1"}):
        await post(gateway, "datasets/erase", wrong, code=422)
    await post(gateway, "datasets/erase", {"name": "golden", "version": 9}, code=404)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"items": 7}, "items has to be a list"),
        ({"items": [{"request": ASKED}]}, "ordinal"),
        ({"items": [{"ordinal": 10_000, "request": ASKED}]}, "ordinal"),
        ({"items": [{"ordinal": 0, "request": "x"}]}, "Item 0: request has to be a JSON object"),
        ({"items": [{"ordinal": 0, "request": ASKED, "path": "/v1/files"}]}, "Item 0: path"),
        ({"items": [item(0)] * (datasets.MAX_BATCH + 1)}, "items has to be a list of at most"),
    ],
)
async def test_what_is_no_item_is_refused(gateway, content, said):
    await post(gateway, "datasets", {"name": "golden"})
    answer = await post(gateway, "datasets/golden/1/items", content, code=422)
    assert said in answer["error"]["message"]


async def test_names_and_sizes_have_bounds(gateway, monkeypatch):
    for name in ("", "a@1", "x" * 101, 7, "\u202egnp"):
        await post(gateway, "datasets", {"name": name}, code=422)
    await post(gateway, "datasets", {"name": "golden", "built": {"a": "x" * 20_000}}, code=422)
    await post(gateway, "datasets", {"name": "golden"})
    monkeypatch.setattr(items, "MAX_ITEM_BYTES", 1000)
    large = {"messages": "x" * 1000}
    answer = await post(gateway, "datasets/golden/1/items", {"items": [item(0, request=large)]}, code=422)
    assert "larger than" in answer["error"]["message"]
    for path in ("datasets/golden/one/items", "datasets/nothing/1/items", "datasets/golden/9/items"):
        status, answer = await gateway.ask("GET", path)
        assert (status, answer["error"]["code"]) == (404, "dataset_not_found")


async def test_a_replay_is_written_down_pair_by_pair(gateway):
    begun = (await post(gateway, "replays", {**BEGUN, "plan": {"max_cost": 1.0}}))["replay"]
    path = f"replays/{begun['id']}"
    pairs = [{"ordinal": at, "baseline": SIDE, "candidate": SIDE} for at in range(2)]
    await post(gateway, f"{path}/pairs", {"pairs": pairs, "cost_usd": 2.0})
    await post(gateway, f"{path}/pairs", {"pairs": pairs, "cost_usd": 2.5})
    _, page = await gateway.ask("GET", f"{path}/pairs?after=0")
    assert page == {"pairs": [pairs[1]], "next": None}
    ended = (await post(gateway, f"{path}/end", {"ended": "worse", "verdict": "worse"}))["replay"]
    assert (ended["pairs"], ended["cost_usd"], ended["ended"]) == (2, 2.5, "worse")
    _, listed = await gateway.ask("GET", "replays")
    assert listed["replays"] == [ended]
    assert (await gateway.ask("GET", path))[1]["replay"] == ended


async def test_what_is_no_replay_is_refused(gateway):
    await post(gateway, "replays", {"dataset": "golden"}, code=422)
    await post(gateway, "replays/none/pairs", {"pairs": [], "cost_usd": 0}, code=404)
    await post(gateway, "replays/none/end", {"ended": None, "verdict": None}, code=404)
    begun = (await post(gateway, "replays", BEGUN))["replay"]
    path = f"replays/{begun['id']}"
    await post(gateway, f"{path}/end", {"ended": "tired"}, code=422)
    for wrong in ({"ordinal": 0}, {"ordinal": 0, "baseline": SIDE, "candidate": SIDE | {"bad": ["ugly"]}}, 7):
        await post(gateway, f"{path}/pairs", {"pairs": [wrong], "cost_usd": 0}, code=422)
    assert (await gateway.ask("GET", "replays/none"))[0] == 404


async def test_a_replay_knows_what_it_compares_and_takes_no_pairs_of_anything_else(gateway):
    await made(gateway, item(0))
    replay = (await post(gateway, "replays", BEGUN))["replay"]
    versions = gateway.judge(gateway.file.read_text(), 1).snapshot.routes["chat"].versions
    ids = {version.name: version.id for version in versions}
    assert (replay["candidate_hash"], replay["baseline_hash"]) == (ids["v2"], ids["v1"])
    pairs = {"pairs": [{"ordinal": 0, "baseline": SIDE, "candidate": SIDE}], "cost_usd": 1.0}
    await post(gateway, f"replays/{replay['id']}/pairs", pairs)
    gateway.file.write_text(gateway.file.read_text().replace('model = "m2"', 'model = "m3"'))
    await post(gateway, "reload", {})
    answer = await post(gateway, f"replays/{replay['id']}/pairs", pairs, 409)
    assert answer["error"]["code"] == "versions_changed"


async def test_of_what_is_not_in_the_configuration_no_content_is_known(gateway):
    replay = (await post(gateway, "replays", BEGUN | {"candidate": "v9"}))["replay"]
    assert replay["candidate_hash"] is None
    await post(gateway, f"replays/{replay['id']}/pairs", {"pairs": [], "cost_usd": 0.0})
