"""Ways to bring a forbidden text to a model in spite of a route's guardrails: none may work."""

import base64
import gzip
import json

import h11
import pytest
from tests.support import guardrails
from tests.support.bypass import NUMBER, WORD, answers, completion, escaped, guarded, nested, on_disk, said, whole

OK = whole(completion("fine"))
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def chat(*content, **more):
    return {"model": "assistant", "messages": [{"role": "user", "content": each} for each in content], **more}


def part(**fields):
    return chat([fields])


ENDPOINTS = {
    "chat": ("/v1/chat/completions", lambda text: chat(text)),
    "completions": ("/v1/completions", lambda text: {"model": "assistant", "prompt": ["a", text], "suffix": text}),
    "responses": ("/v1/responses", lambda text: {"model": "assistant", "input": text, "instructions": text}),
    "compact": ("/v1/responses/compact", lambda text: {"model": "assistant", "input": [{"content": text}]}),
    "embeddings": ("/v1/embeddings", lambda text: {"model": "assistant", "input": ["a", text]}),
    "moderations": ("/v1/moderations", lambda text: {"model": "assistant", "input": [{"type": "text", "text": text}]}),
    "rerank": ("/v1/rerank", lambda text: {"model": "assistant", "query": "q", "documents": [{"text": text}]}),
    "images": ("/v1/images/generations", lambda text: {"model": "assistant", "prompt": text}),
    "speech": ("/v1/audio/speech", lambda text: {"model": "assistant", "input": text, "instructions": text}),
    "batches": ("/v1/batches", lambda text: {"model": "assistant", "metadata": {"note": text}}),
    "vector_stores": ("/v1/vector_stores/vs_1/search", lambda text: {"query": text}),
    "threads": ("/v1/threads/t/runs", lambda text: {"additional_instructions": text}),
    "stored": ("/v1/chat/completions/abc", lambda text: {"metadata": {"a": text}}),
    "unknown": ("/v1/something/new", lambda text: {"anything": [[{"deep": text}]]}),
    "messages": ("/v1/messages", lambda text: {**chat(text), "model": "claude", "system": [{"text": text}]}),
    "count_tokens": ("/v1/messages/count_tokens", lambda text: {**chat(text), "model": "claude"}),
    "message_batches": ("/v1/messages/batches", lambda text: {"requests": [{"params": {**chat(text)}}]}),
    "complete": ("/v1/complete", lambda text: {"model": "claude", "prompt": text}),
    "anthropics_dialect_to_openai": ("/v1/messages", lambda text: chat(text, max_tokens=9)),
    "openais_dialect_to_anthropic": ("/v1/chat/completions", lambda text: {**chat(text), "model": "claude"}),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_by_endpoint(tmp_path, endpoint):
    path, make = ENDPOINTS[endpoint]
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for headers in ({}, ANTHROPIC):
            await running.post(path, make(f"call {NUMBER}"), headers)
            answer = await running.post(path, make(f"so {WORD}"), headers)
            assert answer.status in {400, 404}
            assert b"guardrail_blocked" in answer.body or b"not_found" in answer.body
        assert len(backend.requests) in {1, 2}
        for request in backend.requests:
            assert "[NUMBER]" in said(request.body)
            assert NUMBER not in said(request.body)


UNSEEN = [
    ("/v1/images/edits", "multipart/form-data; boundary=b"),
    ("/v1/files", "multipart/form-data; boundary=b"),
    ("/v1/files", "application/octet-stream"),
    ("/v1/audio/transcriptions", "multipart/form-data; boundary=b"),
    ("/v1/audio/transcriptions", "audio/wav"),
    ("/v1/uploads/u/parts", "multipart/form-data; boundary=b"),
    ("/v1/something", "multipart/form-data; boundary=b"),
    ("/v1/chat/completions", "application/octet-stream"),
    ("/v1/chat/completions", "text/plain"),
    ("/v1/chat/completions", "multipart/form-data; boundary=b"),
    ("/v1/chat/completions", "application/json; charset=utf-16"),
    ("/v1/chat/completions", "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize(("path", "media"), UNSEEN)
async def test_by_a_body_of_another_kind(tmp_path, path, media):
    form = f'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nassistant\r\n--b\r\n\r\n{WORD}\r\n--b--\r\n'
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.ask("POST", path, form.encode(), {"content-type": media})
        assert answer.status in {400, 415}
        assert backend.requests == []


HIDING = {
    "text": lambda text: part(type="text", text=text),
    "input_text": lambda text: part(type="input_text", text=text),
    "refusal": lambda text: part(type="refusal", refusal=text),
    "tool_result": lambda text: part(type="tool_result", content=[{"type": "text", "text": text}]),
    "search_result": lambda text: part(type="search_result", title=text, content=[{"text": text}]),
    "document": lambda text: part(type="document", source={"type": "text", "media_type": "text/plain", "data": text}),
    "long_document": lambda text: part(type="document", source={"type": "text", "data": f"{'a/b-c_' * 200}/{text}/"}),
    "data_url": lambda text: part(type="image_url", image_url={"url": f"data:text/plain,{text}"}),
    "long_data_url": lambda text: part(type="image_url", image_url={"url": f"data:text/plain,{text}{'a' * 600}"}),
    "link": lambda text: part(type="image_url", image_url={"url": f"https://x.example/{text}"}),
    "thinking": lambda text: part(type="thinking", thinking=text, signature=text),
    "cache_control": lambda text: part(type="text", text="a", cache_control={"type": "ephemeral", "note": text}),
    "citations": lambda text: part(type="text", text="a", citations=[{"cited_text": text}]),
    "name_of_a_speaker": lambda text: {**chat(), "messages": [{"role": "user", "name": text, "content": ""}]},
    "role": lambda text: {**chat(), "messages": [{"role": text, "content": "a"}]},
    "type": lambda text: part(type=text, text="a"),
    "tool_use": lambda text: part(type="tool_use", id="t", name="f", input={"type": text, "id": text, "role": text}),
    "tool_use_number": lambda text: (
        part(type="tool_use", name="f", input={"n": int(text)}) if text.isdigit() else chat(text)
    ),
    "number": lambda text: part(type="text", text=int(text)) if text.isdigit() else chat(text),
    "number_in_a_schema": lambda text: (
        chat(tools=[{"function": {"parameters": {"enum": [int(text)]}}}]) if text.isdigit() else chat(text)
    ),
    "tool_use_file": lambda text: part(type="tool_use", name="f", input={"data": f"{'a/b-c_' * 200}/{text}/"}),
    "function_arguments": lambda text: chat("a", functions=[{"name": "f", "arguments": nested({"a": text}, 1)}]),
    "tool_description": lambda text: chat(tools=[{"function": {"name": "f", "description": text}}]),
    "tool_schema": lambda text: chat(tools=[{"function": {"parameters": {"properties": {text: {"type": "string"}}}}}]),
    "tool_enum": lambda text: chat(tools=[{"function": {"parameters": {"enum": [text], "type": text}}}]),
    "response_format": lambda text: chat(response_format={"json_schema": {"name": text, "schema": {"title": text}}}),
    "prediction": lambda text: chat(prediction={"type": "content", "content": text}),
    "logit_bias": lambda text: chat(logit_bias={text: 1}),
    "stop": lambda text: chat(stop=[text]),
    "user": lambda text: chat(user=text),
    "metadata_value": lambda text: chat(metadata={"a": text}),
    "metadata_key": lambda text: chat(metadata={text: "a"}),
    "unknown_member": lambda text: chat(chat_template_kwargs={"x": {"y": [text]}}),
    "name_in_full_width": lambda text: chat(ｍessages=text),
    "json_1_deep": lambda text: chat(nested({"a": text}, 1)),
    "json_2_deep": lambda text: chat(nested([{text: 1}], 2)),
    "json_3_deep": lambda text: chat(nested({"a": text}, 3)),
    "json_4_deep": lambda text: chat(nested({"a": text}, 4)),
    "json_6_deep": lambda text: chat(nested({"a": text}, 6)),
    "json_with_blanks": lambda text: chat(f" \n\t {nested({'a': text}, 2)} \r\n"),
}


@pytest.mark.parametrize("spelling", [str, escaped], ids=["plain", "escaped"])
@pytest.mark.parametrize("way", HIDING)
async def test_by_hiding_it_in(tmp_path, way, spelling):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        bodies = [json.dumps(HIDING[way](text)) for text in (NUMBER, WORD)]
        number, word = (
            body.replace(f'"{text}', f'"{spelling(text)}') for body, text in zip(bodies, (NUMBER, WORD), strict=True)
        )
        await running.ask("POST", "/v1/chat/completions", number.encode())
        answer = await running.ask("POST", "/v1/chat/completions", word.encode())
        assert b"guardrail_blocked" in answer.body
        assert len(backend.requests) == 1
        assert NUMBER not in said(backend.requests[0].body)
        assert NUMBER.encode() not in on_disk(tmp_path)


@pytest.mark.parametrize("depth", range(1, 8))
async def test_by_escapes_inside_of_nested_json(tmp_path, depth):
    text = f'{{"a": "{escaped(WORD)}"}}'
    for _ in range(depth):
        text = json.dumps({"more": text})
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.post("/v1/chat/completions", chat(text))
        assert b"guardrail_blocked" in answer.body
        assert backend.requests == []


DUPLICATES = [
    f'{{"model":"assistant","note":"{WORD}","note":"a"}}',
    f'{{"model":"assistant","note":"a","note":"{WORD}"}}',
    f'{{"model":"assistant","messages":[{{"content":"{WORD}","content":"a"}}]}}',
    f'{{"model":"assistant","messages":[{{"Content":"{WORD}","CONTENT":"a","content":"a"}}]}}',
    f'{{"model":"assistant","messages":[],"messages":[{{"content":"{WORD}"}}]}}',
    f'{{"model":"assistant","Messages":[{{"content":"{WORD}"}}],"messages":[]}}',
    f'{{"model":"assistant","m\\u0065ssages":[{{"content":"{WORD}"}}],"messages":[]}}',
    f'{{"model":"assistant","content":"{WORD}","\\u0063ontent":"a"}}',
    f'{{"model":"assistant","messages":[{{"type":"{WORD}","type":"text"}}]}}',
]


@pytest.mark.parametrize("body", DUPLICATES)
async def test_by_members_that_come_twice_or_in_another_spelling(tmp_path, body):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.ask("POST", "/v1/chat/completions", body.encode())
        assert answer.status == 400
        assert backend.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + json.dumps(chat(WORD)).encode(),
        json.dumps(chat(WORD)).encode("utf-16"),
        gzip.compress(json.dumps(chat(WORD)).encode()),
        b'{"model":"assistant","x":NaN,"y":"%b"}' % escaped(WORD).encode(),
        b'{"model":"assistant","x":"\\ud800","y":"%b"}' % escaped(WORD).encode(),
        b'{"model":"assistant","y":"%b"}{}' % escaped(WORD).encode(),
        b'{"model":"assistant","y":"%b",}' % escaped(WORD).encode(),
        b'{"model":"assistant","y":\'%b\'}' % WORD.encode(),
    ],
    ids=["bom", "utf16", "gzip", "nan", "surrogate", "two", "comma", "quotes"],
)
async def test_by_a_body_that_only_some_would_read(tmp_path, body):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for headers in ({}, {"content-encoding": "gzip"}):
            assert (await running.ask("POST", "/v1/chat/completions", body, headers)).status in {400, 415}
        assert backend.requests == []


@pytest.mark.parametrize("size", [32_000, 33_000, 262_000, 263_000, 1_500_000])
@pytest.mark.parametrize("where", [0, 1], ids=["begin", "end"])
async def test_by_the_length_of_a_body(tmp_path, size, where):
    filling = "word " * (size // 5)
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for text in (NUMBER, WORD):
            contents = [filling, text] if where else [text, filling]
            answer = await running.post("/v1/chat/completions", chat(*contents))
        assert b"guardrail_blocked" in answer.body
        assert len(backend.requests) == 1
        assert NUMBER.encode() not in backend.requests[0].body
        assert b'"upstream-model"' in backend.requests[0].body
        assert NUMBER.encode() not in on_disk(tmp_path)


async def test_by_a_body_in_chunks(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for text in (NUMBER, WORD):
            caller = await running.connect()
            body = json.dumps(chat(f"well {text} so")).encode()
            headers = {"host": "g", "authorization": "Bearer lgw_test", "content-type": "application/json"}
            headers["transfer-encoding"] = "chunked"
            wire = caller.wire
            caller.writer.write(
                wire.send(h11.Request(method="POST", target="/v1/chat/completions", headers=[*headers.items()]))
            )
            for at in range(0, len(body), 3):
                caller.writer.write(wire.send(h11.Data(data=body[at : at + 3])))
            caller.writer.write(wire.send(h11.EndOfMessage()))
            answer = await caller.receive()
        assert b"guardrail_blocked" in answer.body
        assert len(backend.requests) == 1
        assert NUMBER.encode() not in backend.requests[0].body


async def test_by_the_query(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for text in (NUMBER, WORD, WORD.replace("f", "%66"), NUMBER.replace("5", "%35")):
            for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/something")):
                body = json.dumps(chat("a")).encode() if method == "POST" else b""
                answer = await running.ask(method, f"{path}?a=1&prompt={text}", body)
                assert b"guardrail_blocked" in answer.body
        assert backend.requests == []


OUTSIDE = ["content-type", "accept", "idempotency-key", "openai-beta", "anthropic-beta", "anthropic-version"]


@pytest.mark.parametrize("text", [NUMBER, WORD, WORD.replace("f", "%66"), WORD.replace("f", "%2566")])
@pytest.mark.parametrize("name", OUTSIDE)
async def test_by_a_header_that_goes_on(tmp_path, name, text):
    headers = {name: f"application/json; a={text}"}
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for _ in range(2):
            answer = await running.ask("POST", "/v1/chat/completions", json.dumps(chat("a")).encode(), headers)
            assert b"guardrail_blocked" in answer.body
        assert backend.requests == []
        assert text.encode() not in on_disk(tmp_path)
        assert (await running.post("/v1/chat/completions", chat("a"), {name: "application/json"})).status == 200


@pytest.mark.parametrize("text", [NUMBER, WORD, WORD.replace("f", "%66"), WORD.replace("f", "%2566")])
async def test_by_the_path(tmp_path, text):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for method, path in (("GET", f"/v1/files/{text}"), ("DELETE", f"/v1/a/{text}/b"), ("POST", f"/v1/{text}")):
            body = json.dumps(chat("a")).encode() if method == "POST" else b""
            answer = await running.ask(method, path, body)
            assert b"guardrail_blocked" in answer.body or answer.status == 404  # no path of the API has such letters
        assert backend.requests == []


@pytest.mark.parametrize(
    ("model", "headers"),
    [("gpt-x", {}), (None, {"x-llmgateway-route": "assistant"}), (None, {})],
)
async def test_by_naming_the_route_otherwise(tmp_path, model, headers):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        body = {"model": model, "input": NUMBER} if model else {"input": NUMBER}
        assert (await running.post("/v1/embeddings", body, headers)).status == 200
        await running.post("/v1/embeddings", {**body, "input": WORD}, headers)
        assert [NUMBER in said(request.body) for request in backend.requests] == [False]


async def test_by_the_name_of_the_model_itself(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        await running.post("/v1/chat/completions", {**chat("a"), "model": f"gpt-{NUMBER}"})
        answer = await running.post("/v1/chat/completions", {**chat("a"), "model": f"gpt-{WORD}"})
        assert b"guardrail_blocked" in answer.body
        assert [NUMBER in said(request.body) for request in backend.requests] == [False]


def split(text, between=(), **fields):
    """A message whose text is cut over parts."""
    return [{"type": "text", **fields, "text": text[:3]}, *between, {"type": "text", "text": text[3:]}]


ROWS = {
    "content": lambda text: chat(split(text)),
    "input_text": lambda text: {"model": "assistant", "input": [{"role": "user", "content": split(text, type="input_text")}]},
    "system": lambda text: chat("a", system=split(text)),
    "tool_result": lambda text: part(type="tool_result", content=split(text)),
    "characters": lambda text: chat([{"type": "text", "text": each} for each in text]),
    "empty_between": lambda text: chat(split(text, [{"type": "text", "text": ""}] * 3)),
    "picture_between": lambda text: chat(split(text, [{"type": "image_url", "image_url": {"url": 'https://a.example/{["b'}}])),
    "null_between": lambda text: chat(split(text, [None, 7, [], {}, "b", {"type": "text", "text": None}])),
    "more_inside": lambda text: chat(split(text, citations=[{"text": "b"}], cache_control={"text": "c"})),
    "behind_more": lambda text: chat([*split(text)[:1], {"citations": [{"text": "b"}], "type": "text", "text": text[3:]}]),
    "thinking": lambda text: chat([{"type": "thinking", "thinking": each} for each in (text[:3], text[3:])]),
    "refusal": lambda text: chat([{"type": "refusal", "refusal": each} for each in (text[:3], text[3:])]),
    "late": lambda text: chat("b", split("cd"), ["e"], [{"type": "text", "text": "a"}, *split(text)]),
}  # fmt: skip
SPELT = {
    "plain": lambda body: body,
    "name_escaped": lambda body: body.replace(b'"text": ', b'"t\\u0065xt": '),
    "one_name_escaped": lambda body: body.replace(b'"text": ', b'"\\u0074\\u0045x\\u0074" :\n', 1),
    "capitals": lambda body: body.replace(b'"text": ', b'"Text": '),
    "text_escaped": lambda body: body.replace(b'"for"', b'"%b"' % escaped("for").encode()),
}


@pytest.mark.parametrize("way", ROWS)
async def test_by_splitting_it_over_parts(tmp_path, way):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for spell in SPELT.values():
            body = spell(json.dumps(ROWS[way](NUMBER)).encode())
            assert (await running.ask("POST", "/v1/chat/completions", body)).status == 200
            body = spell(json.dumps(ROWS[way](WORD)).encode())
            answer = await running.ask("POST", "/v1/chat/completions", body)
            assert b"guardrail_blocked" in answer.body
        assert len(backend.requests) == len(SPELT)
        for request in backend.requests:
            assert NUMBER[3:] not in said(request.body)
            assert "[NUMBER]" in said(request.body)
        assert b'"%b' % NUMBER[3:].encode() not in on_disk(tmp_path)


async def test_by_splitting_it_over_parts_with_a_text_more(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for first in ('"text": "for", "text": "a"', '"text": "a", "Text": "for"', '"text": "for", "t\\u0065xt": "a"'):
            body = json.dumps(chat(["+", {"type": "text", "text": "bidden"}])).replace('"+"', f"{{{first}}}")
            answer = await running.ask("POST", "/v1/chat/completions", body.encode())
            assert b"guardrail_unsupported" in answer.body
        assert backend.requests == []


async def test_by_a_text_in_base64(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (_, running):
        url = f"data:text/plain;base64,{base64.b64encode(WORD.encode()).decode()}"
        answer = await running.post("/v1/chat/completions", part(type="image_url", image_url={"url": url}))
        assert b"guardrail_blocked" in answer.body


TOKENS = [
    '"prompt": [1, 2]', '"prompt": ["a", [1]]', '"input": [[1, 2]]', '"Prompt": [1]', '"prompt": [1], "prompt": "a"',
    '"prompt": "a", "prompt_token_ids": [1]', '"pro\\u006dpt": [1], "prompt": "a"', '"suffix": [1]',
    '"prompt_embeds": "AAAA"', '"input_ids": [1], "input_ids": null', '"input": [1.5]',
]  # fmt: skip


@pytest.mark.parametrize("member", TOKENS)
async def test_by_the_ids_of_its_tokens(tmp_path, member):
    body = f'{{"model": "assistant", {member}}}'.encode()
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.ask("POST", "/v1/completions", body)
        assert b"guardrail_unsupported" in answer.body
        assert backend.requests == []


async def test_by_the_character_that_texts_are_joined_with(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.post("/v1/chat/completions", chat("a\x1f" * 5 + WORD + "\x1f", f"\x1f{NUMBER}\x1f"))
        assert b"guardrail_blocked" in answer.body
