"""A caller whose key may use the route `once` alone tries to have another model served.

Each body is one that some backend's parser (Starlette's, Werkzeug's, aiohttp's, Go's) reads otherwise than a careless
gateway: there `forbidden` is the model. None may reach a backend whole.
"""

import json

import pytest
from tests.support import rows
from tests.support.plane import plane
from tests.support.rows import LIMITED_KEY, OK, answering, facing, raw_caller
from tests.support.wire_backend import WireBackend

PATH = "/v1/audio/transcriptions"
TYPE = "multipart/form-data; boundary=b"
HEAD = 'Content-Disposition: form-data; name="model"'
GOOD = f"--b\r\n{HEAD}\r\n\r\nonce\r\n"
FILE = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n'
END = "--b--\r\n"
BAD = f"--b\r\n{HEAD}\r\n\r\nforbidden\r\n"


def named(disposition: str) -> str:
    """A form whose last part is the model to parsers that understand `disposition`."""
    return f"{FILE}{GOOD}--b\r\n{disposition}\r\n\r\nforbidden\r\n{END}"


def form(parameters: str) -> str:
    return named(f"Content-Disposition: form-data; {parameters}")


TWO_FORMS = FILE + GOOD + END + BAD.replace("--b", "--c") + END.replace("--b", "--c")

FORMS = {
    "a parameter that only ends like boundary": ("multipart/form-data; xboundary=b; boundary=c", TWO_FORMS),
    "two boundaries": ("multipart/form-data; boundary=b; boundary=c", TWO_FORMS),
    "a boundary inside a text": ('multipart/form-data; x="; boundary=b"; boundary=c', TWO_FORMS),
    "a boundary by RFC 2231": ("multipart/form-data; boundary=b; boundary*=utf-8''c", TWO_FORMS),
    "two content types": (f"{TYPE}\r\ncontent-type: multipart/form-data; boundary=c", TWO_FORMS),
    "the field twice": (TYPE, FILE + GOOD + BAD + END),
    "a name by RFC 2231": (TYPE, form("name*=utf-8''model")),
    "a name in continuations": (TYPE, form('name*0="mo"; name*1="del"')),
    "a name behind a text that looks like one": (TYPE, form('x="; name=foo"; name="model"')),
    "a name behind such a file name": (TYPE, form('filename="; name=foo"; name="model"')),
    "a name behind an escaped quote": (TYPE, form('filename="a\\"; name="model"')),
    "an escape in the name": (TYPE, form('name="mo\\del"')),
    "a percent in the name": (TYPE, form('name="mo%64el"')),
    "another case": (TYPE, form('name="Model"')),
    "an array": (TYPE, form('name="model[]"')),
    "apostrophes for quotes": (TYPE, form("name='model'")),
    "blanks around the equals sign": (TYPE, form('name = "model"')),
    "a name twice": (TYPE, form('name="x"; name="model"')),
    "the field as a file": (TYPE, form('name="model"; filename="m"').replace(GOOD, "")),
    "a folded line": (TYPE, named('Content-Disposition: form-data;\r\n name="model"')),
    "two dispositions": (TYPE, named(f'Content-Disposition: form-data; name="x"\r\n{HEAD}')),
    "a blank before the colon": (TYPE, named(HEAD.replace(":", " :"))),
    "a lone CR in the headers": (TYPE, named(f"X: y\r{HEAD}")),
    "a lone LF in the headers": (TYPE, f"{FILE}{GOOD}--b\r\n{HEAD}\n\nforbidden\r\n{END}"),
    "another disposition": (TYPE, named(HEAD.replace("form-data", "attachment"))),
    "no disposition": (TYPE, f"{GOOD}--b\r\n\r\nforbidden\r\n{END}"),
    "line feeds alone": (TYPE, (FILE + BAD + END).replace("\r\n", "\n")),
    "a preamble": (TYPE, "x\n" + BAD + GOOD + FILE + END),
    "a part behind a false end": (TYPE, FILE + GOOD + "--b--x\r\n" + BAD + END),
    "a part behind the end": (TYPE, FILE + GOOD + END + BAD + END),
    "a boundary with something behind it": (TYPE, f"{FILE}--bb\r\n{HEAD}\r\n\r\nonce\r\n{END}"),
    "a boundary behind a lone LF": (TYPE, GOOD + FILE.removesuffix("\r\n") + "\n" + BAD + END),
    "a boundary behind a lone CR": (TYPE, GOOD + FILE.removesuffix("\r\n") + "\r" + BAD + END),
    "a boundary right behind the headers": (TYPE, FILE.replace("RIFF\r\n", "") + GOOD + END),
    "a form in a part": (
        TYPE,
        form('name="x"').replace("\r\n\r\nforb", "\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\nforb"),
    ),
    "a value in base64": (TYPE, (FILE + GOOD + END).replace(HEAD, f"{HEAD}\r\nContent-Transfer-Encoding: base64")),
    "a model that breaks off": (TYPE, FILE + BAD.removesuffix("\r\n")),
}


