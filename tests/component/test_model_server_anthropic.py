"""The official anthropic client against the model server."""

from collections.abc import AsyncIterator

import anthropic
import pytest

from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings

MODEL = "claude-sonnet-5"
ASK = [{"role": "user", "content": "Where does the river go?"}]
WEATHER = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture
async def client() -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with (
        ModelServer(Settings()) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key="none", max_retries=0, timeout=10) as made,
    ):
        yield made


async def test_a_stream_adds_up_to_the_whole_message(client):
    whole = await client.messages.create(model=MODEL, max_tokens=500, messages=ASK, system="Be brief.")
    async with client.messages.stream(model=MODEL, max_tokens=500, messages=ASK, system="Be brief.") as stream:
        final = await stream.get_final_message()
    assert whole.content[0].text == final.content[0].text
    assert whole.stop_reason == final.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert whole._request_id


async def test_every_kind_of_event_comes_in_order(client):
    stream = await client.messages.create(
        model=MODEL, max_tokens=500, messages=ASK, stream=True, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    kinds = [event.type async for event in stream]
    squeezed = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert [kind for kind in squeezed if kind != "ping"] == [
        "message_start",
        *block,
        *block,
        "message_delta",
        "message_stop",
    ]


async def test_tools_are_called_streamed_and_their_results_answered(client):
    ask = [{"role": "user", "content": "How is the weather?"}]
    called = await client.messages.create(model=MODEL, max_tokens=500, messages=ask, tools=[WEATHER])
    assert (called.stop_reason, called.content[0].name) == ("tool_use", "get_weather")
    async with client.messages.stream(model=MODEL, max_tokens=500, messages=ask, tools=[WEATHER]) as stream:
        final = await stream.get_final_message()
    assert final.content[0].input == called.content[0].input
    result = {"type": "tool_result", "tool_use_id": called.content[0].id, "content": "9 degrees"}
    answered = await client.messages.create(
        model=MODEL,
        max_tokens=500,
        tools=[WEATHER],
        messages=[*ask, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}],
    )
    assert "The tool says: “9 degrees”" in answered.content[0].text


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
async def test_a_forced_tool_is_called(client, choice):
    reply = await client.messages.create(model=MODEL, max_tokens=500, messages=ASK, tools=[WEATHER], tool_choice=choice)
    assert reply.stop_reason == "tool_use"


async def test_limits_and_stop_sequences_are_told(client):
    limited = await client.messages.create(model=MODEL, max_tokens=4, messages=ASK)
    assert (limited.stop_reason, limited.usage.output_tokens) == ("max_tokens", 4)
    stopped = await client.messages.create(model=MODEL, max_tokens=500, messages=ASK, stop_sequences=["river"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "river")


async def test_counting_agrees_with_what_is_billed(client):
    counted = await client.messages.count_tokens(model=MODEL, messages=ASK, tools=[WEATHER])
    used = await client.messages.create(model=MODEL, max_tokens=500, messages=ASK, tools=[WEATHER])
    assert counted.input_tokens == used.usage.input_tokens


async def test_cached_tokens_are_left_out_of_the_input_count(client):
    plain = await client.messages.create(model=MODEL, max_tokens=500, messages=ASK)
    cached = await client.messages.create(
        model=MODEL, max_tokens=500, messages=ASK, extra_headers={"x-mock-cached": "3"}
    )
    assert cached.usage.cache_read_input_tokens == 3
    assert cached.usage.input_tokens == plain.usage.input_tokens - 3


async def test_models_have_anthropics_shape(client):
    listed = [model async for model in client.models.list()]
    assert MODEL in [model.id for model in listed]
    assert (await client.models.retrieve(MODEL)).type == "model"


async def test_a_missing_limit_is_refused_in_anthropics_shape(client):
    with pytest.raises(anthropic.BadRequestError) as refused:
        await client.post("/v1/messages", body={"model": MODEL, "messages": ASK}, cast_to=object)
    assert refused.value.body["error"]["type"] == "invalid_request_error"


async def test_an_error_in_a_stream_raises(client):
    with pytest.raises(anthropic.APIStatusError, match="broke down"):
        async with client.messages.stream(
            model=MODEL, max_tokens=500, messages=ASK, extra_headers={"x-mock-fault": "error-event"}
        ) as stream:
            await stream.get_final_message()
