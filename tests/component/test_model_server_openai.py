"""The official openai client against the model server: every shape is one that the client's own types accept."""

import io
import wave
from collections.abc import AsyncIterator

import openai
import pytest
from pydantic import BaseModel

from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings

MODEL = "gpt-4.1-mini"
ASK = [{"role": "user", "content": "Where does the river go?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
        },
    },
}


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        ModelServer(Settings()) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=10) as made,
    ):
        yield made


async def test_the_same_question_gets_the_same_answer_and_another_model_another(client):
    first = await client.chat.completions.create(model=MODEL, messages=ASK)
    again = await client.chat.completions.create(model=MODEL, messages=ASK)
    other = await client.chat.completions.create(model="gpt-4.1", messages=ASK)
    assert first == again
    assert "gpt-4.1-mini" in first.choices[0].message.content
    assert "Where does the river go?" in first.choices[0].message.content
    assert other.choices[0].message.content != first.choices[0].message.content
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    assert first._request_id


async def test_a_stream_adds_up_to_the_whole_answer(client):
    whole = await client.chat.completions.create(model=MODEL, messages=ASK)
    text, reasons = "", []
    async for chunk in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
        assert len(chunk.choices) == 1  # no usage chunk for those who did not ask
        text += chunk.choices[0].delta.content or ""
        reasons.append(chunk.choices[0].finish_reason)
    assert text == whole.choices[0].message.content
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}


async def test_usage_comes_in_a_last_chunk_of_its_own_when_asked_for(client):
    whole = await client.chat.completions.create(model=MODEL, messages=ASK)
    stream = await client.chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize(
    ("said", "choice", "calls"),
    [
        ("Call get_weather for Oslo.", "auto", ["get_weather"]),
        ("What is the weather?", "auto", ["get_weather"]),
        ("Good morning.", "auto", []),
        ("What is the weather?", "none", []),
        ("Good morning.", "required", ["get_weather"]),
        ("Good morning.", {"type": "function", "function": {"name": "get_weather"}}, ["get_weather"]),
    ],
)
async def test_tools_are_called_when_asked_for_or_forced(client, said, choice, calls):
    reply = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": said}], tools=[WEATHER], tool_choice=choice
    )
    message = reply.choices[0].message
    assert [call.function.name for call in message.tool_calls or []] == calls
    assert reply.choices[0].finish_reason == ("tool_calls" if calls else "stop")


async def test_the_stream_helper_puts_tool_calls_together_and_a_result_is_answered(client):
    ask = [{"role": "user", "content": "Use get_weather."}]
    async with client.chat.completions.stream(model=MODEL, messages=ask, tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    whole = await client.chat.completions.create(model=MODEL, messages=ask, tools=[WEATHER])
    assert call.function.arguments == whole.choices[0].message.tool_calls[0].function.arguments
    assert call.id == whole.choices[0].message.tool_calls[0].id
    assert '"unit"' in call.function.arguments

    answered = await client.chat.completions.create(
        model=MODEL,
        messages=[*ask, whole.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "9 degrees"}],
        tools=[WEATHER],
    )
    assert "The tool says: “9 degrees”" in answered.choices[0].message.content


class Person(BaseModel):
    name: str
    age: int
    friends: list["Person"]


async def test_structured_answers_fit_their_schema(client):
    reply = await client.chat.completions.parse(model=MODEL, messages=ASK, response_format=Person)
    assert isinstance(reply.choices[0].message.parsed, Person)


async def test_stop_limit_and_choices_are_obeyed(client):
    limited = await client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=5)
    assert limited.choices[0].finish_reason == "length"
    assert limited.usage.completion_tokens == 5
    stopped = await client.chat.completions.create(model=MODEL, messages=ASK, stop="river")
    assert "river" not in stopped.choices[0].message.content
    several = await client.chat.completions.create(model=MODEL, messages=ASK, n=3)
    assert len({choice.message.content for choice in several.choices}) == 3


async def test_images_are_counted(client):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    ask = [{"role": "user", "content": [{"type": "text", "text": "Look."}, picture, picture]}]
    plain = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Look."}])
    reply = await client.chat.completions.create(model=MODEL, messages=ask)
    assert "2 images" in reply.choices[0].message.content
    assert reply.usage.prompt_tokens == plain.usage.prompt_tokens + 2 * 85


