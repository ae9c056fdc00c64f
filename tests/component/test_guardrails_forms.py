"""Forms and files before guardrails: their texts are judged, pictures and sound pass, and nothing else does."""

import asyncio
import json

import h11
import pytest
from tests.support import guardrails
from tests.support.bypass import GUARDED, NUMBER, WORD, answers, completion, guarded, on_disk, said, whole
from tests.support.plane import plane
from tests.support.wire_backend import WireBackend

OK = whole(completion("fine"))
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\2\3" + b"5551234" * 90
WAV = b"RIFF\0\1\2\3WAVEfmt " + bytes(range(256)) * 30
FORM = {"content-type": "multipart/form-data; boundary=b"}
FILES = "/v1/files"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


def part(name, content, more="", head=""):
    content = content if isinstance(content, bytes) else content.encode()
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'.encode() + content + b"\r\n"


def file(content, name="a.txt", field="file", head=""):
    return part(field, content, f'; filename="{name}"', head)


def form(*parts):
    return b"".join(parts) + b"--b--\r\n"


MODEL = part("model", "assistant")
SOUND = file(WAV, "a.wav", head="Content-Type: audio/wav\r\n")
LINE = {"custom_id": "a", "body": {"messages": [{"content": "+"}]}}

TEXTS = {
    "prompt": ("/v1/images/edits", lambda text: form(MODEL, file(PNG, "a.png", "image"), part("prompt", f"so {text}"))),
    "prompt_before": ("/v1/images/edits", lambda text: form(part("prompt", f"so {text}"), MODEL, file(PNG, "a.png"))),
    "variation": ("/v1/images/variations", lambda text: form(MODEL, part("user", text), file(PNG, "a.png", "image"))),
    "transcription": ("/v1/audio/transcriptions", lambda text: form(SOUND, MODEL, part("prompt", text))),
    "json_field": (FILES, lambda text: form(part("more", json.dumps({"a": json.dumps([text])})))),
    "two_pictures": (
        "/v1/images/edits",
        lambda text: form(MODEL, *[file(PNG, f"{n}.png", "image[]") for n in "ab"], part("prompt", text)),
    ),
    "file": (FILES, lambda text: form(part("purpose", "batch"), file(f"so {text} it\nis"))),
    "file_that_says_to_be_a_picture": (FILES, lambda text: form(file(text, "a.png", head="Content-Type: image/png\r\n"))),
    "file_in_latin": (FILES, lambda text: form(file(f"\xfc {text}".encode("latin-1"), "a"))),
    "json_file": (FILES, lambda text: form(file(json.dumps({"a": [text]}, indent=1)))),
    "lines": (FILES, lambda text: form(file("\n".join([json.dumps(LINE).replace("+", each) for each in ("a", text)])))),
    "lines_nested": (FILES, lambda text: form(file(json.dumps({"a": json.dumps([text])}) + "\nno\n"))),
    "lines_split": (FILES, lambda text: form(file(json.dumps([{"text": each} for each in text]) + '\n{"a": 1}'))),
    "base64": (FILES, lambda text: form(file(json.dumps({"url": f"data:,{text[0]}%{ord(text[1]):x}{text[2:]}"})))),
    "number": (FILES, lambda text: form(file(f'{{"a": {text if text.isdigit() else json.dumps(text)}}}'))),
    "parts_of_an_upload": ("/v1/uploads/u/parts", lambda text: form(file(text, "blob", "data"))),
}  # fmt: skip


@pytest.mark.parametrize("way", TEXTS)
async def test_texts_in_forms_are_judged(tmp_path, way):
    path, make = TEXTS[way]
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        assert (await running.ask("POST", path, make(NUMBER), FORM)).status == 200
        answer = await running.ask("POST", path, make(WORD), FORM)
        assert b"guardrail_blocked" in answer.body
        (request,) = backend.requests
        body = request.body.replace(PNG, b"")
        assert NUMBER not in said(body)
        assert b"NUMBER" in body
        assert body.count(b"\r\n--b") == make(NUMBER).count(b"\r\n--b")
        kept = on_disk(tmp_path)
        assert NUMBER.encode() not in kept
        assert WORD.encode() not in kept


async def test_what_nothing_is_found_in_passes_as_it_came_with_the_versions_model(tmp_path):
    body = form(file(PNG, "a.png", "image"), MODEL, part("prompt", "a cat"), SOUND, file(b"", "empty.txt", "none"))
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        assert (await running.ask("POST", "/v1/images/edits", body, FORM)).status == 200
        (request,) = backend.requests
        assert request.body == body.replace(b"assistant", b"upstream-model")
        await running.quiet()
        assert running.of_kind("admitted")[0].meta["request_bytes"] == len(body)
        assert running.worker.gateway.bodies.held == 0


