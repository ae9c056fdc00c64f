"""Review over the admin API: added, drawn, claimed, labelled, adjudicated, exported; concerns raised and closed."""

import asyncio
import json
from collections import Counter
from random import Random

import aiohttp
import pytest
from tests.support.exchanges import ExchangeFactory, copy_of

from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.reviewing import Order, Reviewing, Subject
from llmgateway.domain.clock import ManualClock, SystemClock
from llmgateway.domain.review import Reason
from llmgateway.ports.store import Body

ANN, BOB, EVE = ({"x-llmgateway-author": name} for name in ("ann", "bob", "eve"))


async def exchanges(gateway, count=1, **changes):
    make = ExchangeFactory(start=SystemClock.time())
    entries = make.entries(count, route="chat", **changes)
    await gateway.store.append(entries, [], [], None)
    return [entry.row["id"] for entry in entries]


async def pair(gateway):
    make = ExchangeFactory(start=SystemClock.time())
    entry = make.entry(route="chat")
    copy = copy_of(entry, make, route="chat")
    copy.bodies = (
        Body("reply", "application/json", 9, b'{"model":"m2","choices":[{"message":{"content":"Second"}}]}'),
    )
    await gateway.store.append([entry, copy], [], [], None)
    return entry.row["id"], copy.row["id"]


async def post(gateway, path, headers=ANN, code=200, **sent):
    status, answer = await gateway.ask("POST", path, json=sent, headers=headers)
    assert status == code, answer
    return answer


async def add(gateway, exchange_id, **more):
    sent = {"exchange_id": exchange_id, "reason": "reported", **more}
    return (await post(gateway, "review/items", **sent))["item"]


@pytest.mark.parametrize("path", ["review/items", "review/export"])
async def test_a_page_behind_an_item_that_is_not_there_is_refused(gateway, path):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        item = await add(gateway, exchange_id)
        status, _ = await gateway.ask("GET", f"{path}?after={item['id']}")
        assert status == 200
        status, answer = await gateway.ask("GET", f"{path}?after=nothing")
        assert (status, answer["error"]["code"]) == (422, "invalid_parameter")
        assert "names no item" in answer["error"]["message"]


