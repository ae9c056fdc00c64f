"""Rows C20 to C32: what callers put into bodies. What is refused, what goes on byte for byte, and what is only data."""

import asyncio
import json
import time

import pytest
from tests.support.rows import (
    CHAT,
    LIMITED_KEY,
    OK,
    answering,
    assert_idle,
    assert_turned_away,
    chat,
    facing,
    raw_caller,
    request,
)
from tests.support.wire_backend import expect_head, until_closed

CHATS = "/v1/chat/completions"
BODY = json.dumps(CHAT).encode()
FORM = "multipart/form-data; boundary=b"


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--b\r\ncontent-disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


END = b"--b--\r\n"


async def turned_away(tmp_path, body: bytes, code: str, status: int = 400, **headers: str) -> dict:
    """The body is refused with `code`, kept as it came, and no backend is asked. Gives the error."""
    async with facing(tmp_path) as (running, backend):
        answer = await running.ask("POST", CHATS, body, headers)
        record = assert_turned_away(running, answer, status, code)
        assert answer.headers["x-should-retry"] == "false"
        assert backend.connections == []
        if status == 400:
            assert record.blobs.get("request", b"") == body
        return answer.json()["error"]


async def sent_on(tmp_path, body: bytes, path: str = CHATS, **headers: str) -> bytes:
    """The body is accepted; gives what the backend got. `once` and `claude` change nothing in it."""
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.ask("POST", path, body, headers)
        assert answer.status == 200, answer.body
        assert running.of_kind("admitted")[0].blobs.get("request", body) == body
        return backend.requests[0].body