async def test_completions_whole_and_streamed_agree(client):
    whole = await client.completions.create(model=MODEL, prompt="Once")
    stream = await client.completions.create(model=MODEL, prompt="Once", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == whole.choices[0].text


async def test_embeddings_are_unit_vectors_that_favour_shared_words(client):
    texts = ["the quiet river runs", "the quiet river sleeps", "quarterly tax report"]
    packed = await client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=256)
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input=texts, dimensions=256, encoding_format="float"
    )
    one, two, three = (entry.embedding for entry in packed.data)
    assert one == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in one) == pytest.approx(1, abs=1e-5)
    assert _likeness(one, two) > _likeness(one, three) + 0.3


def _likeness(one, two):
    return sum(a * b for a, b in zip(one, two, strict=True))


async def test_responses_whole_streamed_and_looked_up_agree(client):
    whole = await client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.")
    stream = await client.responses.create(model=MODEL, input="Hello there", instructions="Be brief.", stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == "response.completed"
    assert events[-1].response == whole
    assert await client.responses.retrieve(whole.id) == whole
    await client.responses.delete(whole.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(whole.id)


async def test_responses_call_tools_and_say_when_they_are_cut(client):
    tool = {"type": "function", **WEATHER["function"], "strict": False}
    async with client.responses.stream(model=MODEL, input="weather please", tools=[tool]) as stream:
        final = await stream.get_final_response()
    assert final.output[0].name == "get_weather"
    assert final.output[0].arguments.startswith("{")
    answered = await client.responses.create(
        model=MODEL,
        input=[{"type": "function_call_output", "call_id": final.output[0].call_id, "output": "rain"}],
    )
    assert "The tool says: “rain”" in answered.output_text
    cut = await client.responses.create(model=MODEL, input="Hello", max_output_tokens=3)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_responses_parse_into_a_model(client):
    reply = await client.responses.parse(model=MODEL, input="Who?", text_format=Person)
    assert isinstance(reply.output_parsed, Person)


async def test_models_moderations_and_images(client):
    assert MODEL in [model.id async for model in client.models.list()]
    assert (await client.models.retrieve("any")).id == "any"
    verdicts = await client.moderations.create(input=["I will attack", "I will sing"])
    assert [verdict.flagged for verdict in verdicts.results] == [True, False]
    assert verdicts.results[0].categories.violence
    made = await client.images.generate(model="gpt-image-1", prompt="a lantern", n=2)
    assert made.data[0].b64_json != made.data[1].b64_json
    assert made.data[0].b64_json.startswith("iVBORw0KGgo")


async def test_speech_is_a_real_wav_and_transcriptions_name_what_they_heard(client):
    spoken = await client.audio.speech.create(model="tts", voice="alloy", input="Hello", response_format="wav")
    with wave.open(io.BytesIO(spoken.content)) as sound:
        assert (sound.getnchannels(), sound.getnframes()) == (1, 2000)
    heard = await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", spoken.content))
    assert f"{len(spoken.content)} bytes of a.wav" in heard.text
    plain = await client.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", spoken.content), response_format="text"
    )
    assert plain.strip() == heard.text


async def test_files_are_kept_listed_sent_back_and_deleted(client):
    made = await client.files.create(file=("notes.txt", b"\x00\xffnotes"), purpose="user_data")
    assert (made.bytes, made.filename, made.status) == (7, "notes.txt", "processed")
    assert [file.id async for file in client.files.list()] == [made.id]
    assert await client.files.retrieve(made.id) == made
    assert (await client.files.content(made.id)).content == b"\x00\xffnotes"
    assert (await client.files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(made.id)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages"),
        ({"messages": ASK, "max_tokens": 0}, "max_tokens"),
        ({"messages": ASK, "n": 17}, "n"),
        ({"messages": ASK, "model": ""}, "model"),
    ],
)
async def test_a_wrong_field_is_named_in_the_error(client, body, param):
    with pytest.raises(openai.BadRequestError) as refused:
        await client.post("/chat/completions", body={"model": MODEL, **body}, cast_to=object)
    assert refused.value.param == param


async def test_an_unknown_path_is_404_in_the_same_shape(client):
    with pytest.raises(openai.NotFoundError) as refused:
        await client.post("/nowhere", body={}, cast_to=object)
    assert refused.value.type == "invalid_request_error"


async def test_rerank_puts_the_likest_first(client):
    body = {"model": "rerank", "query": "quiet river", "documents": ["tax report", "a quiet river"], "top_n": 1}
    found = await client.post("/rerank", body=body, cast_to=object)
    assert [entry["index"] for entry in found["results"]] == [1]