@pytest.mark.parametrize("mark", ["a'()+_,-./:=? b", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "NUMBER", "5"])
async def test_whatever_the_boundary(tmp_path, mark):
    body = form(MODEL, part("prompt", f"so\r\n--{NUMBER}"), file(PNG, "a.png")).replace(b"--b", f"--{mark}".encode())
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        media = f'multipart/form-data; boundary="{mark}"'
        answer = await running.ask("POST", "/v1/images/edits", body, {"content-type": media})
        if mark == "5":
            assert answer.status == 400  # the prompt has it, too
            return
        (request,) = backend.requests
        expected = body.replace(b"--" + NUMBER.encode(), b"--[NUMBER]").replace(b"assistant", b"upstream-model")
        assert request.body == expected
        assert dict(request.headers)[b"content-type"] == media.encode()


async def test_a_form_in_chunks(tmp_path):
    body = form(MODEL, part("prompt", f"so {NUMBER}"), file(PNG, "a.png"))
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        caller = await running.connect()
        headers = {"host": "g", "authorization": "Bearer lgw_test", "transfer-encoding": "chunked", **FORM}
        head = h11.Request(method="POST", target="/v1/images/edits", headers=[*headers.items()])
        caller.writer.write(caller.wire.send(head))
        for at in range(0, len(body), 7):
            caller.writer.write(caller.wire.send(h11.Data(data=body[at : at + 7])))
        caller.writer.write(caller.wire.send(h11.EndOfMessage()))
        assert (await caller.receive()).status == 200
        assert backend.requests[0].body == body.replace(NUMBER.encode(), b"[NUMBER]", 1).replace(
            b"assistant", b"upstream-model"
        )


async def test_a_fallback_has_its_own_model_and_no_more_of_the_form(tmp_path):
    async with WireBackend(answers(OK)) as two, plane(tmp_path, "http://127.0.0.1:9", two.url, GUARDED) as running:
        body = form(part("model", "resilient"), part("prompt", f"so {NUMBER}"), file(PNG, "a.png"))
        assert (await running.ask("POST", "/v1/images/edits", body, FORM)).status == 200
        (request,) = two.requests
        expected = body.replace(NUMBER.encode(), b"[NUMBER]", 1).replace(b"resilient", b"fallback-model")
        assert request.body == expected


@pytest.mark.parametrize("size", [40_000, 1_500_000])
async def test_long_files_are_judged_too(tmp_path, size):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        filling = "word " * (size // 5)
        for text in (NUMBER, WORD):
            answer = await running.ask("POST", FILES, form(file(filling + text), part("a", "b")), FORM)
        assert b"guardrail_blocked" in answer.body
        (request,) = backend.requests
        assert b"[NUMBER]\r\n" in request.body
        await running.quiet()
        assert running.worker.gateway.bodies.held == 0


REFUSED = {
    "wide": form(file(f"so {WORD}".encode("utf-16"))),
    "wide_without_a_mark": form(file(f"so {WORD}".encode("utf-16-be"), "a")),
    "zero_in_a_text": form(file(f"{WORD}\0 a\1")),
    "zero_in_a_file": form(file(f"so {WORD} and on it goes\0", "a")),
    "control_in_a_file": form(file(f"so {WORD} and on it goes\1\xff".encode("latin-1"), "a")),
    "tokens": form(file(json.dumps({"custom_id": "a", "body": {"input": [1, 2]}}) + "\n{}")),
    "zero_in_a_field": form(part("prompt", f"{WORD}\0")),
    "field_in_latin": form(part("prompt", f"\xfc {WORD}".encode("latin-1"))),
    "charset": form(part("prompt", WORD, head="Content-Type: text/plain; charset=utf-7\r\n")),
    "charset_of_all": form(part("_charset_", "utf-7"), part("prompt", "+AGY-orbidden")),
    "encoded": form(part("prompt", WORD, head="Content-Transfer-Encoding: base64\r\n")),
    "nested": form(file(b"--c\r\n\r\n--c--", head="Content-Type: multipart/mixed; boundary=c\r\n")),
    "message": form(file(WORD, head="Content-Type: message/rfc822\r\n")),
    "twice": form(part("prompt", "for"), part("prompt", "bidden")),
    "twice_otherwise": form(part("prompt", "for"), part("Prompt", "bidden")),
    "file_twice": form(file("a", "a.txt"), file("b", "b.txt")),
    "file_and_field": form(file("a", "a.txt", "image[]"), part("image[]", "b")),
    "two_names": form(part("file", "a", "; filename=\"a\"; filename*=UTF-8''b")),
    "preamble": f"{WORD}\r\n".encode() + form(MODEL),
    "epilogue": form(MODEL) + f"{WORD}\r\n".encode(),
    "name": form(part(WORD, "a")),
    "name_escaped": form(part(WORD.replace("f", "%66"), "a")),
    "file_name": form(file("a", f"{WORD}.txt")),
    "file_name_number": form(file("a", f"{NUMBER}.txt")),
    "header": form(part("prompt", "a", head=f"X-More: {WORD}\r\n")),
    "media": form(file(PNG, "a.png", head=f"Content-Type: image/{WORD}\r\n")),
    "cut": form(part("prompt", WORD))[:-9],
    "boundary_in_a_part": form(part("prompt", "a --b a")),
}


@pytest.mark.parametrize("way", REFUSED)
async def test_what_is_not_understood_is_refused(tmp_path, way):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        for parts in (REFUSED[way], MODEL + REFUSED[way]):
            answer = await running.ask("POST", "/v1/images/edits", parts, FORM)
            assert answer.status == 400
        assert backend.requests == []
        assert WORD.encode() not in on_disk(tmp_path)


async def test_a_form_that_is_too_long_is_refused(tmp_path):
    config = GUARDED.replace("[data]", "[server.limits]\nbody = 20_000\n[data]", 1)
    async with guarded(tmp_path, answers(OK), config=config) as (backend, running):
        assert (await running.ask("POST", FILES, form(file("a " * 9_000)), FORM)).status == 200
        answer = await running.ask("POST", FILES, form(file("a " * 10_500)), FORM)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "guardrail_unsupported")
        assert len(backend.requests) == 1
        await running.quiet()
        assert running.worker.gateway.bodies.held == 0


