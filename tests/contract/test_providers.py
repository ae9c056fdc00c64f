"""What every provider must do, over every registered one and its recorded exchanges."""

import ast
import random
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from tests.support.wire_cases import ROOT, Case, cases, cut, operation, read, summary

from llmgateway import plugins
from llmgateway.domain.errors import ERRORS
from llmgateway.domain.operation import Operation
from llmgateway.ports.provider import Provider
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.jsoncodec import JsonError, decode, encode
from llmgateway.wire.sse import SseDecoder

PROVIDERS = plugins.names("provider")
CASES = [case for name in PROVIDERS for case in cases(name)]
OPERATIONS = {  # by dialect
    "openai": [
        "chat.completions",
        "completions",
        "responses",
        "embeddings",
        "audio.transcriptions",
        "other",
        "files.list",
    ],
    "anthropic": ["messages", "messages.count_tokens", "other", "files.list"],
}
NEVER_FORWARDED = [b"authorization", b"x-api-key", b"cookie", b"host", b"connection", b"content-length", b"expect"]
NEVER_FORWARDED += [
    b"transfer-encoding",
    b"accept-encoding",
    b"openai-organization",
    b"openai-project",
    b"x-internal-a",
]
NEVER_RETURNED = [b"set-cookie", b"server", b"connection", b"content-length", b"content-encoding", b"transfer-encoding"]
NEVER_RETURNED += [
    b"alt-svc",
    b"strict-transport-security",
    b"access-control-allow-origin",
    b"x-should-retry",
    b"location",
]
NEVER_RETURNED += [b"x-request-id", b"request-id", b"openai-organization", b"anthropic-organization-id"]


@cache
def provider(name: str) -> Provider:
    return plugins.load("provider", name)()


def operations(name: str) -> list[str]:
    """What callers may ask a provider of that name for."""
    return OPERATIONS[provider(name).dialect]


@pytest.fixture(params=PROVIDERS)
def each(request: pytest.FixtureRequest) -> Provider:
    return provider(request.param)


def fresh(case: Case) -> ReplyReader:
    found = of(case)
    return found.reader(operation(found.dialect, case))


def of(case: Case) -> Provider:
    return provider(case.folder.parent.name)


def test_every_provider_has_recorded_a_stream_and_a_whole_reply(each: Provider) -> None:
    found = cases(each.name)
    assert {case.is_stream for case in found} == {True, False}, f"record exchanges in {ROOT / each.name}"


