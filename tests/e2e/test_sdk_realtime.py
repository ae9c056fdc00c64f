"""Realtime with the official openai SDK and real processes: through the gateway as straight from the model, and recorded."""

import asyncio
import base64
import contextlib
import json
import sqlite3
import time
from contextlib import closing

import openai
import pytest
from tests.support.gateway import Starter, start_gateway
from tests.support.plane import KEY, KEY_HASH
from tests.support.sdk import BOUND_S, MODEL_KEY, ModelThread, Served, served
from tests.support.sdk import CONFIG as SERVED

pytest.importorskip("websockets", reason="the SDK's realtime client needs it: pip install -e '.[dev]'")
from websockets.asyncio.client import connect  # noqa: E402

assert served, start_gateway  # the fixtures
MODEL = "gpt-realtime"

GUARDRAILS = """
[guardrails]
baseline = ["pii", "names"]
[guardrails.names]
use = "denylist"
words = ["codename x"]
action = "block"
"""

JUDGES = """
[guardrails]
baseline = ["short", "system_leak"]
[guardrails.short]
use = "length"
max_characters = 20
stages = ["reply"]
action = "block"
"""
INSTRUCTIONS = "You are the guide of a small museum by a river; tell visitors where it is, and no more than that."


def spoken(text: str) -> dict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def conversation(client: openai.AsyncOpenAI, *texts: str) -> list[dict]:
    """Everything the model says to a few questions, in order."""
    events = []
    async with client.realtime.connect(model=MODEL) as connection:
        for text in texts:
            await connection.conversation.item.create(item=spoken(text))
            await connection.response.create()
            async for event in connection:
                events.append(event.model_dump(mode="json"))
                if event.type == "response.done":
                    break
    return events


def rows(served_or_gateway, wanted: int) -> list[dict]:
    """All realtime exchanges in the store, once there are so many."""
    store_path = served_or_gateway.store
    until = time.monotonic() + BOUND_S
    while True:
        with closing(sqlite3.connect(f"file:{store_path}?mode=ro", uri=True)) as store:
            store.row_factory = sqlite3.Row
            found = store.execute("SELECT * FROM exchange WHERE operation = 'realtime' ORDER BY seq").fetchall()
        if len(found) >= wanted:
            return [dict(row) for row in found]
        assert time.monotonic() < until, f"{len(found)} sessions are in the store"
        time.sleep(0.02)


async def test_a_session_is_the_same_through_the_gateway_and_is_one_exchange(served: Served):
    async with served.async_openai(straight=True) as straight, served.async_openai() as through:
        expected = await conversation(straight, "Where is the river?", "And the sea?")
        got = await conversation(through, "Where is the river?", "And the sea?")
    assert got == expected
    assert [event["type"] for event in got].count("response.done") == 2
    used = [event["response"]["usage"] for event in got if event["type"] == "response.done"]
    (row,) = await asyncio.to_thread(rows, served.gateway, 1)
    assert (row["status"], row["end"], row["method"], row["path"]) == (101, "completed", "GET", "/v1/realtime")
    assert (row["route"], row["request_model"], row["response_model"]) == ("*", MODEL, MODEL)
    assert row["input_tokens"] == sum(each["input_tokens"] for each in used)
    assert row["output_tokens"] == sum(each["output_tokens"] for each in used)
    assert (row["finish_reason"], row["usage_estimated"], row["stream"]) == ("completed", 0, 1)
    assert row["request_bytes"] > 100
    assert row["reply_bytes"] > 1_000


async def test_what_a_browser_sends_works_and_the_key_is_nowhere(served: Served):
    url = f"{served.gateway.base_url.replace('http', 'ws')}/v1/realtime?model={MODEL}"
    protocols = ["realtime", f"openai-insecure-api-key.{KEY}"]
    async with connect(url, subprotocols=protocols, origin="https://app.example") as line:  # offers compression, too
        assert line.subprotocol == "realtime"
        assert line.protocol.extensions == []
        assert json.loads(await line.recv())["type"] == "session.created"
        await (await line.ping())
    await asyncio.to_thread(rows, served.gateway, 1)
    for path in served.gateway.data.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


async def test_the_sdk_raises_what_it_would_without_a_gateway(served: Served):
    from websockets.exceptions import InvalidStatus

    for options in ({"api_key": "lgw_wrong"},):
        client = served.async_openai().with_options(**options)
        with pytest.raises(InvalidStatus) as refusal:
            async with client.realtime.connect(model=MODEL):
                pass
        assert refusal.value.response.status_code == 401
        assert json.loads(refusal.value.response.body)["error"]["code"] == "invalid_api_key"


async def test_large_messages_go_through_whole(served: Served):
    audio = base64.b64encode(bytes(3_000_000)).decode()
    async with served.async_openai().realtime.connect(model=MODEL) as connection:
        await connection.send({"type": "input_audio_buffer.append", "audio": audio})  # which the model does not know
        kinds = []
        async for event in connection:
            kinds.append(event.type)
            if len(kinds) == 2:
                break
    assert kinds == ["session.created", "error"]