# --- C20, C21: content types and forms ---


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json", "a/b; c", "*/*"]
)
async def test_c20_another_content_type_is_415(tmp_path, media):
    error = await turned_away(tmp_path, BODY, "unsupported_media_type", 415, **{"content-type": media})
    assert "It takes application/json: send the body with `Content-Type: application/json`." in error["message"]
    assert media not in error["message"].replace("application/json", "").replace("json`", "")


@pytest.mark.parametrize(
    ("path", "taken"),
    [("/v1/audio/transcriptions", "multipart/form-data, application/octet-stream, audio/* or image/*.")],
)
async def test_c21_where_files_are_taken_their_types_are_told(tmp_path, path, taken):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.ask("POST", path, BODY, {"content-type": "text/plain"})
        assert answer.status == 415
        assert answer.json()["error"]["message"].endswith(f"It takes application/json, {taken}")
        assert backend.connections == []


async def test_c20_in_the_other_dialect_it_is_told_as_well(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        answer = await running.ask("POST", "/v1/messages", BODY, {"content-type": "text/plain"})
        assert (answer.status, answer.json()["type"]) == (415, "error")
        assert "It takes application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "media", ["", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]
)
async def test_c20_json_by_any_of_its_names_or_none_is_json(tmp_path, media):
    assert await sent_on(tmp_path, BODY, **{"content-type": media}) == BODY


@pytest.mark.parametrize("path", [CHATS, "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/images/generations"])
@pytest.mark.parametrize("media", [FORM, "application/octet-stream", "audio/wav", "image/png"])
async def test_c21_where_json_is_spoken_nothing_else_is_read(tmp_path, path, media):
    """As a form or a file a body would go on unread: with a model nobody has checked."""
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.ask("POST", path, part("model", b"once") + END, {"content-type": media})
        assert answer.status == 415
        (record,) = running.records()
        assert record.meta["error_code"] == "unsupported_media_type"
        assert backend.connections == []


BAD_FORMS = {
    "no boundary": ("multipart/form-data", part("model", b"once") + END, "invalid_multipart"),
    "a long boundary": (f"multipart/form-data; boundary={'-' * 10_000}"[:8000], END, "invalid_multipart"),
    "a boundary of 71": (f"multipart/form-data; boundary={'b' * 71}", END, "invalid_multipart"),
    "10,000 parts": (FORM, part("x", b"") * 4_000 + part("model", b"once") + END, "invalid_multipart"),
    "endless part headers": (FORM, b"--b\r\n" + b"x: y\r\n" * 3_000, "invalid_multipart"),
    "a model of 10 KB": (FORM, part("model", b"m" * 10_000) + END, "invalid_value"),
    "a model that is no text": (FORM, part("model", b"\xff\xfe") + END, "invalid_value"),
}


@pytest.mark.parametrize(("media", "body", "code"), [pytest.param(*row, id=name) for name, row in BAD_FORMS.items()])
async def test_c21_a_form_that_makes_no_sense_is_refused(tmp_path, media, body, code):
    async with facing(tmp_path) as (running, backend):
        answer = await running.ask("POST", "/v1/audio/transcriptions", body, {"content-type": media})
        assert_turned_away(running, answer, 400, code)
        assert backend.connections == []


async def test_c21_dashes_behind_a_boundary_cost_no_time(tmp_path):
    body = (b"--b" + b"-" * 9_000 + b"\r\n") * 25
    async with facing(tmp_path, answering(OK)) as (running, _):
        started = time.monotonic()
        await running.ask("POST", "/v1/audio/transcriptions", body, {"content-type": FORM})
        assert time.monotonic() - started < 5


async def test_c21_names_in_a_form_are_nobodys_business_here(tmp_path):
    """No file is named after what a caller says, no charset obeyed: the form goes on as it is."""
    body = (
        part("_charset_", b"utf-7")
        + part("file", b"\0\xff" * 50, '; filename="../../etc/passwd"')
        + part("model", b"once")
        + END
    )
    assert await sent_on(tmp_path, body, "/v1/audio/transcriptions", **{"content-type": FORM}) == body


async def test_c21_a_form_that_never_ends_its_last_part_is_the_backends_to_judge(tmp_path):
    body = part("model", b"once") + part("file", b"x" * 100)
    assert await sent_on(tmp_path, body, "/v1/audio/transcriptions", **{"content-type": FORM}) == body


async def test_c21_an_upload_waits_for_its_model_within_its_limit(tmp_path):
    """The model comes last, or never: what waits for it is bounded by the upload's limit."""
    async with facing(tmp_path, [expect_head(), until_closed()]) as (running, backend):
        body = part("file", b"x" * 300_000) + part("model", b"once") + END
        answer = await running.ask("POST", "/v1/audio/transcriptions", body, {"content-type": FORM})
        assert (answer.status, answer.json()["error"]["code"]) == (413, "payload_too_large")
        assert "than the 262,144 bytes" in answer.json()["error"]["message"]  # what a developer needs to know
        assert backend.connections == []


# --- C22 to C24: what is no JSON, or too much of it ---

NO_JSON = {
    "null": b"null",
    "an array": b'[{"model":"once"}]',
    "a string": b'"once"',
    "a number": b"7",
    "two documents": BODY + BODY,
    "something behind": BODY + b"x",
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
    "invalid UTF-8": BODY.replace(b"hi", b"\xff\xfe"),
    "an overlong form": BODY.replace(b"hi", b"\xc0\xaf"),
    "white space": b"  \n ",
    "a lone quote": b'{"model":"once',
    "a trailing comma": b'{"model":"once",}',
    "comments": b'{"model":"once"} // x',
    "single quotes": b"{'model':'once'}",
    "a raw control character": b'{"model":"once","x":"a\x01b"}',
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in NO_JSON.items()])
async def test_c22_what_is_not_one_json_object_is_refused_and_kept_as_it_came(tmp_path, body):
    await turned_away(tmp_path, body, "invalid_json")


async def test_c22_no_body_at_all_is_refused(tmp_path):
    await turned_away(tmp_path, b"", "invalid_json")


DEEP = b'{"model":"once","x":' + b"[" * 199 + b"]" * 199 + b"}"


async def test_c23_a_body_may_nest_two_hundred_deep_and_no_deeper(tmp_path):
    assert await sent_on(tmp_path, DEEP) == DEEP
    (folder := tmp_path / "deeper").mkdir()
    await turned_away(folder, DEEP.replace(b"[[", b"[[[", 1).replace(b"]]", b"]]]", 1), "json_too_deep")


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"a":' * 10_000, DEEP.replace(b"[", b"[" * 100).replace(b"]", b"]" * 100)]
)
async def test_c23_depth_costs_little_and_never_a_500(tmp_path, body):
    started = time.monotonic()
    await turned_away(tmp_path, body, "json_too_deep")
    assert time.monotonic() - started < 5


async def test_c23_too_many_elements_are_refused_before_they_are_parsed(tmp_path, monkeypatch):
    from tests.support import rows

    monkeypatch.setattr(rows, "CONFIG", rows.CONFIG.replace('body = "64KiB"', 'body = "8MiB"'))
    body = b'{"model":"once","x":[' + b"{}," * 250_000 + b"{}]}"
    started = time.monotonic()
    await turned_away(tmp_path, body, "json_too_complex")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "+1", "01", "0x10", "1.", ".5", "1_0"])
async def test_c24_what_is_no_number_is_refused(tmp_path, number):
    await turned_away(tmp_path, f'{{"model":"once","temperature":{number}}}'.encode(), "invalid_json")


# --- C25 to C28: exactly as sent ---

EXACT = {
    "a seed of 2^64": b'{"seed":18446744073709551616,"model":"once"}',
    "2^53 + 1": b'{"model":"once","seed":9007199254740993}',
    "floats as written": b'{"model":"once","a":0.1,"b":1.0,"c":1e2,"d":0.30000000000000004,"e":-0.0,"f":1E-7}',
    "the order of keys": b'{"z":1,"model":"once","a":2,"m":3}',
    "white space": b' {\n\t"model" :\r\n "once" , "x":[ ] }\n ',
    "unknown fields": b'{"model":"once","brand_new":{"deep":[1,{"x":null}]},"":1}',
    "escapes as written": b'{"model":"once","x":"\\u00e9\\/\\ud83d\\ude00\\b"}',
    "NUL and controls": b'{"model":"once","x":"\\u0000\\u001b[31m\\u007f"}',
    "bidi and separators": '{"model":"once","x":"\u202e\u2066\u2028\u2029\x85\ufeff"}'.encode(),
    "names of prototypes": b'{"model":"once","__proto__":{"a":1},"constructor":1,"__class__":"x"}',
    "an unguarded key twice": b'{"model":"once","temperature":1,"temperature":2}',
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in EXACT.items()])
async def test_c25_c27_c28_what_is_valid_goes_on_byte_for_byte(tmp_path, body):
    assert await sent_on(tmp_path, body) == body


async def test_c25_only_the_model_is_exchanged(tmp_path):
    body = b'{ "seed":18446744073709551616 ,"model" : "assistant","x":"\\u00e9 model"}'
    assert await sent_on(tmp_path, body) == body.replace(b'"assistant"', b'"upstream-model"')


TWICE = [
    b'{"model":"once","model":"secret"}',
    b'{"model":"once","Model":"secret"}',
    b'{"model":"once","mod\\u0065l":"secret"}',
    b'{"model":"once","\\u006dODEL":"secret"}',
    b'{"model":"once","stream":false,"stream":true}',
    b'{"model":"once","STREAM":true}',
    b'{"model":"once","max_tokens":1,"max_tokens":100000}',
    b'{"model":"once","Max_Tokens":1}',
    b'{"model":"once","n":1,"n":100}',
    b'{"model":"once","messages":[],"messages":[]}',
    b'{"model":"once","messages":[],"x":{"messages":[]},"messages":[]}',
    b'{"Model":"once"}',
]


@pytest.mark.parametrize("body", TWICE)
async def test_c26_what_two_readers_could_read_differently_is_refused(tmp_path, body):
    error = await turned_away(tmp_path, body, "duplicate_key")
    assert error["param"] in {"model", "stream", "max_tokens", "n", "messages"}


async def test_c26_further_down_the_same_names_are_only_data(tmp_path):
    body = b'{"model":"once","tools":[{"model":1,"Model":2,"model":3}],"messages":[{"n":1,"n":2}]}'
    assert await sent_on(tmp_path, body) == body


@pytest.mark.parametrize("text", [b"\\ud800", b"\\udc00", b"\\ud83d x", b"\\ud800\\ud800"])
async def test_c27_half_a_surrogate_pair_is_refused(tmp_path, text):
    await turned_away(tmp_path, b'{"model":"once","x":"' + text + b'"}', "invalid_json")


@pytest.mark.parametrize(
    "metadata", [{f"k{at}": "v" for at in range(17)}, {"k": "v" * 513}, {"k" * 513: "v"}, "text", [1], 7]
)
async def test_c28_metadata_has_bounds(tmp_path, metadata):
    error = await turned_away(tmp_path, json.dumps({**CHAT, "metadata": metadata}).encode(), "invalid_value")
    assert error["param"] == "metadata"


async def test_c28_ten_thousand_entries_of_metadata_cost_no_record_either(tmp_path):
    body = json.dumps({**CHAT, "metadata": {str(at): 0 for at in range(5_000)}}).encode()
    await turned_away(tmp_path, body, "invalid_value")


async def test_c28_names_of_prototypes_in_metadata_are_tags_like_any_other(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        assert (await chat(running, metadata={"__proto__": "a", "constructor": "b"})).status == 200
        assert running.of_kind("admitted")[0].meta["tags"] == {"__proto__": "a", "constructor": "b"}


# --- C29 to C31: types, caps, and fields that name places ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 123),
        ("model", ["once"]),
        ("model", {}),
        ("model", True),
        ("stream", "true"),
        ("stream", 1),
        ("user", 7),
    ],
)
async def test_c29_fields_that_decide_here_have_their_types(tmp_path, field, value):
    error = await turned_away(tmp_path, json.dumps({**CHAT, field: value}).encode(), "invalid_value")
    assert error["param"] == field
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": "x"},
        {"messages": [{"role": "wizard"}]},
        {"temperature": "hot"},
        {"stream": None},
        {"tools": 7},
        {"n": 0},
    ],
)
async def test_c29_the_others_are_the_backends_to_judge(tmp_path, fields):
    body = json.dumps({**CHAT, **fields}).encode()
    assert await sent_on(tmp_path, body) == body


PLACES = {
    "api_base": "http://169.254.169.254/",
    "base_url": "http://127.0.0.1:9/",
    "api_key": "sk-theirs",
    "extra_headers": {"authorization": "Bearer x", "host": "elsewhere"},
    "timeout": 0,
    "proxy": "http://127.0.0.1:9",
    "provider": {"order": ["x"]},
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
    "image_url": "http://169.254.169.254/latest/meta-data",
}


async def test_c31_fields_that_name_places_are_only_data(tmp_path):
    body = json.dumps({**CHAT, **PLACES}).encode()
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.ask("POST", CHATS, body)
        assert answer.status == 200
        assert backend.requests[0].body == body
        assert backend.requests[0].header(b"host") == f"127.0.0.1:{backend.port}".encode()
        assert backend.requests[0].header(b"authorization") == b"Bearer sk-upstream-secret"


# --- C32: models ---

MODELS = [
    "nope",
    "../once",
    "*",
    "o*",
    "' OR 1=1 --",
    "ONCE",
    "оnce",
    "once ",
    " once",
    "once\0",
    "on\nce",
    "",
    "m" * 10_000,
]


@pytest.mark.parametrize("model", MODELS)
async def test_c32_a_model_that_is_not_there_is_404_and_makes_no_label(tmp_path, model):
    async with facing(tmp_path) as (running, backend):
        answer = await chat(running, model)
        record = assert_turned_away(running, answer, 404, "model_not_found")
        assert answer.json()["error"]["param"] == "model"
        assert len(record.meta["request_model"]) <= 256
        assert record.meta["route"] is None
        assert backend.connections == []
        assert not running.worker.gateway.gauges.in_flight
        assert_idle(running)


async def test_c32_a_forbidden_model_looks_like_one_that_is_not_there(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        headers = {"authorization": f"Bearer {LIMITED_KEY}"}
        answers = [await running.post(CHATS, {**CHAT, "model": name}, headers) for name in ("assistant", "nope")]
        assert len({(answer.status, json.dumps(answer.json()["error"])) for answer in answers}) == 1
        assert answers[0].status == 404
        listed = await running.ask("GET", "/v1/models", headers=headers)
        assert [model["id"] for model in listed.json()["data"]] == ["once"]
        assert (await running.ask("GET", "/v1/models/assistant", headers=headers)).status == 404
        assert (await running.post(CHATS, CHAT, headers)).status == 200


async def test_c27_a_record_holds_whatever_was_said_on_one_line(tmp_path):
    said = "a\nb\r\u2028\x1b[31m\u0000"
    async with facing(tmp_path, answering(OK)) as (running, _):
        assert (await chat(running, user=said)).status == 200
        assert running.of_kind("admitted")[0].meta["user"] == said


async def test_c22_bodies_cut_anywhere_in_time_are_the_same_body(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        raw = request(BODY)
        for at in range(len(raw)):
            caller.send(raw[at : at + 1])
            await asyncio.sleep(0)
        assert (await caller.receive()).startswith(b"HTTP/1.1 200 ")
        assert backend.requests[0].body == BODY