async def test_an_item_is_added_claimed_and_reviewed(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        made = await add(gateway, exchange_id.upper(), priority=2, note="rude?", due_in=60, reviews=1)
        assert (made["exchange_id"], made["state"], made["route"], made["added_by"]) == (
            exchange_id,
            "open",
            "chat",
            "ann",
        )
        assert (await post(gateway, "review/items", exchange_id=exchange_id, reason="reported"))["known"] == 1
        item = (await post(gateway, "review/next", BOB))["item"]
        assert (item["id"], item["claimed_by"], item["version"]) == (made["id"], "bob", 2)
        assert item["asks"]["questions"] == {"quality": ["good", "acceptable", "bad"]}
        assert item["texts"]["asked"][0]["source"] == "user"
        assert item["texts"]["answer"][0]["text"].startswith("It is on its way.")
        assert "v1" not in json.dumps(item)
        path = f"review/items/{item['id']}"
        done = await post(gateway, f"{path}/submit", BOB, labels={"quality": "bad"}, comment="rude", version=2)
        assert (done["item"]["state"], done["item"]["labels"]) == ("done", {"quality": "bad"})
        late = await post(gateway, f"{path}/submit", EVE, 409, labels={"quality": "bad"})
        assert late["error"]["code"] == "not_possible"


async def needing(gateway, needed):
    """An item that needs so many reviews."""
    (exchange_id,) = await exchanges(gateway)
    return await add(gateway, exchange_id, reviews=needed)


async def review(gateway, item, who, quality, code=200, act="submit"):
    path = f"review/items/{item['id']}"
    if act == "submit":
        await post(gateway, f"{path}/claim", who)
    return await post(gateway, f"{path}/{act}", who, code, labels={"quality": quality})


async def test_reviews_that_disagree_are_adjudicated_by_somebody_else(gateway):
    async with gateway.running(workers=0):
        item = await needing(gateway, 2)
        path = f"review/items/{item['id']}"
        assert (await review(gateway, item, ANN, "good"))["item"]["state"] == "open"
        seen = (await gateway.ask("GET", path, headers=BOB))[1]["item"]
        assert seen["reviews"] == []  # what others said must not sway him
        assert (await post(gateway, f"{path}/claim", ANN, 409))["error"]["code"] == "already_reviewed"
        assert (await review(gateway, item, BOB, "bad"))["item"]["state"] == "disputed"
        assert (await post(gateway, f"{path}/claim", EVE, 409))["error"]["code"] == "not_possible"
        refused = await review(gateway, item, BOB, "bad", 409, "adjudicate")
        assert refused["error"]["code"] == "already_reviewed"
        done = await review(gateway, item, EVE, "acceptable", act="adjudicate")
        assert (done["item"]["state"], done["item"]["labels"]) == ("done", {"quality": "acceptable"})
        _, figures = await gateway.ask("GET", "review/figures")
        (line,) = figures["agreement"]
        assert (line["items"], line["same"], line["pairs"][0]["reviewers"]) == (1, 0, ["ann", "bob"])
        assert figures["backlog"]["queues"][0]["done"] == 1


async def _knows_its_version(gateway, who, version):
    """What somebody is told of the one concern that there is."""
    _, listed = await gateway.ask("GET", "concerns", headers=who)
    (told,) = listed["concerns"]
    assert (told["version"], told["blind"]) == (version, version is None)
    assert (told["exchange_id"] is None) is told["blind"]


async def test_a_pair_is_blind_until_it_is_closed(gateway):
    async with gateway.running(workers=0):
        first, second = await pair(gateway)
        drawn = await post(gateway, "review/sample", route="chat", since=0, count=5, pairs=True, reason="canary_pair")
        assert (drawn["added"], drawn["drawn_from"]) == (1, 1)
        item = (await post(gateway, "review/next"))["item"]
        told = json.dumps(item)
        assert not any(name in told for name in (first, second, "v1", "v2", "m2"))
        assert item["texts"]["asked"]
        sides = {item["texts"][side][0]["text"][:6]: side for side in ("left", "right")}
        preferred = sides["Second"]
        path = f"review/items/{item['id']}"
        concern = await post(gateway, f"{path}/concern", side=preferred, severity="critical", text="it lies")
        assert concern["concern"]["state"] == "open"
        assert [each.version for each in await gateway.store.open_concerns("chat", "v2")] == ["v2"]
        assert await gateway.store.open_concerns("chat", "v1") == []
        await _knows_its_version(gateway, ANN, None)
        await _knows_its_version(gateway, BOB, "v2")  # whoever has to do with the version
        await post(gateway, f"{path}/submit", labels={"preference": preferred})
        if item["needed"] == 2:
            await post(gateway, f"{path}/claim", BOB)
            await post(gateway, f"{path}/submit", BOB, labels={"preference": preferred})
        _, lines = await gateway.ask("GET", "review/export")
        (line,) = map(json.loads, lines.splitlines())
        await _knows_its_version(gateway, ANN, "v2")
        assert (line["exchange_id"], line["other_id"]) == (first, second)
        assert line["preferred"] == {"preference": "v2"}
        assert line[preferred] == {"exchange_id": second, "version": "v2"}


async def test_a_sample_is_drawn_by_the_hash_and_drawn_again_adds_nothing(gateway):
    async with gateway.running(workers=0):
        await exchanges(gateway, 30)
        await exchanges(gateway, 3, served_version="v2", assigned_version="v2")
        await exchanges(gateway, 5, assigned_by="pin", tags={"replay": "r1"})  # no caller got these
        draw = {"route": "chat", "since": 0, "count": 6}
        first = await post(gateway, "review/sample", **draw)
        assert (first["added"], first["drawn_from"]) == (6, 33)
        again = await post(gateway, "review/sample", **draw)
        assert (again["added"], again["known"], again["items"]) == (0, 6, first["items"])
        assert (await post(gateway, "review/sample", **draw, seed="2"))["items"] != first["items"]
        evenly = await post(gateway, "review/sample", **draw, stratify="version", queue="even")
        versions = Counter([(await gateway.store.item(each)).served for each in evenly["items"]])
        assert versions == {"v1": 3, "v2": 3}
        for wrong in ({"count": 0}, {"since": "yesterday"}, {"reason": "whim"}, {"more": 1}, {"stratify": "key"}):
            assert (await post(gateway, "review/sample", ANN, 422, **(draw | wrong)))["error"]["code"] == "invalid_body"


@pytest.mark.parametrize(
    "sent",
    [
        {"labels": {"quality": "superb"}},
        {"labels": {}},
        {"labels": {"quality": "good", "tone": "kind"}},
        {"labels": {"quality": "good"}, "comment": ""},
        {"labels": {"quality": "good"}, "correction": "x" * 50_001},
        {"labels": {"quality": "good"}, "score": 3},
        {"labels": {"quality": "good"}, "version": "2"},
    ],
)
async def test_what_is_no_review_is_refused_and_changes_nothing(gateway, sent):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        item = await add(gateway, exchange_id)
        await post(gateway, f"review/items/{item['id']}/claim")
        answer = await post(gateway, f"review/items/{item['id']}/submit", ANN, 422, **sent)
        assert answer["error"]["code"] == "invalid_body"
        assert (await gateway.store.item(item["id"])).state == "open"
        assert await gateway.store.reviews_of([item["id"]]) == {}


async def test_who_does_not_hold_an_item_can_do_nothing_with_it(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        path = f"review/items/{(await add(gateway, exchange_id))['id']}"
        for act, sent in (("renew", {}), ("submit", {"labels": {"quality": "good"}}), ("skip", {"reason": "no Greek"})):
            assert (await post(gateway, f"{path}/{act}", ANN, 409, **sent))["error"]["code"] == "not_claimed"
        await post(gateway, f"{path}/claim", ANN)
        assert (await post(gateway, f"{path}/claim", BOB, 409))["error"]["code"] == "claimed"
        assert (await post(gateway, f"{path}/renew", ANN, 409, version=1))["error"]["code"] == "item_changed"
        assert (await post(gateway, f"{path}/renew", ANN, version=2))["item"]["version"] == 3
        skipped = await post(gateway, f"{path}/skip", ANN, reason="no Greek")
        assert (skipped["item"]["state"], skipped["item"]["claimed_by"]) == ("open", None)
        assert (await post(gateway, "review/next", ANN))["item"] is None
        assert (await post(gateway, "review/next", BOB))["item"] is not None
        assert (await post(gateway, "review/items/none/claim", ANN, 404))["error"]["code"] == "item_not_found"


async def test_an_own_schema_asks_from_its_next_number_on(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        schema = {"questions": {"tone": ["kind", "rude"], "true": ["yes", "no", "unclear"]}, "takes_correction": False}
        code, answer = await gateway.ask("PUT", "review/schemas/tone", json=schema)
        assert (code, answer["schema"]) == (200, {"name": "tone", "number": 1, **schema})
        item = await add(gateway, exchange_id, schema="tone")
        await gateway.ask("PUT", "review/schemas/tone", json={"questions": {"tone": ["kind", "cold"]}})
        path = f"review/items/{item['id']}"
        claimed = (await post(gateway, f"{path}/claim"))["item"]
        assert claimed["asks"]["questions"] == schema["questions"]
        answer = await post(gateway, f"{path}/submit", ANN, 422, labels={"tone": "kind", "true": "no"}, correction="x")
        assert answer["error"]["field"] == "correction"
        await post(gateway, f"{path}/submit", ANN, labels={"tone": "kind", "true": "no"})
        for wrong in ({}, {"questions": {}}, {"questions": {"a": ["one"]}}, {"questions": {"a": ["x", "x"]}}, {"x": 1}):
            assert (await gateway.ask("PUT", "review/schemas/tone", json=wrong))[0] == 422, wrong
        assert (await post(gateway, "review/items", ANN, 404, exchange_id=exchange_id, reason="drift", schema="no"))[
            "error"
        ]["code"] == "schema_not_found"


async def test_concerns_are_raised_and_closed_by_name_with_a_reason(gateway):
    async with gateway.running(workers=0):
        made = (await post(gateway, "concerns", route="chat", version="v2", text="it is rude", owner="bob"))["concern"]
        assert (made["by"], made["state"], made["severity"], made["owner"]) == ("ann", "open", "medium", "bob")
        _, listed = await gateway.ask("GET", "concerns?route=chat&state=open")
        assert listed["concerns"] == [made]
        assert (await post(gateway, f"concerns/{made['id']}/accept", BOB, 422))["error"]["field"] == "reason"
        done = (await post(gateway, f"concerns/{made['id']}/accept", BOB, reason="known, and worth it"))["concern"]
        assert (done["state"], done["closed_by"], done["closed_reason"]) == ("accepted", "bob", "known, and worth it")
        again = await post(gateway, f"concerns/{made['id']}/resolve", EVE, 409, reason="fixed")
        assert again["error"]["code"] == "concern_closed"
        for sent, code in (
            ({"route": "nothing", "text": "x"}, 404),
            ({"route": "chat", "version": "v9", "text": "x"}, 404),
            ({"route": "chat"}, 422),
            ({"route": "chat", "text": "x", "severity": "mild"}, 422),
            ({"route": "chat", "text": "x" * 3_001}, 422),
        ):
            await post(gateway, "concerns", ANN, code, **sent)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ten_thousand_claim_at_once_and_no_item_is_claimed_twice(gateway):
    """Most in this process, all at once; a tenth of them over the admin API, which knows nothing of the others."""
    count, by_api = 10_000, 1_000
    async with gateway.running(workers=0) as (control, _):
        ids = await exchanges(gateway, count)
        reviewing = Reviewing(gateway.store, lambda: control.reloader.snapshot.review, SystemClock())
        await reviewing.add([Subject(each) for each in ids], Order(Reason.RANDOM, "test"))

        async def here(name):
            while True:
                try:
                    return (await reviewing.next(name)).id
                except RefusedError as error:  # the others were quicker, again and again
                    assert error.code == "item_changed"

        async def there(http, name):
            while True:
                headers = {"x-llmgateway-author": name}
                async with http.post(f"{gateway.url}/admin/v1/review/next", headers=headers) as answer:
                    if answer.status == 200:
                        return (await answer.json())["item"]["id"]
                    assert answer.status == 409

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as http:
            got = await asyncio.gather(
                *(here(f"h{number}") for number in range(count - by_api)),
                *(there(http, f"t{number}") for number in range(by_api)),
            )
        assert len(got) == len(set(got)) == count
        assert await reviewing.next("late") is None
        (line,) = await gateway.store.review_backlog(reviewing.now())
        assert (line.status, line.count) == ("claimed", count)


async def test_a_lease_ends_by_the_clock_and_who_is_late_may_hand_in_what_nobody_else_took(gateway):
    clock = ManualClock(time=SystemClock.time())
    async with gateway.running(workers=0) as (control, _):
        first, second = await exchanges(gateway, 2)
        reviewing = Reviewing(gateway.store, lambda: control.reloader.snapshot.review, clock)
        (late, lost), _ = await reviewing.add([Subject(first), Subject(second)], Order(Reason.DRIFT, "test"))
        for each in (late, lost):
            await reviewing.claim(each, "ann")
        clock.advance(599)
        assert await reviewing.next("bob") is None
        clock.advance(2)
        assert (await reviewing.claim(lost, "bob")).claimed_by == "bob"
        done = await reviewing.submit(late, "ann", None, {"labels": {"quality": "good"}})
        assert done.claimed_by is None
        with pytest.raises(Exception, match="Claim this item first"):
            await reviewing.submit(lost, "ann", None, {"labels": {"quality": "good"}})


async def test_of_two_who_decide_at_once_one_is_told_that_the_item_has_changed(gateway):
    async with gateway.running(workers=0) as (control, _):
        item = await needing(gateway, 2)
        await review(gateway, item, ANN, "good")
        await review(gateway, item, BOB, "bad")
        reviewing = Reviewing(gateway.store, lambda: control.reloader.snapshot.review, SystemClock())
        decisions = [
            reviewing.adjudicate(item["id"], who, None, {"labels": {"quality": quality}})
            for who, quality in (("eve", "good"), ("dan", "bad"))
        ]
        done = await asyncio.gather(*decisions, return_exceptions=True)
        (lost,) = [each for each in done if isinstance(each, RefusedError)]
        assert lost.code == "item_changed"
        (kept,) = [each for each in done if not isinstance(each, RefusedError)]
        assert (await gateway.store.item(item["id"])).labels == kept.labels
        assert len((await gateway.store.reviews_of([item["id"]]))[item["id"]]) == 3


async def test_labels_become_scores_of_the_exchange(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        item = await add(gateway, exchange_id)
        await review(gateway, item, ANN, "bad")
        _, page = await gateway.ask("GET", f"scores?exchange={exchange_id}&every=true")
        (score,) = page["scores"]
        assert (score["name"], score["value"], score["source_kind"], score["source_id"]) == (
            "quality",
            "bad",
            "human",
            "ann",
        )


async def test_no_more_wait_than_may_and_what_is_not_there_is_not_added(gateway):
    gateway.file.write_text(gateway.file.read_text() + "[review]\nmax_waiting = 2\n")
    async with gateway.running(workers=0):
        ids = await exchanges(gateway, 3)
        for each in ids[:2]:
            await add(gateway, each)
        refused = await post(gateway, "review/items", ANN, 409, exchange_id=ids[2], reason="reported")
        assert refused["error"]["code"] == "not_added"
        drawn = await post(gateway, "review/sample", route="chat", since=0, count=3)
        assert (drawn["added"], drawn["refused"]) == (0, 3)
        missing = "0190a0b0-0000-7000-8000-00000000002a"
        assert (await post(gateway, "review/items", ANN, 409, exchange_id=missing, reason="drift"))["error"][
            "code"
        ] == "not_added"
        for wrong in (
            {"exchange_id": "x"},
            {"exchange_id": ids[0], "reason": "whim"},
            {"exchange_id": ids[0], "priority": 10},
            {"exchange_id": ids[0], "reviews": 6},
            {"exchange_id": ids[0], "x": 1},
        ):
            await post(gateway, "review/items", ANN, 422, **({"reason": "drift"} | wrong))


async def test_many_people_at_once_leave_each_item_one_history(gateway):
    """Whatever they do in whatever order: each version of an item is made once, by somebody who might make it."""
    clock, random = ManualClock(time=SystemClock.time()), Random(7)
    gateway.file.write_text(gateway.file.read_text() + "[review]\noverlap = 0.7\n")
    async with gateway.running(workers=0) as (control, _):
        reviewing = Reviewing(gateway.store, lambda: control.reloader.snapshot.review, clock)
        ids = await exchanges(gateway, 30)
        items, _ = await reviewing.add([Subject(each) for each in ids], Order(Reason.RANDOM, "test"))
        made = []

        async def person(who):
            mine = None
            for _ in range(60):
                act = random.choice(("next", "claim", "renew", "submit", "skip", "adjudicate"))
                name = mine if mine and random.random() < 0.5 else random.choice(items)
                sent = {"labels": {"quality": random.choice(("good", "bad"))}}
                try:
                    if act == "next":
                        after = await reviewing.next(who)
                    elif act == "claim":
                        after = await reviewing.claim(name, who)
                    elif act == "renew":
                        after = await reviewing.renew(name, who, None)
                    elif act == "skip":
                        after = await reviewing.skip(name, who, None, {"reason": "no Greek"})
                    else:
                        after = await getattr(reviewing, act)(name, who, None, sent)
                except RefusedError:
                    continue
                if after is not None:
                    mine = after.id if after.claimed_by == who else mine
                    made.append((after.id, after.version, who, after.claimed_by))
                clock.advance(random.choice((0, 1, 200)))

        await asyncio.gather(*(person(f"p{number}") for number in range(12)))
        histories = {}
        for name, version, who, holder in made:
            assert version not in histories.setdefault(name, {}), "one version was made twice"
            histories[name][version] = (who, holder)
        for name, history in histories.items():
            assert sorted(history) == list(range(2, len(history) + 2))
            item = await gateway.store.item(name)
            assert item.version == len(history) + 1
            said = (await gateway.store.reviews_of([name])).get(name, [])
            given = [each for each in said if each.kind == "review"]
            assert len({each.reviewer for each in said}) == len(said)
            assert len(given) <= item.needed
            if item.state == "disputed":
                assert len({each.labels["quality"] for each in given}) > 1
        states = {(await gateway.store.item(each)).state for each in histories}
        assert states > {"done"}  # what was tried above came to something
