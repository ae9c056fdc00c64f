"""The registry takes down what comes into force once, waits for a store that is away, and knows who answered when."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest

from llmgateway.config.guarding import Guardrail
from llmgateway.config.loader import load
from llmgateway.config.prompts import of_snapshot, whole
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane import registry as module
from llmgateway.controlplane.pricing import Prices, Rate, Rates
from llmgateway.controlplane.registry import Registry
from llmgateway.controlplane.terms import records
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.exchange import REPLAY_TAG
from llmgateway.ports.generations import Generation
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.ports.versions import ServedVersion

TEXT = """\
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"
api_key = "env:ONE"
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:9002/v1"
api_key = "sk-written-out"
[backends.open]
provider = "openai"
base_url = "http://127.0.0.1:9003/v1"
[routes.chat.versions.v1]
backends = ["two", "one", "open"]
weight = 1
params = { temperature = 0.5 }
[routes.chat.versions.v2]
backends = ["one"]
model = "m2"
prompt_file = "p.txt"
[prices.m2]
input = 2
output = 8
"""


def snapshot_of(text: str = TEXT, generation: int = 1, prompt: str = "Be kind.") -> Snapshot:
    return load(
        text, providers=("openai",), generation=generation, environ={"ONE": "sk-one"}, prompts={"p.txt": prompt}
    )


def generation(number: int, author: str = "ada") -> Generation:
    return Generation(number, float(number), author, "", "", "")


class Store:
    """Keeps what it is told, unless it is away."""

    def __init__(self):
        self.records, self.served, self.is_away, self.tried = [], [], False, 0

    async def record_versions(self, records):
        self.tried += 1
        if self.is_away:
            raise StoreUnavailableError("away")
        self.records += records

    async def note_served(self, served):
        self.tried += 1
        if self.is_away:
            raise StoreUnavailableError("away")
        self.served += served


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def registry(store):
    return Registry(store, snapshot_of(), ManualClock())


def row(at=5.0, version="v1", **more):
    return {"route": "chat", "served_version": version, "generation": 1, "at": at, "shadow_of": None, "tags": {}} | more


def test_a_record_has_the_spec_that_its_id_is_the_hash_of_and_what_it_is_in_force_under():
    snapshot = snapshot_of()
    first, second = records(snapshot, whole(TEXT, of_snapshot(snapshot)), generation(3))
    for each in (first, second):
        assert sha256(each.spec.encode()).hexdigest()[:12] == each.id
    assert (second.route, second.name, second.generation, second.at, second.author) == ("chat", "v2", 3, 3.0, "ada")
    assert json.loads(second.spec) == {
        "backends": [["openai", "http://127.0.0.1:9001/v1"]],
        "model": "m2",
        "params": {},
        "prompt": "Be kind.",
    }
    assert json.loads(second.terms) == {
        "backends": [
            {"name": "one", "provider": "openai", "base_url": "http://127.0.0.1:9001/v1", "credential": "env:ONE"}
        ],
        "prompt_file": "p.txt",
        "guardrails": {"policy": None, "names": []},
        "price": {"input": 2.0, "output": 8.0, "cached": None, "source": "configured"},
    }
    terms = json.loads(first.terms)
    assert [each["credential"] for each in terms["backends"]] == ["***", "env:ONE", None]
    assert terms["price"] is None
    assert "sk-" not in first.spec + first.terms + second.spec + second.terms


def test_a_price_that_the_operator_has_not_set_is_the_lists():
    asked = []

    def listed(backend, model, at):
        asked.append((backend.name, model, at))
        return Rates(Rate(2.5e-06), None, Rate(1e-07, ((1000, 5e-07),)))

    text = TEXT.partition("[prices")[0]
    first, second = records(snapshot_of(text), text, generation(3), listed)
    assert json.loads(second.terms)["price"] == {"input": 2.5, "output": None, "cached": 0.1, "source": "list"}
    assert json.loads(first.terms)["price"] is None  # the caller's own name decides
    assert asked == [("one", "m2", 3.0)]
    assert json.loads(records(snapshot_of(), TEXT, generation(3), listed)[1].terms)["price"]["source"] == "configured"
    assert len(asked) == 1


async def test_the_list_is_loaded_before_the_first_version_is_taken_down(store):
    text = TEXT.partition("[prices")[0].replace('"m2"', '"gpt-4o-mini"').replace("127.0.0.1:9001", "api.openai.com")
    snapshot = snapshot_of(text)
    registry = Registry(store, snapshot, ManualClock(), Prices(snapshot))
    registry.note(snapshot, text, generation(1))
    await registry.catch_up()
    price = json.loads(store.records[1].terms)["price"]
    assert price["source"] == "list"
    assert 0 < price["input"] < price["output"]


def test_the_policy_is_another_when_anything_that_guardrails_are_told_is():
    def policy(*guardrails):
        snapshot = snapshot_of()
        route = replace(snapshot.routes["chat"], guardrails=guardrails)
        made = records(replace(snapshot, routes={"chat": route}), TEXT, generation(1))
        return json.loads(made[0].terms)["guardrails"]

    pii = Guardrail("pii", "pii", options={"b": 1, "a": [2]})
    assert policy(pii)["names"] == ["pii"]
    assert policy(pii) == policy(replace(pii, options={"a": [2], "b": 1}))
    others = [replace(pii, options={"a": [3], "b": 1}), replace(pii, restore=True), replace(pii, timeout_s=9.0)]
    assert len({policy(each)["policy"] for each in (pii, *others)}) == 4
    assert policy(pii, others[0])["policy"] != policy(others[0], pii)["policy"]


def test_a_text_that_cannot_be_read_costs_the_references_and_nothing_else():
    made = records(snapshot_of(), "no = toml = at all", generation(1))
    assert {each["credential"] for each in json.loads(made[0].terms)["backends"]} == {"***", None}


async def test_what_came_into_force_is_taken_down_once_and_again_where_it_differs(registry, store):
    registry.note(snapshot_of(), TEXT, generation(1))
    await registry.catch_up()
    registry.note(snapshot_of(), TEXT, generation(2))
    registry.note(snapshot_of(prompt="Be brief."), TEXT, generation(3))
    dearer = TEXT.replace("input = 2", "input = 3")
    registry.note(snapshot_of(dearer), dearer, generation(4, "bob"))
    await registry.catch_up()
    assert [(each.name, each.generation) for each in store.records] == [("v1", 1), ("v2", 1), ("v2", 3), ("v2", 4)]
    assert store.records[1].id == store.records[3].id != store.records[2].id
    assert json.loads(store.records[3].terms)["price"]["input"] == 3
    assert store.records[3].author == "bob"


async def test_a_store_that_is_away_is_waited_for_and_only_so_much_waits(registry, store, monkeypatch):
    pauses = []
    woken = asyncio.Event()

    async def pause(seconds):
        pauses.append(seconds)
        store.is_away = False
        woken.set()

    monkeypatch.setattr(module.asyncio, "sleep", pause)
    store.is_away = True
    for number in range(module.MAX_WAITING + 5):
        registry.note(snapshot_of(), TEXT, generation(number))
    running = asyncio.ensure_future(registry.run())
    async with asyncio.timeout(20):
        await woken.wait()
        while not store.records:
            await asyncio.wait([running], timeout=0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert pauses == [module.RETRY_S]
    assert {each.generation for each in store.records} == {5}  # those before are forgotten


def test_who_answered_when_is_known_at_once(registry):
    registry.came([row(5.0), row(9.0), row(7.0), row(8.0, "v2")])
    ids = {version.name: version.id for version in snapshot_of().routes["chat"].versions}
    assert registry.served_since() == {("chat", "v1", ids["v1"]): 9.0, ("chat", "v2", ids["v2"]): 8.0}


@pytest.mark.parametrize(
    "other",
    [
        row(shadow_of="0193e0a0-0000-7000-8000-000000000001"),
        row(tags={REPLAY_TAG: "0193e0a0-0000-7000-8000-000000000001"}),
        row(version=None),
        row(version="v9"),
        row(route=None),
        row(generation=None),
        row(generation=77),
        {"at": 1.0},
    ],
    ids=["copy", "replay", "none", "unknown", "no route", "no generation", "another generation", "nothing"],
)
def test_what_answered_no_caller_or_nobody_knows_counts_for_nothing(registry, other):
    registry.came([other])
    assert registry.served_since() == {}


def test_an_exchange_counts_for_the_version_that_the_name_stood_for_when_it_began(registry):
    registry.configure(snapshot_of(TEXT.replace("0.5", "0.7"), generation=2))
    registry.came([row(5.0), row(6.0, generation=2)])
    assert sorted(registry.served_since().values()) == [5.0, 6.0]
    assert len({version_id for _, _, version_id in registry.served_since()}) == 2


def test_only_the_last_generations_are_told_from_each_other(registry):
    for number in range(2, 3 + module.MAX_GENERATIONS):
        registry.configure(snapshot_of(generation=number))
    registry.came([row(5.0)])
    assert registry.served_since() == {}


async def test_what_is_saved_is_saved_once_and_what_comes_meanwhile_later(registry, store):
    registry.came([row(5.0), row(6.0, "v2")])
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await registry.save_served()
    assert len(registry.served_since()) == 2
    store.is_away = False
    note = store.note_served

    async def meanwhile(served):
        await note(served)
        registry.came([row(7.0)])

    store.note_served = meanwhile
    await registry.save_served()
    ids = {version.name: version.id for version in snapshot_of().routes["chat"].versions}
    assert store.served == [ServedVersion("chat", "v1", ids["v1"], 5.0), ServedVersion("chat", "v2", ids["v2"], 6.0)]
    assert registry.served_since() == {("chat", "v1", ids["v1"]): 7.0}


async def test_it_is_saved_once_in_a_while_and_only_where_somebody_answered(registry, store, monkeypatch):
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", pause)
    running = asyncio.ensure_future(registry.run_served())
    await asyncio.wait([running], timeout=0.05)
    assert (pauses, store.tried) == ([], 0)
    registry.came([row(5.0)])
    async with asyncio.timeout(20):
        while not store.served:
            await asyncio.wait([running], timeout=0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (pauses, store.tried) == ([module.SAVE_S], 1)
