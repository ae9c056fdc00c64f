"""The official anthropic SDK against real processes: each call gives through the gateway what it gives straight from the model."""

import asyncio
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from tests.support.sdk import Served, served

assert served  # the fixture
MODEL = "claude-sonnet"
ASK: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 500,
    "messages": [{"role": "user", "content": "Where does it go?"}],
}
TOOL = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
WANTS_TOOL = {**ASK, "messages": [{"role": "user", "content": "What is the weather?"}], "tools": [TOOL]}


def create(client: anthropic.Anthropic) -> Any:
    return client.messages.create(**ASK)


def create_streamed(client: anthropic.Anthropic) -> Any:
    events = list(client.messages.create(**ASK, stream=True))
    assert events[-1].type == "message_stop"
    return events


def stream(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == text
    return final


def tools(client: anthropic.Anthropic) -> Any:
    answer = client.messages.create(**WANTS_TOOL)
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "rain"}]}
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]}
    more = {**WANTS_TOOL, "messages": [*WANTS_TOOL["messages"], said, result]}
    return answer, client.messages.create(**more)


def tools_streamed(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**WANTS_TOOL) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    return kinds, final


def counted(client: anthropic.Anthropic) -> Any:
    count = client.messages.count_tokens(model=MODEL, messages=ASK["messages"])
    assert count.input_tokens == client.messages.create(**ASK).usage.input_tokens
    return count


def sampled(client: anthropic.Anthropic) -> Any:
    """The SDK has no `temperature` any more; it goes in the body all the same."""
    return client.messages.create(**ASK, extra_body={"temperature": 0.3}, system="Be brief.", stop_sequences=["river"])


def beta(client: anthropic.Anthropic) -> Any:
    return client.beta.messages.create(**ASK, betas=["context-1m-2025-08-07"])


CALLS: list[Callable[[anthropic.Anthropic], Any]] = [
    *(create, create_streamed, stream, tools, tools_streamed, counted, sampled, beta)
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_gives_what_it_gives_without_the_gateway(served: Served, call):
    with served.anthropic() as through, served.anthropic(straight=True) as straight:
        assert call(through) == call(straight)


@pytest.mark.parametrize("fault", ["crlf", "no-space", "comments", "split", "no-usage"])
def test_lawful_oddities_of_a_stream_are_read_the_same(served: Served, fault):
    def read(client: anthropic.Anthropic) -> list[Any]:
        asked = {**ASK, "model": f"{MODEL}@fault={fault}"}
        return [event.type for event in client.messages.create(**asked, stream=True)]

    with served.anthropic() as through, served.anthropic(straight=True) as straight:
        assert read(through) == read(straight) != []


def test_a_bearer_token_serves_as_well(served: Served):
    from tests.support.plane import KEY

    with anthropic.Anthropic(base_url=served.gateway.base_url, auth_token=KEY, max_retries=0) as client:
        assert client.messages.create(**ASK).content


async def test_the_async_client_streams_many_answers_at_once(served: Served):
    async with served.async_anthropic() as client:

        async def one(number: int) -> str:
            asked = {
                **ASK,
                "model": f"{MODEL}@rate=400",
                "messages": [{"role": "user", "content": f"Number {number}?"}],
            }
            async with client.messages.stream(**asked) as stream:
                return "".join([piece async for piece in stream.text_stream])

        answers = await asyncio.gather(*(one(number) for number in range(24)))
        assert all(f"Number {number}?" in answer for number, answer in enumerate(answers))


# --- what the gateway itself answers and adds ---


def test_models_are_the_routes_in_anthropics_shape(served: Served):
    with served.anthropic() as client:
        listed = client.models.list()
        assert [model.id for model in listed] == ["*", "claude*"]
        assert client.models.retrieve("claude-sonnet").type == "model"


def test_the_request_id_is_the_exchange(served: Served):
    with served.anthropic() as client:
        message = client.messages.create(**ASK)
        raw = client.messages.with_raw_response.create(**ASK, stream=True)
        assert raw.headers["request-id"] == raw.headers["x-llmgateway-exchange-id"] != message._request_id
        list(raw.parse())
    row = served.row(message._request_id)
    assert (row["status"], row["dialect"], row["finish_reason"]) == (200, "anthropic", "end_turn")
    assert (row["input_tokens"], row["output_tokens"]) == (message.usage.input_tokens, message.usage.output_tokens)
    streamed = served.row(raw.headers["request-id"])
    assert (streamed["stream"], streamed["output_tokens"]) == (1, message.usage.output_tokens)


STATUSES = {
    400: (anthropic.BadRequestError, 400),
    404: (anthropic.NotFoundError, 404),
    413: (
        anthropic.RequestTooLargeError if hasattr(anthropic, "RequestTooLargeError") else anthropic.APIStatusError,
        413,
    ),
    422: (anthropic.UnprocessableEntityError, 422),
    429: (anthropic.RateLimitError, 429),
    401: (anthropic.InternalServerError, 502),
    500: (anthropic.InternalServerError, 502),
    529: (anthropic.APIStatusError, 503),
}


@pytest.mark.parametrize(("status", "raised", "told"), [(status, *pair) for status, pair in STATUSES.items()])
@pytest.mark.parametrize("is_stream", [True, False])
def test_failures_raise_by_kind_with_their_real_status_before_any_stream(
    served: Served, status, raised, told, is_stream
):
    with served.anthropic() as client, pytest.raises(raised) as failed:
        client.messages.create(**{**ASK, "model": f"{MODEL}@error={status}"}, stream=is_stream)
    assert failed.value.status_code == told
    assert failed.value.body["type"] == "error"
    assert failed.value.request_id and served.row(failed.value.request_id)["status"] == told
    assert "authentication" not in str(failed.value.body)


def test_the_gateways_own_refusals_raise_by_kind(served: Served):
    with served.anthropic() as client, pytest.raises(anthropic.BadRequestError) as wrong:
        client.messages.create(**ASK, metadata={"user_id": 7})  # type: ignore[typeddict-item]
    assert wrong.value.body["error"]["details"] == {"error_code": "invalid_value", "param": "metadata.user_id"}
    stranger = anthropic.Anthropic(base_url=served.gateway.base_url, api_key="wrong")
    with stranger, pytest.raises(anthropic.AuthenticationError) as refused:
        stranger.messages.create(**ASK)
    assert refused.value.body["error"]["type"] == "authentication_error"
    assert refused.value.request_id
