"""What users say of answers, over real sockets: what is taken, what is refused, and what of it reaches the journal."""

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from tests.support.plane import CONFIG, KEY, TOKEN_SECRET, Plane, plane
from tests.support.rows import NOBODY

from llmgateway.auth.browser import issue, signing_key
from llmgateway.config.snapshot import Cors, Scores, Secret
from llmgateway.dataplane.feedback import TOKEN_BURST
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.score import MAX_COMMENT, MAX_TEXT

EXCHANGE = "0190a0b0-0000-7000-8000-00000000002a"
OTHER = "0190a0b0-0000-7000-8000-00000000002b"
THUMB = {"exchange_id": EXCHANGE, "name": "helpful", "value": True}
FULL = CONFIG.replace("[backends.one]", '[journal]\nbodies = "full"\n[backends.one]', 1)
SIGNED = signing_key(Scores(), TOKEN_SECRET)
FAR = 4e9


def said(running: Plane) -> dict[str, Any]:
    """The one record in the journal."""
    (record,) = running.records()
    return dict(record.meta)


def with_key(name: str, more: str = "") -> str:
    """The configuration with another key, lgw_NAME."""
    return f'{CONFIG}[keys.{name}]\nhash = "sha256:{sha256(f"lgw_{name}".encode()).hexdigest()}"\n{more}'


def configure(running: Plane, **settings: Any) -> None:
    """Put other settings of [scores] in force, and CORS if `origins` are given."""
    before = running.worker.gateway.in_force.snapshot
    server = replace(before.server, cors=Cors(origins=settings.pop("origins", ())))
    snapshot = replace(before, generation=2, server=server, scores=Scores(**settings))
    running.worker.put_in_force(snapshot)


async def test_a_thumb_is_accepted_at_once_and_written_down(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        answer = await running.post("/v1/feedback", THUMB)
        assert answer.status == 202
        assert answer.json() == {"id": answer.json()["id"], "status": "accepted"}
        meta = said(running)
    assert meta.pop("at") > 1_600_000_000
    assert meta == {
        "k": "scored", "id": answer.json()["id"], "generation": 1, "exchange_id": EXCHANGE, "reference": None,
        "key": "app", "name": "helpful", "data_type": "bool", "value": True, "source_kind": "user", "source_id": "app",
        "comment": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "more", "data_type"),
    [
        (False, {}, "bool"),
        (4, {}, "number"),
        (0.25, {}, "number"),
        ("wrong language", {}, "category"),
        ("役に立った", {}, "category"),
        ("It told me\nof a parcel.", {"data_type": "text"}, "text"),
    ],
)
async def test_every_kind_of_value_is_taken(tmp_path, value, more, data_type):
    async with plane(tmp_path, NOBODY, config=FULL) as running:
        answer = await running.post("/v1/feedback", {**THUMB, "value": value, **more, "comment": "because"})
        assert answer.status == 202
        meta = said(running)
    assert (meta["data_type"], meta["value"], meta["comment"]) == (data_type, value, "because")