def test_every_recorded_folder_belongs_to_a_provider() -> None:
    assert {folder.name for folder in ROOT.iterdir()} <= set(PROVIDERS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_recorded_reply_is_read_as_expected(case: Case) -> None:
    assert summary(read(of(case), case, [case.reply])) == case.expected


@pytest.mark.parametrize("case", [case for case in CASES if case.is_stream], ids=str)
def test_it_makes_no_difference_how_a_stream_is_cut(case: Case) -> None:
    reply, expected = case.reply, case.expected
    assert summary(read(of(case), case, [reply[i : i + 1] for i in range(len(reply))])) == expected
    chance = random.Random(str(case))
    for _ in range(50):
        places = [chance.randrange(len(reply) + 1) for _ in range(chance.randrange(1, 12))]
        assert summary(read(of(case), case, cut(reply, places))) == expected, places


@pytest.mark.parametrize("case", [case for case in CASES if case.is_stream], ids=str)
def test_a_stream_that_breaks_off_is_never_taken_for_whole_before_its_end(case: Case) -> None:
    events = [(name, data) for name, data, _ in SseDecoder().feed(case.reply)]
    for count in range(len(events)):
        reader = fresh(case)
        for name, data in events[:count]:
            reader.event(name, data)
        if not reader.is_complete:
            assert not reader.is_finished or reader.error is not None
        elif case.expected["finish_reason"] is not None:  # where there is one, nothing is whole without it
            assert reader.finish_reason is not None


def truncations(case: Case) -> Iterator[bytes]:
    body = case.reply.rstrip()
    yield from (body[:at] for at in range(1, len(body), max(1, len(body) // 40)))


JSON_ONLY = [case for case in CASES if not case.is_stream and case.request["method"] == "POST"]


@pytest.mark.parametrize("case", JSON_ONLY, ids=str)
def test_half_a_json_reply_is_not_complete(case: Case) -> None:
    for part in truncations(case):
        assert not read(of(case), case, [part]).is_complete


# --- nothing that a backend sends may break a reader

junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["index", "text", "type", "a"]), inner),
    max_leaves=4,
)


def events(name: str) -> list[Any]:
    found = []
    for case in cases(name):
        for data in [d for _, d, _ in SseDecoder().feed(case.reply)] if case.is_stream else [case.reply]:
            try:
                found.append(decode(data))
            except JsonError:
                continue
    return found


EVENTS = {name: events(name) for name in PROVIDERS}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, item in inner for place in places(item, (*path, key))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_event_of_the_wrong_shape_breaks_a_reader(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(PROVIDERS))
    reader = provider(name).reader(Operation(data.draw(st.sampled_from(operations(name))), is_repeatable=False))
    for _ in range(data.draw(st.integers(1, 6))):
        event = data.draw(st.sampled_from(EVENTS[name]))
        if data.draw(st.booleans()):
            event = replaced(event, data.draw(st.sampled_from(places(event))), data.draw(junk))
        reader.event(b"", encode(event))
        message = reader.message()
        assert message is None or decode(message) is not None
    assert all(count is None or 0 <= count <= 10**9 for count in summary(reader)["usage"].values())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_whole_reply_of_the_wrong_shape_breaks_a_reader(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(PROVIDERS))
    reader = provider(name).reader(Operation(data.draw(st.sampled_from(operations(name))), is_repeatable=False))
    event = data.draw(st.sampled_from(EVENTS[name]))
    reader.whole(encode(replaced(event, data.draw(st.sampled_from(places(event))), data.draw(junk))))


@settings(deadline=None)
@given(st.binary(max_size=50), st.binary(max_size=200))
def test_no_bytes_break_a_reader(name: bytes, data: bytes) -> None:
    for provider_name in PROVIDERS:
        for asked in operations(provider_name):
            provider(provider_name).reader(Operation(asked)).event(name, data)
            provider(provider_name).reader(Operation(asked)).whole(data)


@pytest.mark.parametrize("name", PROVIDERS)
def test_deep_nesting_breaks_no_reader(name: str) -> None:
    deep = b'{"usage":' + b'{"a":' * 900 + b"1" + b"}" * 901
    for event in EVENTS[name]:
        if isinstance(event, dict):
            raw = encode({**event, "usage": 0}).replace(b'"usage":0', deep[1:-1])
            reader = provider(name).reader(Operation(operations(name)[0]))
            reader.event(b"", raw)
            reader.message()


# --- the SDKs read the message that a stream adds up to, and make the same of it as we do

FINISHED = [case for case in CASES if case.is_stream and case.expected["message"] and case.expected["is_finished"]]
FINISHED = [case for case in FINISHED if not case.expected["error"] and "odd" not in str(case)]


@pytest.mark.parametrize("case", FINISHED, ids=str)
def test_the_message_is_a_whole_reply_to_the_sdk(case: Case) -> None:
    message = read(of(case), case, [case.reply]).message() or b""
    kinds: dict[str, Any] = {"/v1/chat/completions": ChatCompletion, "/v1/responses": Response, "/v1/messages": Message}
    kind = kinds.get(case.request["path"])
    if kind is not None:
        kind.model_validate_json(message)


def transport(case: Case) -> httpx2.Client:
    headers = {"content-type": "text/event-stream"}
    return httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=case.reply))
    )


ANTHROPIC = [case for case in FINISHED if str(case).startswith("anthropic/")]


@pytest.mark.parametrize("case", ANTHROPIC, ids=str)
def test_anthropic_s_sdk_adds_a_stream_up_to_the_same_message(case: Case) -> None:
    client = anthropic.Anthropic(api_key="k", http_client=transport(case))
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    with client, client.messages.stream(**asked) as stream:
        theirs = stream.get_final_message()
    ours = decode(read(of(case), case, [case.reply]).message() or b"")
    kept = ("id", "model", "role", "stop_reason", "stop_sequence", "content")
    assert {name: ours[name] for name in kept} == {
        name: value for name, value in theirs.to_dict(exclude_none=False).items() if name in kept
    }
    assert ours["usage"]["output_tokens"] == theirs.usage.output_tokens


CHAT = [case for case in FINISHED if case.request["path"] == "/v1/chat/completions"]
CHAT = [case for case in CHAT if not any(word in str(case) for word in ("without_index", "first_chunk", "no_done"))]


@pytest.mark.parametrize("case", CHAT, ids=str)
def test_openai_s_sdk_adds_a_stream_up_to_the_same_message(case: Case) -> None:
    client = openai.OpenAI(api_key="k", http_client=transport(case))
    with client, client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        for _ in stream:
            pass
        theirs = stream.current_completion_snapshot
    ours = ChatCompletion.model_validate_json(read(of(case), case, [case.reply]).message() or b"")
    for mine, other in zip(ours.choices, theirs.choices, strict=True):
        assert (mine.index, mine.finish_reason) == (other.index, other.finish_reason)
        assert (mine.message.content or None) == (other.message.content or None)
        assert mine.message.refusal == other.message.refusal
        assert called(mine.message.tool_calls) == called(other.message.tool_calls)


