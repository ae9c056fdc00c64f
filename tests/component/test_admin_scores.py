"""Scores over the admin API: given at once, read by filters and pages, shown with their exchange; tokens for browsers."""

import pytest
from tests.support.admin import CONFIG, TOKEN_SECRET
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import score

from llmgateway.auth.browser import signing_key, verify
from llmgateway.config.snapshot import Scores, Secret
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.score import MAX_COMMENT

SCORE = {"name": "relevance", "value": 0.5, "source_kind": "judge", "source_id": "rubric-3"}


async def exchanges(gateway, count=1):
    make = ExchangeFactory(start=SystemClock.time())
    entries = make.entries(count, route="chat")
    await gateway.store.append(entries, [], [], None)
    return [entry.row["id"] for entry in entries]


async def give(gateway, exchange_id, **changes):
    code, answer = await gateway.ask("POST", "scores", json={**SCORE, "exchange_id": exchange_id, **changes})
    assert code == 200, answer
    return answer["score"]


async def test_a_score_is_there_at_once_and_with_its_exchange(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        first = await give(gateway, exchange_id.upper(), run="nightly-7", comment="half right")
        assert first == {
            "id": first["id"], "at": first["at"], "exchange_id": exchange_id, "reference": None, "route": "chat",
            "version": "v1", "name": "relevance", "data_type": "number", "value": 0.5, "source_kind": "judge",
            "source_id": "rubric-3", "run": "nightly-7", "comment": "half right", "state": "valid", "reason": None,
            "current": True,
        }  # fmt: skip
        second = await give(gateway, exchange_id, value=0.75)
        _, one = await gateway.ask("GET", f"exchanges/{exchange_id}")
        assert [(each["id"], each["current"]) for each in one["scores"]] == [
            (first["id"], False),
            (second["id"], True),
        ]


async def test_the_same_idempotency_key_gives_the_same_score(gateway):
    async with gateway.running(workers=0):
        one, other = await exchanges(gateway, 2)
        first = await give(gateway, one, idempotency_key="run-7")
        assert await give(gateway, one, idempotency_key="run-7", value=0.9) == first
        assert (await give(gateway, other, idempotency_key="run-7"))["id"] != first["id"]
        assert (await give(gateway, one, idempotency_key="run-7", source_kind="code"))["id"] != first["id"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"exchange_id": None}, "exchange_id"),
        ({"exchange_id": "17"}, "exchange_id"),
        ({"source_kind": "user"}, "source_kind"),
        ({"source_kind": None}, "source_kind"),
        ({"source_kind": ["human"]}, "source_kind"),
        ({"source_id": None}, "source_id"),
        ({"source_id": "x" * 129}, "source_id"),
        ({"run": 7}, "run"),
        ({"value": [1]}, "value"),
        ({"name": ""}, "name"),
        ({"comment": "x" * (MAX_COMMENT + 1)}, "comment"),
        ({"reference": "order-17"}, None),
    ],
)
async def test_what_is_no_score_is_refused_with_its_field(gateway, changes, field):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        sent = {**SCORE, "exchange_id": exchange_id, **changes}
        code, answer = await gateway.ask("POST", "scores", json=sent)
        assert (code, answer["error"]["code"], answer["error"]["field"]) == (422, "invalid_body", field)
        assert (await gateway.ask("GET", "scores?every=true"))[1]["scores"] == []


async def test_an_exchange_that_is_not_there_cannot_be_scored(gateway):
    async with gateway.running(workers=0):
        sent = {**SCORE, "exchange_id": "0190a0b0-0000-7000-8000-00000000002a"}
        code, answer = await gateway.ask("POST", "scores", json=sent)
        assert (code, answer["error"]["code"]) == (404, "exchange_not_found")


async def test_scores_come_in_pages_by_filters(gateway):
    async with gateway.running(workers=0):
        ids = await exchanges(gateway, 3)
        given = [await give(gateway, each, name=name) for each in ids for name in ("relevance", "safe")]
        make = ExchangeFactory(start=SystemClock.time())
        await gateway.store.append([], [], [], None, [score(make, make.mint())])
        seen, following = [], ""
        while True:
            _, page = await gateway.ask("GET", f"scores?limit=4{following}")
            seen += page["scores"]
            if page["next"] is None:
                break
            following = f"&before={page['next']}"
        assert [each["id"] for each in seen] == [each["id"] for each in reversed(given)]
        for query, count in {
            f"exchange={ids[0].upper()}": 2,
            "name=safe": 3,
            "source=judge&source_id=rubric-3": 6,
            "source=user": 0,
            "source=user&every=true": 1,
            "route=chat&version=v1": 6,
            "route=chat&version=v2": 0,
            "since=2100-01-01T00:00:00Z": 0,
            f"since={given[2]['at']}": 4,
        }.items():
            code, page = await gateway.ask("GET", f"scores?{query}")
            assert (code, len(page["scores"])) == (200, count), query
        for query in ("source=friend", "limit=0", "limit=1001", "before=x", "every=perhaps", "nothing=1"):
            assert (await gateway.ask("GET", f"scores?{query}"))[0] == 422, query