async def test_the_callers_own_reference_names_an_exchange(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        answer = await running.post("/v1/feedback", {"reference": "order-17", "name": "helpful", "value": False})
        assert answer.status == 202
        meta = said(running)
    assert (meta["exchange_id"], meta["reference"], meta["key"]) == (None, "order-17", "app")


async def test_an_application_may_say_which_of_its_users_speaks(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        for source_id in ("user-7", "alice.liddell@gmail.com", "alice.pleasance@gmail.com"):
            assert (await running.post("/v1/feedback", {**THUMB, "source_id": source_id})).status == 202
        known, *masked = (record.meta["source_id"] for record in running.records())
        assert known == "user-7"
        assert len(set(masked)) == 2
        assert not any("gmail" in source_id or "alice" in source_id for source_id in masked)
        assert {record.meta["key"] for record in running.records()} == {"app"}
        token = {"authorization": f"Bearer {issue(SIGNED, EXCHANGE, FAR)}"}
        refused = await running.post("/v1/feedback", {**THUMB, "source_id": "user-7"}, token)
        assert (refused.status, refused.json()["error"]["param"]) == (400, "source_id")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "has blanks"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"value": None}, "value"),
        ({"value": {"thumb": True}}, "value"),
        ({"value": ["up"]}, "value"),
        ({"value": ""}, "value"),
        ({"value": "x" * 65}, "value"),
        ({"value": "two\nlines"}, "value"),
        ({"value": 1e300}, "value"),
        ({"value": 1, "data_type": "bool"}, "value"),
        ({"value": True, "data_type": "number"}, "value"),
        ({"value": "4", "data_type": "number"}, "value"),
        ({"value": 4, "data_type": "category"}, "value"),
        ({"value": "x" * (MAX_TEXT + 1), "data_type": "text"}, "value"),
        ({"data_type": "thumb"}, "data_type"),
        ({"data_type": ["bool"]}, "data_type"),
        ({"comment": 7}, "comment"),
        ({"comment": ""}, "comment"),
        ({"comment": "x" * (MAX_COMMENT + 1)}, "comment"),
        ({"idempotency_key": "x" * 129}, "idempotency_key"),
        ({"idempotency_key": "ü"}, "idempotency_key"),
        ({"exchange_id": "17"}, "exchange_id"),
        ({"exchange_id": 17}, "exchange_id"),
        ({"exchange_id": None}, "exchange_id"),
        ({"reference": "order-17"}, "exchange_id"),
        ({"exchange_id": None, "reference": " "}, "reference"),
        ({"source_id": "two\nlines"}, "source_id"),
        ({"source": "judge"}, None),
    ],
)
async def test_what_is_no_score_is_refused_with_its_field_and_not_written_down(tmp_path, changes, field):
    async with plane(tmp_path, NOBODY) as running:
        answer = await running.post("/v1/feedback", {**THUMB, **changes})
        error = answer.json()["error"]
        assert (answer.status, error["code"], error["param"]) == (400, "invalid_value", field)
        assert "x" * 20 not in error["message"]
        assert running.records() == []
        assert running.worker.gateway.gauges.refused["invalid_value"] == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "invalid_json"),
        (b"[]", {}, 400, "invalid_json"),
        (b'{"name":', {}, 400, "invalid_json"),
        (b'{"name":"a","name":"b"}', {}, 400, "duplicate_key"),
        (json.dumps({**THUMB, "pad": "x" * 16_400}).encode(), {}, 413, "payload_too_large"),
        (b"name=helpful", {"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (json.dumps(THUMB).encode(), {"authorization": "Bearer lgw_wrong"}, 401, "invalid_api_key"),
        (json.dumps(THUMB).encode(), {"authorization": ""}, 401, "invalid_api_key"),
        (json.dumps(THUMB).encode(), {"authorization": "Bearer lgwf_wrong"}, 401, "invalid_api_key"),
    ],
)
async def test_what_is_no_request_of_ours_is_refused(tmp_path, body, headers, status, code):
    async with plane(tmp_path, NOBODY) as running:
        answer = await running.ask("POST", "/v1/feedback", body, headers)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        assert running.records() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_feedback_can_only_be_given(tmp_path, method):
    async with plane(tmp_path, NOBODY) as running:
        answer = await running.ask(method, "/v1/feedback")
        assert (answer.status, answer.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_a_key_limited_to_other_operations_may_give_none(tmp_path):
    limited = with_key("chat", 'operations = ["chat.*"]\n')
    allowed = limited.replace('["chat.*"]', '["chat.*", "feedback"]')
    for config, status in ((limited, 403), (allowed, 202)):
        folder = tmp_path / str(status)
        async with plane(folder, NOBODY, config=config) as running:
            answer = await running.post("/v1/feedback", THUMB, {"authorization": "Bearer lgw_chat"})
            assert answer.status == status


async def test_the_same_idempotency_key_gets_the_same_id_and_only_that_of_the_same_key(tmp_path):
    other = with_key("other")
    async with plane(tmp_path, NOBODY, config=other) as running:
        thumb = {**THUMB, "idempotency_key": "click-1"}
        ids = [(await running.post("/v1/feedback", thumb)).json()["id"] for _ in range(2)]
        theirs = await running.post("/v1/feedback", thumb, {"authorization": "Bearer lgw_other"})
        another = await running.post("/v1/feedback", {**thumb, "idempotency_key": "click-2"})
        assert [record.meta["id"] for record in running.records()][:2] == ids
    assert ids[0] == ids[1]
    assert len({ids[0], theirs.json()["id"], another.json()["id"]}) == 3


async def test_personal_data_in_words_is_masked_before_it_reaches_the_disk(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        comment = "write to alice.liddell@gmail.com, my key is AKIAIOSFODNN7EXAMPLQ"
        text = {**THUMB, "value": "alice.liddell@gmail.com", "data_type": "text", "comment": comment}
        assert (await running.post("/v1/feedback", text)).status == 202
        category = {"reference": "alice.liddell@gmail.com", "name": "who", "value": "alice.liddell@gmail.com"}
        assert (await running.post("/v1/feedback", category)).status == 202
        assert len(running.records()) == 2
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.seg"))
    assert b"liddell" not in kept
    assert b"AKIAIOSFODNN7" not in kept
    assert b"write to " in kept


async def test_a_guardrail_that_fails_leaves_nothing_of_the_words(tmp_path, caplog):
    class Broken:
        def is_clean(self, text: str) -> bool:
            raise RuntimeError

        masked_text = is_clean

    async with plane(tmp_path, NOBODY) as running:
        gateway = running.worker.gateway
        gateway.in_force = replace(gateway.in_force, guards=replace(gateway.in_force.guards, strictest=Broken()))
        text = {**THUMB, "value": "a secret", "data_type": "text", "comment": "another"}
        assert (await running.post("/v1/feedback", text)).status == 202
        named = {"reference": "order-17", "name": "helpful", "value": True, "comment": "third", "source_id": "u-7"}
        assert (await running.post("/v1/feedback", named)).status == 202
        words, thumb = (record.meta for record in running.records())
    assert (words["value"], words["comment"]) == ("[not stored: a guardrail failed]", None)
    assert (thumb["value"], thumb["data_type"], thumb["comment"]) == (True, "bool", None)
    assert (thumb["reference"], thumb["source_id"]) == ("[not stored: a guardrail failed]", "app")
    assert "could not be redacted" in caplog.text


async def test_a_full_journal_takes_no_feedback_even_where_exchanges_go_unlogged(tmp_path):
    class Full:
        is_full = True

        def append(self, buffers: list[bytes], *, may_use_reserve: bool) -> None:
            assert not may_use_reserve
            raise GatewayError("log_store_full")

    config = CONFIG.replace("[backends.one]", "[journal]\nserve_unlogged = true\n[backends.one]", 1)
    async with plane(tmp_path, NOBODY, config=config, journal=Full()) as running:
        answer = await running.post("/v1/feedback", THUMB)
        assert (answer.status, answer.json()["error"]["code"]) == (503, "log_store_full")
        assert answer.headers["retry-after"] == "1"


async def test_nobody_is_told_before_the_record_is_durable(tmp_path):
    durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    appended = asyncio.Event()

    class Slow:
        is_full = False

        def append(self, buffers: list[bytes], *, may_use_reserve: bool) -> Any:
            appended.set()
            return durable

    async with plane(tmp_path, NOBODY, journal=Slow()) as running:
        asking = asyncio.ensure_future(running.post("/v1/feedback", THUMB))
        await appended.wait()
        for _ in range(3):  # time enough for an answer
            assert (await running.ask("GET", "/livez")).status == 200
        assert not asking.done()
        durable.set_result(None)
        assert (await asking).status == 202


async def test_a_key_may_not_say_more_than_its_rate_allows(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        configure(running, rate=0.01, burst=3)
        answers = [await running.post("/v1/feedback", THUMB) for _ in range(4)]
        assert [answer.status for answer in answers] == [202, 202, 202, 429]
        assert answers[3].json()["error"]["code"] == "rate_limited"
        assert 1 <= int(answers[3].headers["retry-after"]) <= 60
        token = {"authorization": f"Bearer {issue(SIGNED, EXCHANGE, FAR)}"}
        assert (await running.post("/v1/feedback", THUMB, token)).status == 202
        assert len(running.records()) == 4


async def test_a_browser_scores_the_one_exchange_of_its_token(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        configure(running, origins=("https://app.example",))
        sent = {"authorization": f"Bearer {issue(SIGNED, EXCHANGE, FAR)}", "origin": "https://app.example"}
        asked = await running.ask("OPTIONS", "/v1/feedback", headers={"origin": "https://app.example"})
        assert asked.status == 204
        assert "authorization" in asked.headers["access-control-allow-headers"]
        answer = await running.post("/v1/feedback", {"name": "helpful", "value": True}, sent)
        assert answer.status == 202
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        meta = said(running)
        assert (meta["exchange_id"], meta["key"], meta["source_id"]) == (EXCHANGE, None, "browser")
        assert (await running.post("/v1/feedback", THUMB, sent)).status == 202
        refused = await running.post("/v1/feedback", {**THUMB, "exchange_id": OTHER}, sent)
        assert (refused.status, refused.json()["error"]["param"]) == (400, "exchange_id")
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        refused = await running.post("/v1/feedback", {"reference": "r", "name": "a", "value": 1}, sent)
        assert (refused.status, refused.json()["error"]["param"]) == (400, "reference")


async def test_a_token_opens_nothing_else_and_expires(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        token = issue(SIGNED, EXCHANGE, FAR)
        for path in ("/v1/models", "/v1/files"):
            assert (await running.ask("GET", path, headers={"authorization": f"Bearer {token}"})).status == 401
        for bad in (issue(SIGNED, EXCHANGE, 1e9), issue(b"k" * 32, EXCHANGE, FAR), token[:-2], token + "AAAA"):
            answer = await running.post("/v1/feedback", THUMB, {"authorization": f"Bearer {bad}"})
            assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        both = {"authorization": f"Bearer {token}", "x-api-key": KEY}
        answer = await running.post("/v1/feedback", THUMB, both)
        assert answer.json()["error"]["code"] == "conflicting_credentials"


async def test_a_configured_secret_takes_the_place_of_the_folders(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        secret = Secret("a configured secret of some length")
        configure(running, token_secret=secret)
        old, new = issue(SIGNED, EXCHANGE, FAR), issue(signing_key(Scores(token_secret=secret), b""), EXCHANGE, FAR)
        statuses = [
            (await running.post("/v1/feedback", THUMB, {"authorization": f"Bearer {token}"})).status
            for token in (old, new)
        ]
        assert statuses == [401, 202]


async def test_without_keys_everybody_near_may_score_and_a_foreign_page_may_not(tmp_path):
    keyless = CONFIG.partition("[keys.app]")[0]
    async with plane(tmp_path, NOBODY, config=keyless) as running:
        here = {"authorization": "", "host": "127.0.0.1"}
        assert (await running.post("/v1/feedback", THUMB, here)).status == 202
        assert said(running)["key"] == "anonymous"
        page = {**here, "origin": "https://evil.example"}
        assert (await running.post("/v1/feedback", THUMB, page)).status == 401


async def test_a_token_may_not_say_more_than_its_rate_allows(tmp_path):
    async with plane(tmp_path, NOBODY) as running:
        sent = {"authorization": f"Bearer {issue(SIGNED, EXCHANGE, FAR)}"}
        statuses = [(await running.post("/v1/feedback", THUMB, sent)).status for _ in range(TOKEN_BURST + 5)]
        assert statuses[:TOKEN_BURST] == [202] * TOKEN_BURST
        assert statuses[-1] == 429
        other = {"authorization": f"Bearer {issue(SIGNED, OTHER, FAR)}"}
        assert (await running.post("/v1/feedback", {**THUMB, "exchange_id": OTHER}, other)).status == 202


async def test_under_overload_feedback_is_shed_by_the_keys_priority(tmp_path):
    async with plane(tmp_path, NOBODY, config=with_key("low", 'priority = "low"\n')) as running:
        running.worker.gateway.overload.shed = 1
        answer = await running.post("/v1/feedback", THUMB, {"authorization": "Bearer lgw_low"})
        assert (answer.status, answer.json()["error"]["code"]) == (503, "overloaded")
        assert (await running.post("/v1/feedback", THUMB)).status == 202


async def test_a_defect_of_ours_is_told_as_one(tmp_path, caplog):
    class Broken:
        is_full = False

        def append(self, buffers: list[bytes], *, may_use_reserve: bool) -> None:
            raise RuntimeError("defect")

    async with plane(tmp_path, NOBODY, journal=Broken()) as running:
        answer = await running.post("/v1/feedback", THUMB)
        assert (answer.status, answer.json()["error"]["code"]) == (500, "internal_error")
        assert running.worker.gateway.gauges.refused["internal_error"] == 1
    assert "could not be answered" in caplog.text


async def test_ten_thousand_are_taken_over_a_few_connections(tmp_path):
    count, callers = 10_000, 8
    async with plane(tmp_path, NOBODY) as running:
        configure(running, rate=1_000_000, burst=1_000_000)
        body = json.dumps({**THUMB, "comment": "thank you"}).encode()

        async def many() -> list[int]:
            caller = await running.connect()
            statuses = []
            for _ in range(count // callers):
                caller.send("POST", "/v1/feedback", body)
                statuses.append((await caller.receive()).status)
                caller.wire.start_next_cycle()
            return statuses

        found = await asyncio.gather(*(many() for _ in range(callers)))
        assert [status for each in found for status in each] == [202] * count
        ids = {record.meta["id"] for record in running.of_kind("scored")}
        assert len(ids) == count