async def test_the_sdk_copes_with_what_guardrails_do(start_gateway: Starter):
    """Redacted, blocked and answered in one session: the SDK gives `error` events out like any others."""
    with ModelThread() as url:
        config = SERVED.replace("{models}", url).replace("{model_key}", MODEL_KEY).replace("{hash}", KEY_HASH)
        config += GUARDRAILS
        gateway = await asyncio.to_thread(start_gateway, config)
        client = openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=KEY, max_retries=0)
        async with client.realtime.connect(model=MODEL) as connection:
            await connection.send(
                {"type": "conversation.item.create", "item": spoken("codename X"), "event_id": "mine"}
            )
            await connection.conversation.item.create(item=spoken("Write to ada.lovelace@example.com about the river"))
            await connection.response.create()
            events = []
            async for event in connection:
                events.append(event)
                if event.type == "response.done":
                    break
        (told,) = [event for event in events if event.type == "error"]
        assert (told.error.code, told.error.event_id) == ("guardrail_blocked", "mine")
        (added,) = [event for event in events if event.type == "conversation.item.added"]
        assert added.item.content[0].text == "Write to [EMAIL] about the river"
        assert events[-1].response.status == "completed"
        streamed = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert streamed == events[-1].response.output[0].content[0].text
        (row,) = await asyncio.to_thread(rows, gateway, 1)
        assert row["end"] == "completed"
        with closing(sqlite3.connect(f"file:{gateway.store}?mode=ro", uri=True)) as store:
            found = store.execute("SELECT guardrail, stage, action, count FROM verdict ORDER BY guardrail").fetchall()
        assert found == [("names", "request", "block", 1), ("pii", "request", "redact", 1)]
        counted = 'llmgateway_guardrail_verdicts_total{action="block",guardrail="names"'
        assert "lovelace" not in await asyncio.to_thread(_until_metric, gateway, counted)
        await asyncio.to_thread(gateway.stop)
        for path in gateway.data.rglob("*"):
            assert not path.is_file() or b"ada.lovelace" not in path.read_bytes(), path


@pytest.mark.slow
async def test_the_sdk_copes_with_what_judges_of_replies_do(start_gateway: Starter):
    """A response that waits and is refused, and one that goes on: its `response.created` comes at once."""
    with ModelThread() as url:
        config = SERVED.replace("{models}", url).replace("{model_key}", MODEL_KEY).replace("{hash}", KEY_HASH)
        config += JUDGES
        gateway = await asyncio.to_thread(start_gateway, config)
        client = openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=KEY, max_retries=0)
        async with client.realtime.connect(model=MODEL) as connection:
            await connection.session.update(session={"type": "realtime", "instructions": INSTRUCTIONS})
            heard = []
            for limit in (200, 1):
                await connection.conversation.item.create(item=spoken("Where is the river?"))
                await connection.response.create(response={"max_output_tokens": limit})
                heard.append([event async for event in _until_done(connection)])
        refused, passed = heard
        (told,) = [event for event in refused if event.type == "error"]
        assert told.error.code == "guardrail_blocked"
        assert refused[-1].response.status_details.reason == "content_filter"
        assert not [event for event in refused if event.type == "response.output_text.delta"]
        streamed = "".join(event.delta for event in passed if event.type == "response.output_text.delta")
        assert streamed == passed[-1].response.output[0].content[0].text
        assert [event.type for event in passed].index("response.created") >= 0
        (row,) = await asyncio.to_thread(rows, gateway, 1)
        assert row["end"] == "completed"
        await asyncio.to_thread(gateway.stop)


async def _until_done(connection):
    async for event in connection:
        yield event
        if event.type == "response.done":
            return


@pytest.mark.slow
async def test_a_killed_worker_leaves_an_interrupted_session(start_gateway: Starter):
    with ModelThread() as url:
        config = SERVED.replace("{models}", url).replace("{model_key}", MODEL_KEY).replace("{hash}", KEY_HASH)
        gateway = await asyncio.to_thread(start_gateway, config)
        client = openai.AsyncOpenAI(base_url=f"{gateway.base_url}/v1", api_key=KEY, max_retries=0)
        async with client.realtime.connect(model=MODEL) as connection:
            assert (await connection.recv()).type == "session.created"
            gateway.kill()
            with pytest.raises(Exception, match="close"):
                await connection.recv()
        await asyncio.to_thread(gateway.start)
        (row,) = await asyncio.to_thread(rows, gateway, 1)
        assert (row["end"], row["status"], row["route"]) == ("interrupted", None, "*")
        await asyncio.to_thread(gateway.stop)


@pytest.mark.slow
async def test_a_stop_closes_sessions_in_good_order_and_the_metrics_tell_of_them(start_gateway: Starter):
    from websockets.exceptions import ConnectionClosedOK

    with ModelThread() as url:
        config = SERVED.replace("{models}", url).replace("{model_key}", MODEL_KEY).replace("{hash}", KEY_HASH)
        config = config.replace("[admin]", '[server.timeouts]\ndrain = "300ms"\n[admin]')
        gateway = await asyncio.to_thread(start_gateway, config)
        address = f"{gateway.base_url.replace('http', 'ws')}/v1/realtime?model={MODEL}"
        async with connect(address, additional_headers={"authorization": f"Bearer {KEY}"}) as line:
            assert json.loads(await line.recv())["type"] == "session.created"
            await asyncio.to_thread(_until_metric, gateway, 'llmgateway_open_tunnels{route="*"} 1')
            stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
            assert json.loads(await line.recv())["error"]["code"] == "draining"
            with pytest.raises(ConnectionClosedOK) as closed:
                await line.recv()
            assert closed.value.rcvd.code == 1001
        assert await stopping == 0
        (row,) = await asyncio.to_thread(rows, gateway, 1)
        assert (row["end"], row["error_code"], row["status"]) == ("completed", "draining", 101)


def _until_metric(gateway, wanted: str) -> str:
    """All metrics, once one of them is there."""
    import urllib.error
    import urllib.request

    until = time.monotonic() + BOUND_S
    while True:
        # 503 while control has no ledger yet; and asked again as any scraper would
        with (
            contextlib.suppress(urllib.error.HTTPError),
            urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=5) as reply,
        ):
            if wanted in (metrics := reply.read().decode()):
                return metrics
        assert time.monotonic() < until, wanted
        time.sleep(0.2)