async def test_a_summary_has_shares_means_and_how_sure_one_may_be(gateway):
    async with gateway.running(workers=0):
        ids = await exchanges(gateway, 4)
        for number, each in enumerate(ids):
            await give(gateway, each, value=float(number))
            await give(gateway, each, name="safe", value=number > 0)
            await give(gateway, each, name="language", value="ja" if number else "en")
            await give(gateway, each, name="why", value="because", data_type="text")
        _, answer = await gateway.ask("GET", "scores/summary?route=chat&source=judge")
        lines = [(each["name"], each["category"], each["count"], each["of"]) for each in answer["summary"]]
        assert lines == [
            ("language", "ja", 3, 4), ("language", "en", 1, 4), ("relevance", None, 4, 4), ("safe", None, 4, 4),
            ("why", None, 4, 4),
        ]  # fmt: skip
        figures = [each["figure"] for each in answer["summary"]]
        assert figures == [0.75, 0.25, 1.5, 0.75, None]
        safe = answer["summary"][3]
        assert safe["interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
        assert answer["summary"][0]["interval"] == safe["interval"]
        assert answer["summary"][4]["interval"] is None
        assert (await gateway.ask("GET", "scores/summary?name=nothing"))[1] == {"summary": []}


async def test_a_token_is_made_for_one_exchange_and_some_time(gateway):
    exchange_id = "0190a0b0-0000-7000-8000-00000000002a"  # it may still run: nobody looks for it
    key = signing_key(Scores(), TOKEN_SECRET)
    async with gateway.running(workers=0):
        now = SystemClock.time()
        for body, lifetime in ((None, 86_400), ({"expires_in": 600}, 600), ({}, 86_400)):
            code, answer = await gateway.ask("POST", f"exchanges/{exchange_id.upper()}/feedback-token", json=body)
            assert (code, answer["exchange_id"]) == (200, exchange_id)
            assert answer["expires_at"] == pytest.approx(now + lifetime, abs=20)
            assert verify(key, answer["token"].encode(), now) == exchange_id
        for body in ({"expires_in": 0}, {"expires_in": 1e9}, {"expires_in": True}, {"expires_in": "1h"}, {"more": 1}):
            code, answer = await gateway.ask("POST", f"exchanges/{exchange_id}/feedback-token", json=body)
            assert (code, answer["error"]["code"]) == (422, "invalid_body")
        assert (await gateway.ask("POST", "exchanges/17/feedback-token"))[0] == 404


async def test_a_secret_of_the_configuration_signs_from_the_next_reload_on(gateway):
    secret = "a configured secret of some length"
    gateway.environ["FEEDBACK"] = secret
    exchange_id = "0190a0b0-0000-7000-8000-00000000002a"
    async with gateway.running() as (control, _):
        gateway.file.write_text(CONFIG + '[scores]\ntoken_secret = "env:FEEDBACK"\n')
        assert (await control.reload())[0]
        _, answer = await gateway.ask("POST", f"exchanges/{exchange_id}/feedback-token")
        key = signing_key(Scores(token_secret=Secret(secret)), b"")
        assert verify(key, answer["token"].encode(), 0.0) == exchange_id
        _, view = await gateway.ask("GET", "config?format=json")
        assert secret not in str(view)
        assert view["config"]["scores"] == {"token_secret": "env:FEEDBACK"}


async def test_a_store_that_is_away_takes_no_score_and_says_so(gateway):
    async with gateway.running(workers=0):
        (exchange_id,) = await exchanges(gateway)
        hidden = gateway.store.path.with_suffix(".away")
        gateway.store.path.rename(hidden)
        code, answer = await gateway.ask("POST", "scores", json={**SCORE, "exchange_id": exchange_id})
        assert (code, answer["error"]["code"]) == (503, "store_unavailable")
        hidden.rename(gateway.store.path)
        assert (await give(gateway, exchange_id))["state"] == "valid"
