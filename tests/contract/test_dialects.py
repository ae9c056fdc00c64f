"""What every dialect must do: its SDK raises the right thing, reads the models, and finds code, param and id."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway import plugins
from llmgateway.domain.errors import ERRORS, GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.ports.dialect import Dialect, Wanted
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.jsonscan import splice
from llmgateway.wire.prefix import Prefix
from llmgateway.wire.sse import SseDecoder

DIALECTS = plugins.names("dialect")
ID = "0193e0a0-0000-7000-8000-000000000001"
CODES = sorted(code for code, kind in ERRORS.items() if kind.status != 499)

OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
}
ANTHROPIC_CLASSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    408: anthropic.RequestTimeoutError,
    413: anthropic.ContentTooLargeError,
    429: anthropic.RateLimitError,
    431: anthropic.RequestHeaderFieldsTooLargeError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError,
}
Handler = Callable[[httpx2.Request], httpx2.Response]


@cache
def dialect(name: str) -> Dialect:
    return plugins.load("dialect", name)()


@pytest.mark.parametrize("name", DIALECTS)
def test_an_operators_prompt_has_its_place_in_operations_that_there_are(name: str) -> None:
    speaks = dialect(name)
    places = getattr(speaks, "system_places", {})
    assert places
    assert places.keys() <= set(speaks.operations)
    for place in places.values():
        body = b'{"model":"m","messages":[],"input":"x"}'
        added, others = Prefix("Be kind.").edits(body, decode(body), place, None)
        changed = decode(splice(body, decode(body), added, others))
        assert "Be kind." in str(changed[place.value])


def http(reply: httpx2.Response) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: reply))


def openai_client(reply: httpx2.Response) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http(reply), max_retries=0)


def anthropic_client(reply: httpx2.Response) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=http(reply), max_retries=0)


@pytest.fixture(params=DIALECTS)
def each(request: pytest.FixtureRequest) -> Dialect:
    return dialect(request.param)


def refusal(name: str, error: GatewayError) -> httpx2.Response:
    headers = {"content-type": "application/json", "x-request-id": ID, "request-id": ID}
    return httpx2.Response(error.status, headers=headers, content=dialect(name).error_body(error, ID))


@pytest.mark.parametrize("code", CODES)
def test_openai_s_sdk_raises_by_status_and_finds_code_and_param(code: str) -> None:
    error = GatewayError(code, param="model")
    kind = OPENAI_CLASSES.get(error.status) or (
        openai.InternalServerError if error.status >= 500 else openai.APIStatusError
    )
    with openai_client(refusal("openai", error)) as client, pytest.raises(kind) as raised:
        client.chat.completions.create(model="m", messages=[])
    seen = raised.value
    assert type(seen) is kind
    assert (seen.code, seen.param, seen.type) == (code, "model", ERRORS[code].type)
    assert seen.request_id == ID
    assert ERRORS[code].message in str(seen)


@pytest.mark.parametrize("code", CODES)
def test_anthropic_s_sdk_raises_by_status_and_finds_the_code(code: str) -> None:
    error = GatewayError(code, param="model")
    kind = ANTHROPIC_CLASSES.get(error.status) or (
        anthropic.InternalServerError if error.status >= 500 else anthropic.APIStatusError
    )
    with anthropic_client(refusal("anthropic", error)) as client, pytest.raises(kind) as raised:
        client.messages.create(model="m", max_tokens=1, messages=[])
    seen = raised.value
    assert type(seen) is kind
    assert seen.error_code == code
    assert seen.api_message == ERRORS[code].message
    assert seen.request_id == ID
    assert decode(refusal("anthropic", error).content)["request_id"] == ID


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid_json", "invalid_request_error"),
        ("invalid_api_key", "authentication_error"),
        ("model_not_found", "not_found_error"),
        ("payload_too_large", "request_too_large"),
        ("upstream_rate_limited", "rate_limit_error"),
        ("internal_error", "api_error"),
        ("upstream_error", "api_error"),
        ("overloaded", "overloaded_error"),
        ("upstream_timeout", "timeout_error"),
        ("uri_too_long", "invalid_request_error"),
    ],
)
def test_anthropic_s_error_types_go_with_the_status(code: str, expected: str) -> None:
    body = decode(dialect("anthropic").error_body(GatewayError(code), ID))
    assert (body["type"], body["error"]["type"]) == ("error", expected)
    assert body["error"]["details"] == {"error_code": code}


def streamed(events: bytes) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream", "x-request-id": ID}, content=events)


CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
CREATED = b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r"}}\n\n'
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"content":[],"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
)


def consumed(stream: Any) -> Iterator[Any]:
    with stream:
        yield from stream


@pytest.mark.parametrize("code", ["upstream_truncated", "upstream_timeout", "upstream_error"])
def test_openai_s_sdk_raises_at_an_error_event_in_a_chat_stream(code: str) -> None:
    event = dialect("openai").error_event(GatewayError(code), ID)
    with openai_client(streamed(CHUNK + event)) as client:
        chunks = consumed(client.chat.completions.create(model="m", messages=[], stream=True))
        assert next(chunks).id == "c"
        with pytest.raises(openai.APIError) as raised:
            next(chunks)
    assert raised.value.code == code
    assert raised.value.message == ERRORS[code].message


def test_openai_s_sdk_raises_at_an_error_event_in_a_responses_stream() -> None:
    event = dialect("openai").error_event(GatewayError("upstream_truncated"), ID)
    with openai_client(streamed(CREATED + event)) as client:
        events = consumed(client.responses.create(model="m", input="x", stream=True))
        assert next(events).type == "response.created"
        with pytest.raises(openai.APIError) as raised:
            next(events)
    assert raised.value.code == "upstream_truncated"


@pytest.mark.parametrize("code", ["upstream_truncated", "upstream_timeout", "upstream_error"])
def test_anthropic_s_sdk_raises_at_an_error_event(code: str) -> None:
    event = dialect("anthropic").error_event(GatewayError(code), ID)
    with anthropic_client(streamed(START + event)) as client:
        events = consumed(client.messages.create(model="m", max_tokens=1, messages=[], stream=True))
        assert next(events).type == "message_start"
        with pytest.raises(anthropic.APIStatusError) as raised:
            next(events)
    assert raised.value.error_code == code


def test_an_error_event_is_one_whole_event(each: Dialect) -> None:
    event = each.error_event(GatewayError("upstream_error", "two\nlines\r\n\r\nmore"), ID)
    decoder = SseDecoder()
    assert [end for _, _, end in decoder.feed(event)] == [len(event)]
    assert decoder.pending is None


# --- models

NAMES = ["assistant", "org/model:free", "gpt-*"]
MODELS_AT = 1_700_000_000


def reply(content: bytes) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=content)


def test_openai_s_sdk_lists_the_models() -> None:
    with openai_client(reply(dialect("openai").models_body(NAMES, MODELS_AT))) as client:
        assert [(model.id, model.object, model.created) for model in client.models.list()] == [
            (name, "model", MODELS_AT) for name in NAMES
        ]
    with openai_client(reply(dialect("openai").model_body("a", MODELS_AT))) as client:
        assert client.models.retrieve("a").owned_by == "llmgateway"


def test_anthropic_s_sdk_lists_the_models_as_one_page() -> None:
    with anthropic_client(reply(dialect("anthropic").models_body(NAMES, MODELS_AT))) as client:
        page = client.models.list()
        assert [model.id for model in page] == NAMES
        assert (page.has_more, page.first_id, page.last_id) == (False, NAMES[0], NAMES[-1])
        assert page.data[0].created_at.isoformat() == "2023-11-14T22:13:20+00:00"
    with anthropic_client(reply(dialect("anthropic").model_body("a", MODELS_AT))) as client:
        model = client.models.retrieve("a")
        assert (model.id, model.type, model.display_name) == ("a", "model", "a")


def test_no_models_is_an_empty_page(each: Dialect) -> None:
    body = decode(each.models_body([], MODELS_AT))
    assert body["data"] == []
    assert body.get("first_id") is None


# --- what a body declares


def test_streams_are_declared_by_a_true_boolean_only(each: Dialect) -> None:
    assert each.declared({"stream": True}).is_stream
    for absent in ({}, {"stream": False}, {"stream": None}):
        assert not each.declared(absent).is_stream
    for wrong in ("true", 1, 0, [], {}, 1.0):
        with pytest.raises(GatewayError) as raised:
            each.declared({"stream": wrong})
        assert (raised.value.code, raised.value.param) == ("invalid_value", "stream")


def test_of_several_wrong_fields_the_same_one_is_always_named(each: Dialect) -> None:
    wrong = {"conversation": 5, "safety_identifier": 5, "user": 5, "stream": 5, "metadata": 5}
    named = []
    while True:
        try:
            each.declared(wrong)
        except GatewayError as error:
            named.append(error.param)
            del wrong[error.param or ""]
        else:
            break
    assert named == ["metadata", "stream", "user", "safety_identifier", "conversation"][: len(named)]
    assert len(named) >= 2


def test_tags_and_session_come_from_metadata(each: Dialect) -> None:
    found = each.declared({"metadata": {"team": "a", "session_id": "s-1", "number": 5, "__class__": "x"}})
    assert found.session == "s-1"
    assert found.tags == {"team": "a", "__class__": "x"}
    assert each.declared({"metadata": {}}).tags is None


@pytest.mark.parametrize(
    "metadata",
    ["x", [], 5, {str(i): "v" for i in range(17)}, {"a": "v" * 513}, {"k" * 513: "v"}],
    ids=["string", "list", "number", "17_entries", "long_value", "long_key"],
)
def test_metadata_out_of_bounds_is_refused(each: Dialect, metadata: Any) -> None:
    with pytest.raises(GatewayError) as raised:
        each.declared({"metadata": metadata})
    assert (raised.value.code, raised.value.param) == ("invalid_value", "metadata")


def test_metadata_at_its_bounds_is_accepted(each: Dialect) -> None:
    entries = {f"{i:0>512}": "v" * 512 for i in range(16)}
    assert each.declared({"metadata": entries}).tags == entries


def test_openai_callers_name_their_user_in_either_field() -> None:
    declared = dialect("openai").declared
    assert declared({"user": "u"}).user == "u"
    assert declared({"safety_identifier": "s"}).user == "s"
    assert declared({"user": "u", "safety_identifier": "s"}).user == "u"
    assert declared({"user": ""}).user is None
    assert declared({"user": "x" * 600}).user == "x" * 512
    with pytest.raises(GatewayError, match="user"):
        declared({"user": 5})


def test_openai_callers_name_their_conversation_by_id_or_object() -> None:
    declared = dialect("openai").declared
    assert declared({"conversation": "conv_1"}).session == "conv_1"
    assert declared({"conversation": {"id": "conv_1"}}).session == "conv_1"
    with pytest.raises(GatewayError) as raised:
        declared({"conversation": {"id": 5}})
    assert raised.value.param == "conversation.id"


def test_anthropic_callers_name_their_user_in_metadata() -> None:
    found = dialect("anthropic").declared({"metadata": {"user_id": "u"}})
    assert (found.user, found.tags) == ("u", None)
    with pytest.raises(GatewayError) as raised:
        dialect("anthropic").declared({"metadata": {"user_id": 5}})
    assert raised.value.param == "metadata.user_id"


# --- words instead of an error

WORDS = 'I can\'t "help" with that.\n\u65e5'
WITH_WORDS = {
    "openai": {"chat.completions", "completions", "responses"},
    "anthropic": {"messages"},
}


def wanted(operation: str, *, is_stream: bool = True, **document: Any) -> Wanted:
    return Wanted(operation, "assistant", ID, MODELS_AT, is_stream, document)


def test_words_are_for_operations_that_answer_in_words(each: Dialect) -> None:
    for operation in each.operations:
        made = each.refusal(WORDS, wanted(operation))
        assert (made is not None) == (operation in WITH_WORDS[each.name])
        if made is None:
            continue
        document = decode(made.document)
        assert (document["model"], WORDS in str(document) or WORDS in texts_in(document)) == ("assistant", True)
        assert ID in document["id"]
        decoder = SseDecoder()
        assert made.events is not None
        events = decoder.feed(made.events)
        assert events[-1][2] == len(made.events)  # whole events to the end
        assert decoder.pending is None
        alone = each.refusal(WORDS, wanted(operation, is_stream=False))
        assert alone == (made.document, None, made.reason)


def texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts_in(each)]


def test_the_reader_of_a_stream_of_words_makes_of_it_what_is_stored(each: Dialect) -> None:
    provider = plugins.load("provider", each.name)()
    for operation in sorted(WITH_WORDS[each.name]):
        made = each.refusal(WORDS, wanted(operation, stream_options={"include_usage": True}))
        assert made is not None
        assert made.events is not None
        reader = provider.reader(Operation(operation))
        for name, data, _ in SseDecoder().feed(made.events):
            reader.event(name, data)
        assert (reader.is_finished, reader.is_complete, reader.parse_errors) == (True, True, 0)
        assert (reader.finish_reason, reader.usage.output_tokens) == (made.reason, 0)
        assert WORDS in texts_in(decode(reader.message() or b""))
        whole = provider.reader(Operation(operation))
        whole.whole(made.document)
        assert (whole.finish_reason, whole.is_complete) == (made.reason, True)


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": 0}, 1),
        ({"n": "3"}, 1),
        ({"n": 10**9}, 128),
        ({"prompt": ["a", "b"]}, 2),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2]]}, 2),
        ({"prompt": []}, 1),
        ({"prompt": ["a"] * 5000}, 128),
    ],
)
def test_as_many_choices_say_the_words_as_were_asked_for(document: dict[str, Any], count: int) -> None:
    made = dialect("openai").refusal(WORDS, wanted("completions", **document))
    assert made is not None
    assert [choice["text"] for choice in decode(made.document)["choices"]] == [WORDS] * count


# --- operations

segments = st.lists(st.sampled_from(["files", "x", "", "content", "messages", "*", "v1", "..", "\u00e9"]), max_size=12)


@given(st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"]), segments)
def test_operations_are_a_closed_set_whatever_the_path(method: str, parts: list[str]) -> None:
    for name, size in (("openai", 64), ("anthropic", 24)):
        found = {dialect(name).operation(method, "/v1/" + "/".join(parts)).name}
        known = plugins.import_module(f"llmgateway.dialects.{name}.operations").OPERATIONS.names()
        assert found <= known == plugins.load("dialect", name).operations
        assert len(known) <= size


def test_unknown_paths_are_other_and_are_kept_at_one_backend(each: Dialect) -> None:
    found = each.operation("POST", "/v1/brand_new")
    assert (found.name, found.is_stateful, found.is_repeatable) == ("other", True, False)
    assert each.operation("GET", "/v1/brand_new/x").is_repeatable
