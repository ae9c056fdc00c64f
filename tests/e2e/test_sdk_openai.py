"""The official openai SDK against real processes: each call gives through the gateway what it gives straight from the model."""

import asyncio
import io
import json
import struct
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.support.sdk import Served, served

assert served  # the fixture
MODEL = "gpt-4.1-mini"
ASK = [{"role": "user", "content": "Where does the river go?"}]
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOL = {"type": "function", "function": WEATHER}
WANTS_TOOL = [{"role": "user", "content": "What is the weather?"}]


class City(BaseModel):
    name: str
    people: int


# --- what one call gives, in a form that can be compared ---


def chat(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model=MODEL, messages=ASK)


def chat_streamed(client: openai.OpenAI) -> Any:
    with client.chat.completions.create(model=MODEL, messages=ASK, stream=True) as stream:
        chunks = list(stream)
    assert all(len(chunk.choices) == 1 for chunk in chunks)  # nobody asked for a chunk with the usage
    return chunks


def chat_with_usage(client: openai.OpenAI) -> Any:
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=MODEL, messages=ASK, stream=True, stream_options=options))
    assert [len(chunk.choices) for chunk in chunks].count(0) == 1
    assert chunks[-1].usage.total_tokens > 0
    return chunks


def chat_helper(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
        kinds = [event.type for event in stream]
        return kinds, stream.get_final_completion().model_dump()


def tools(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.create(model=MODEL, messages=WANTS_TOOL, tools=[TOOL])
    (call,) = answer.choices[0].message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    more = [*WANTS_TOOL, answer.choices[0].message.model_dump(exclude_none=True), result]
    return answer, client.chat.completions.create(model=MODEL, messages=more, tools=[TOOL])


def tools_streamed(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(model=MODEL, messages=WANTS_TOOL, tools=[TOOL]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments).keys() == {"city"}
    return kinds, final.model_dump()


def structured(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.parse(model=MODEL, messages=ASK, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    return answer.choices[0].message.parsed, answer.usage


def several_choices(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(model=MODEL, messages=ASK, n=3, stream=True)
    return list(stream)


def completions(client: openai.OpenAI) -> Any:
    whole = client.completions.create(model=MODEL, prompt="Once")
    return whole, list(client.completions.create(model=MODEL, prompt="Once", stream=True))


def embeddings(client: openai.OpenAI) -> Any:
    unasked = client.embeddings.create(model="embed", input=["a river", "a bridge"])
    assert isinstance(unasked.data[0].embedding[0], float)  # the SDK asks for base64 and decodes it
    floats = client.embeddings.create(model="embed", input="a river", encoding_format="float", dimensions=8)
    coded = client.embeddings.with_raw_response.create(model="embed", input="a river", encoding_format="base64")
    assert isinstance(json.loads(coded.text)["data"][0]["embedding"], str)
    return unasked, floats, json.loads(coded.text)


def responses(client: openai.OpenAI) -> Any:
    made = client.responses.create(model=MODEL, input="Where does the river go?")
    found = client.responses.retrieve(made.id)
    assert found.output_text == made.output_text
    return made, found


def responses_streamed(client: openai.OpenAI) -> Any:
    with client.responses.stream(model=MODEL, input="Where does the river go?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[-1] == "response.completed"
    return kinds, final.output_text, final.usage


def responses_with_tools(client: openai.OpenAI) -> Any:
    tool = {"type": "function", "strict": True, **WEATHER}
    made = client.responses.create(model=MODEL, input="What is the weather?", tools=[tool])
    assert made.output[0].type == "function_call"
    return made


def responses_parsed(client: openai.OpenAI) -> Any:
    made = client.responses.parse(model=MODEL, input="A city, please.", text_format=City)
    assert isinstance(made.output_parsed, City)
    return made.output_parsed


def responses_deleted(client: openai.OpenAI) -> Any:
    made = client.responses.create(model=MODEL, input="to be deleted")
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError) as missing:
        client.responses.retrieve(made.id)
    return missing.value.status_code, missing.value.param


def moderations(client: openai.OpenAI) -> Any:
    judged = client.moderations.create(model="omni-moderation-latest", input="you idiot")
    assert judged.results[0].flagged
    return judged


def moderations_without_a_model(client: openai.OpenAI) -> Any:
    return client.moderations.create(input="good day")


def images(client: openai.OpenAI) -> Any:
    return client.images.generate(model="image-model", prompt="a lantern", n=2)


def speech(client: openai.OpenAI) -> Any:
    whole = client.audio.speech.create(model="tts", voice="alloy", input="hello").content
    with client.audio.speech.with_streaming_response.create(model="tts", voice="alloy", input="hello") as streamed:
        pieces = b"".join(streamed.iter_bytes(100))
    assert pieces == whole and struct.unpack("<I", whole[40:44])[0] == len(whole) - 44
    return whole


SOUND = ("speech.wav", bytes(range(256)) * 700, "audio/wav")


def transcription(client: openai.OpenAI) -> Any:
    return client.audio.transcriptions.create(model="whisper", file=SOUND)


def transcription_as_text(client: openai.OpenAI) -> Any:
    return client.audio.transcriptions.create(model="whisper", file=SOUND, response_format="text")


def translation(client: openai.OpenAI) -> Any:
    with pytest.warns(DeprecationWarning):
        return client.audio.translations.create(model="whisper", file=SOUND)


def large_files(client: openai.OpenAI) -> Any:
    """More than is held in memory before its model is known."""
    content = bytes(range(256)) * 12_000
    return client.audio.transcriptions.create(model="whisper", file=("long.wav", io.BytesIO(content)))


def files(client: openai.OpenAI) -> Any:
    made = client.files.create(file=("lines.jsonl", b'{"a":1}\n' * 1000), purpose="batch")
    assert made.id in {file.id for file in client.files.list()}
    seen = made, client.files.retrieve(made.id), client.files.content(made.id).content
    return seen, client.files.delete(made.id)


def unicode(client: openai.OpenAI) -> Any:
    said = "naïve 😀 \u202e tail\u0000"
    answer = list(
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": said}], stream=True)
    )
    assert "naïve 😀 \u202e" in "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    return answer


def an_image_of_a_megabyte(client: openai.OpenAI) -> Any:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}}
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": [picture]}])


CALLS: list[Callable[[openai.OpenAI], Any]] = [
    *(
        chat,
        chat_streamed,
        chat_with_usage,
        chat_helper,
        tools,
        tools_streamed,
        structured,
        several_choices,
        completions,
    ),
    *(
        embeddings,
        responses,
        responses_streamed,
        responses_with_tools,
        responses_parsed,
        responses_deleted,
        moderations,
    ),
    *(moderations_without_a_model, images, speech, transcription, transcription_as_text, translation, large_files),
    *(files, unicode, an_image_of_a_megabyte),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_gives_what_it_gives_without_the_gateway(served: Served, call):
    with served.openai() as through, served.openai(straight=True) as straight:
        assert call(through) == call(straight)


# --- quirks of streams, on the wire as a backend may write them ---


@pytest.mark.parametrize("fault", ["crlf", "no-space", "comments", "split", "no-done", "no-usage", "malformed"])
def test_lawful_oddities_of_a_stream_are_read_the_same(served: Served, fault):
    def read(client: openai.OpenAI) -> list[Any]:
        stream, chunks = client.chat.completions.create(model=f"{MODEL}@fault={fault}", messages=ASK, stream=True), []
        try:
            chunks.extend(chunk.choices[0].delta.content for chunk in stream)
        except (ValueError, openai.APIError) as error:
            chunks.append(type(error).__name__)
        return chunks

    with served.openai() as through, served.openai(straight=True) as straight:
        assert read(through) == read(straight)


# --- async: the same client for many at once ---


async def test_the_async_client_streams_many_answers_at_once(served: Served):
    async with served.async_openai() as client:

        async def one(number: int) -> str:
            ask = [{"role": "user", "content": f"Number {number}?"}]
            stream = await client.chat.completions.create(model=f"{MODEL}@rate=400", messages=ask, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        answers = await asyncio.gather(*(one(number) for number in range(24)))
        assert all(f"Number {number}?" in answer for number, answer in enumerate(answers))


async def test_the_async_client_speaks_every_kind_of_reply(served: Served):
    async with served.async_openai() as client:
        whole = await client.chat.completions.create(model=MODEL, messages=ASK)
        async with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
            async for _ in stream:
                pass
            streamed = await stream.get_final_completion()
        assert streamed.choices[0].message.content == whole.choices[0].message.content
        async with client.responses.stream(model=MODEL, input="hello") as events:
            async for _ in events:
                pass
            assert (await events.get_final_response()).status == "completed"
        assert len((await client.embeddings.create(model="embed", input="a")).data) == 1
        made = await client.files.create(file=("a.txt", b"hello"), purpose="assistants")
        assert (await client.files.content(made.id)).content == b"hello"
        assert [file.id async for file in client.files.list()] != []
        heard = await client.audio.transcriptions.create(model="whisper", file=SOUND)
        assert "speech.wav" in heard.text


# --- what the gateway itself answers and adds ---


def test_models_are_the_routes(served: Served):
    with served.openai() as client:
        assert [model.id for model in client.models.list()] == ["*", "claude*"]
        assert client.models.retrieve("gpt-9").owned_by == "llmgateway"


def test_raw_responses_show_the_exchange_and_where_it_was_served(served: Served):
    with served.openai() as client:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
        exchange_id = raw.headers["x-llmgateway-exchange-id"]
        assert raw.headers["x-request-id"] == exchange_id == raw.parse()._request_id
        assert raw.headers["x-llmgateway-version"] == "v1"
        stream = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK, stream=True)
        assert stream.headers["x-request-id"] != exchange_id
        list(stream.parse())
    row = served.row(exchange_id)
    assert (row["status"], row["end"], row["response_model"]) == (200, "completed", MODEL)
    assert row["output_tokens"] == raw.parse().usage.completion_tokens


STATUSES = {
    400: openai.BadRequestError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


@pytest.mark.parametrize(("status", "raised"), STATUSES.items())
@pytest.mark.parametrize("stream", [True, False])
def test_a_backends_refusal_raises_what_it_would_without_the_gateway(served: Served, status, raised, stream):
    with served.openai() as client, pytest.raises(raised) as failed:
        client.chat.completions.create(model=f"{MODEL}@error={status}", messages=ASK, stream=stream)
    assert failed.value.status_code == status
    assert failed.value.request_id
    row = served.row(failed.value.request_id)
    assert row["status"] == status
    if status != 429:
        assert (failed.value.code, "asked for" in failed.value.message) == ("mock_error", True)
    else:
        assert failed.value.code == "upstream_rate_limited"


@pytest.mark.parametrize(
    ("status", "code"), [(401, "upstream_auth"), (500, "upstream_error"), (503, "upstream_overloaded")]
)
def test_a_backends_failure_is_a_server_error_and_never_about_the_callers_key(served: Served, status, code):
    with served.openai() as client, pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model=f"{MODEL}@error={status}", messages=ASK)
    assert (failed.value.code, failed.value.type != "authentication_error") == (code, True)
    assert "asked for" not in failed.value.message


def test_the_gateways_own_refusals_raise_by_kind_with_code_and_param(served: Served):
    with served.openai() as client:
        with pytest.raises(openai.BadRequestError) as wrong:
            client.chat.completions.create(model=MODEL, messages=ASK, user=7)  # type: ignore[arg-type]
        assert (wrong.value.code, wrong.value.param) == ("invalid_value", "user")
        assert served.row(wrong.value.request_id)["error_code"] == "invalid_value"
        with pytest.raises(openai.NotFoundError) as missing:
            client.get("/../nothing", cast_to=object)
        assert missing.value.code == "not_found"
    with openai.OpenAI(base_url=f"{served.gateway.base_url}/v1", api_key="wrong", max_retries=2) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"
        assert refused.value.request_id