def called(calls: Any) -> list[tuple[str, str, str]]:
    return [(call.id, call.function.name, call.function.arguments) for call in calls or ()]


# --- headers, paths, credentials, faults


def test_header_names_are_lower_case_and_the_dangerous_ones_stay_here(each: Provider) -> None:
    lists = [*each.forwarded, *each.forwarded_prefixes, *each.returned, *each.returned_prefixes, each.request_id_header]
    assert all(name == name.lower() and name for name in lists)
    for name in NEVER_FORWARDED:
        assert name not in each.forwarded and not name.startswith(each.forwarded_prefixes), name
    for name in [*NEVER_RETURNED, each.request_id_header]:
        assert name not in each.returned and not name.startswith(each.returned_prefixes), name
    assert {b"content-type", b"accept"} <= each.forwarded
    assert {b"content-type", b"retry-after"} <= each.returned


def test_the_credential_carries_the_key_and_no_caller_s_header_can_stand_for_it(each: Provider) -> None:
    headers = each.credential("sk-secret")
    assert any(b"sk-secret" in value for _, value in headers)
    assert all(name not in each.forwarded for name, _ in headers)
    assert all(name == name.lower() for name, _ in [*headers, *each.defaults()])


def test_the_query_and_deeper_paths_stay_as_they_are(each: Provider) -> None:
    assert each.target("/base", "/v1/files/f-1/content?a=/v1/b").endswith("/files/f-1/content?a=/v1/b")


def test_its_own_dialect_is_there(each: Provider) -> None:
    assert each.dialect in plugins.names("dialect")


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 415, 422, 200, 204])
def test_the_caller_s_own_faults_pass_through(each: Provider, status: int) -> None:
    assert each.fault(status, b'{"error":{"message":"no"}}') is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "unexpected_redirect"),
        (307, "unexpected_redirect"),
        (401, "upstream_auth"),
        (402, "upstream_auth"),
        (403, "upstream_auth"),
        (408, "upstream_timeout"),
        (429, "upstream_rate_limited"),
        (500, "upstream_error"),
        (502, "upstream_error"),
        (503, "upstream_overloaded"),
        (504, "upstream_timeout"),
        (524, "upstream_timeout"),
        (529, "upstream_overloaded"),
        (999, "upstream_protocol"),
    ],
)
def test_a_backend_s_faults_get_the_code_of_the_table(each: Provider, status: int, code: str) -> None:
    error = each.fault(status, b"<html>key sk-secret</html>")
    assert error is not None
    assert error.code == code
    assert error.message == ERRORS[code].message  # nothing of the body goes to the caller


# --- the guide's example, as a package from outside


def guide() -> str:
    text = (ROOT.parents[2] / "docs" / "PROVIDERS.md").read_text()
    return text.partition("```python\n")[2].partition("```")[0]


def test_the_guide_s_provider_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_llmgateway.py").write_text(guide())
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("acme", "acme_llmgateway:AcmeProvider", "llmgateway.provider")
    assert "acme" in plugins.names("provider", [point])
    acme: Provider = plugins.load("provider", "acme", [point])()
    for member in Provider.__annotations__:
        assert hasattr(acme, member)
    for check in (
        test_header_names_are_lower_case_and_the_dangerous_ones_stay_here,
        test_the_credential_carries_the_key_and_no_caller_s_header_can_stand_for_it,
        test_the_query_and_deeper_paths_stay_as_they_are,
        test_its_own_dialect_is_there,
    ):
        check(acme)
    stream = b'data: {"model":"a","choices":[{"delta":{"content":"Hi"}}]}\n\nevent: end\ndata: {"words":{"heard":3,"said":1}}\n\n'
    for size in (1, 7, len(stream)):
        reader, decoder = acme.reader(Operation("chat.completions")), SseDecoder()
        for at in range(0, len(stream), size):
            for name, data, _ in decoder.feed(stream[at : at + size]):
                reader.event(name, data)
        assert (reader.usage.input_tokens, reader.usage.output_tokens, reader.response_model) == (3, 1, "a")
        assert (reader.has_content, reader.is_finished, reader.is_complete) == (True, True, True)
    reader = acme.reader(Operation("chat.completions"))
    reader.whole(b'{"error":{"message":"no"}}')
    assert reader.error == "no"


def test_the_guide_s_code_is_annotated_as_a_built_in_one_has_to_be() -> None:
    for function in ast.walk(ast.parse(guide())):
        if isinstance(function, ast.FunctionDef):
            arguments = [each.annotation for each in function.args.args if each.arg != "self"]
            assert None not in [*arguments, function.returns], function.name


def test_the_guide_names_every_member_of_the_port() -> None:
    members = [*Provider.__annotations__, *(name for name in vars(Provider) if not name.startswith("_"))]
    assert [name for name in members if name not in guide()] == []