async def test_a_caller_who_leaves_in_the_middle_gives_its_room_back(tmp_path):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        caller = await running.connect()
        body = form(MODEL, file("a " * 90_000))
        caller.send("POST", FILES, body, FORM)
        await asyncio.sleep(0)
        caller.writer.close()
        await running.quiet()
        assert running.worker.gateway.bodies.held == 0


FILES_ALONE = [
    ("/v1/audio/transcriptions", "audio/wav", WAV, 200),
    ("/v1/images/edits", "image/png", PNG, 200),
    ("/v1/files", "application/octet-stream", PNG, 200),
    ("/v1/files", "application/octet-stream", b"\xff\xfb\x90\x44\0\0\1" * 900, 200),
    ("/v1/audio/transcriptions", "audio/x", bytes(range(256)), 200),
    ("/v1/files", "application/octet-stream", bytes(range(256)) * 20, 400),
    ("/v1/files", "application/octet-stream", b"GIF89a and a text", 400),
    ("/v1/audio/transcriptions", "audio/wav", WORD.encode(), 400),
    ("/v1/audio/transcriptions", "audio/wav", WORD.encode("utf-16"), 400),
    ("/v1/images/edits", "image/svg+xml", f"<svg>{WORD}</svg>".encode(), 400),
]


@pytest.mark.parametrize(("path", "media", "body", "status"), FILES_ALONE)
async def test_a_file_alone_passes_if_it_is_certainly_sound_or_a_picture(tmp_path, path, media, body, status):
    async with guarded(tmp_path, answers(OK)) as (backend, running):
        answer = await running.ask("POST", path, body, {"content-type": media})
        assert answer.status == status
        assert [request.body for request in backend.requests] == ([body] if status == 200 else [])


async def test_where_guardrails_only_look_forms_pass_piece_by_piece(tmp_path):
    config = GUARDED.replace('action = "block"', 'mode = "observe"').replace("least = 7", 'least = 7\nmode = "observe"')
    async with guarded(tmp_path, answers(OK), config=config) as (backend, running):
        assert (await running.ask("POST", FILES, REFUSED["twice"], FORM)).status == 200
        assert backend.requests[0].body == REFUSED["twice"]


JUDGED = GUARDED.replace('baseline = ["numbers", "words"]', 'baseline = ["loud"]').replace(
    "[guardrails.numbers]",
    '[guardrails.loud]\nuse = "shouting"\nsource = "user"\naction = "block"\n[guardrails.numbers]',
)


async def test_judges_see_prompts_as_a_users_and_files_as_nobodys(tmp_path):
    async with guarded(tmp_path, answers(OK), config=JUDGED) as (backend, running):
        for body in (
            form(MODEL, part("prompt", "LOUD")),
            form(file(json.dumps([{"role": "user", "content": "LOUD"}]))),
        ):
            assert b"guardrail_blocked" in (await running.ask("POST", "/v1/images/edits", body, FORM)).body
        assert backend.requests == []
        assert (await running.ask("POST", FILES, form(file("LOUD"), part("a", "LOUD")), FORM)).status == 200


async def test_values_come_back_in_the_answer_to_a_form(tmp_path):
    config = GUARDED.replace("least = 7", "least = 7\nrestore = true")
    answer = whole({"text": "so <NUMBER_2> and <NUMBER_1>"})
    async with guarded(tmp_path, answers(answer), config=config) as (backend, running):
        body = form(part("prompt", f"{NUMBER} not <NUMBER_1>"), SOUND)
        got = await running.ask("POST", "/v1/audio/transcriptions", body, FORM)
        assert got.json()["text"] == f"so {NUMBER} and <NUMBER_1>"
        assert b"<NUMBER_2> not <NUMBER_1>" in backend.requests[0].body