@pytest.mark.parametrize(("content_type", "body"), [pytest.param(*row, id=name) for name, row in FORMS.items()])
async def test_no_second_reading_of_a_form_reaches_a_backend(tmp_path, content_type, body):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(posted(PATH, content_type, body.encode()))
        answer = await caller.rest()
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), answer[:200]
        await running.quiet()
        assert backend.requests == []


ORDINARY = {
    "curl": (FILE + GOOD + END, "multipart/form-data; boundary=b"),
    "a quoted boundary": (FILE + GOOD + END, 'multipart/form-data; boundary="b"'),
    "no line end at the end": ((FILE + GOOD + END).removesuffix("\r\n"), TYPE),
    "Java": (
        (FILE + GOOD + END).replace(HEAD, f"{HEAD}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: 4"),
        TYPE,
    ),
    "Apache": ((FILE + GOOD + END).replace(HEAD, f"{HEAD}\r\nContent-Transfer-Encoding: 8bit"), TYPE),
    "a file's name by RFC 5987": (
        (FILE + GOOD + END).replace('"a.wav"', "\"a.wav\"; filename*=utf-8''%C3%A4.wav"),
        TYPE,
    ),
    "a path from Windows": ((FILE + GOOD + END).replace("a.wav", "C:\\dir\\a b.wav"), TYPE),
    "other fields": (FILE + GOOD + GOOD.replace('"model"', '"include[]"') + END, TYPE),
    "the boundary's letters in the file": ((FILE + GOOD + END).replace("RIFF", "RI--b\r\n-b--\n -b"), TYPE),
}


@pytest.mark.parametrize(("body", "content_type"), [pytest.param(*row, id=name) for name, row in ORDINARY.items()])
async def test_forms_as_clients_write_them_go_through(tmp_path, body, content_type):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(posted(PATH, content_type, body.encode()))
        assert (await caller.rest()).startswith(b"HTTP/1.1 200 ")
        assert backend.requests[0].body == body.encode()


JSON = b'{"model":"forbidden"}'
DISGUISES = {
    "an unknown endpoint as a file": ("/v1/engines/forbidden/completions", "application/octet-stream", JSON),
    "an unknown endpoint as audio": ("/v1/score", "audio/wav", JSON),
    "an endpoint of things as a file": ("/v1/threads/runs", "application/octet-stream", JSON),
    "an endpoint with an escaped letter": ("/v1/chat/%63ompletions", "application/octet-stream", JSON),
    "an endpoint in another case": ("/v1/Chat/completions", "application/octet-stream", JSON),
    "two content types": ("/v1/audio/transcriptions", "audio/wav\r\ncontent-type: application/json", JSON),
    "JSON in UTF-7": (
        "/v1/chat/completions",
        "application/json; charset=utf-7",
        b'{"model":"once","+AG0-odel":"forbidden"}',
    ),
    "JSON in a charset of RFC 2231": (
        "/v1/chat/completions",
        "application/json; charset*=''utf-7",
        b'{"model":"once","+AG0-odel":"x"}',
    ),
    "a letter that folds": ("/v1/chat/completions", "application/json", '{"model":"once","ſtream":true}'.encode()),
}


@pytest.mark.parametrize(
    ("path", "content_type", "body"), [pytest.param(*row, id=name) for name, row in DISGUISES.items()]
)
async def test_json_in_disguise_reaches_no_backend(tmp_path, path, content_type, body):
    async with facing(tmp_path, answering(OK)) as (running, backend), raw_caller(running) as caller:
        caller.send(posted(path, content_type, body, more="x-llmgateway-route: once\r\n"))
        answer = await caller.rest()
        assert answer[9:12] in {b"400", b"404", b"415"}, answer[:200]
        await running.quiet()
        assert backend.requests == []


def posted(path: str, content_type: str, body: bytes, more: str = "") -> bytes:
    """A request with the limited key, as bytes; the connection closes behind its reply."""
    head = f"POST {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {LIMITED_KEY}\r\nconnection: close\r\n"
    return f"{head}{more}content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"host": "127.0.0.1", "origin": "https://evil.example"}])
async def test_without_keys_a_web_page_can_not_use_the_gateway_through_a_browser(tmp_path, headers):
    config = rows.CONFIG.partition("[keys.app]")[0]
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=config) as running:
        refused = await running.ask(
            "POST", "/v1/chat/completions", json.dumps(rows.CHAT).encode(), {**headers, "content-type": ""}
        )
        assert refused.status == 401
        assert backend.requests == []
        assert (await running.ask("GET", "/v1/models", headers=headers)).status == 401
        assert (await running.post("/v1/chat/completions", rows.CHAT, {"host": "localhost:8080"})).status == 200
