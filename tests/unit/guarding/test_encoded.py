"""Texts in base64 and in data URLs: found whatever they are called, and however leniently they must be decoded."""

import json
import math
import struct
from base64 import b64decode, b64encode, urlsafe_b64encode
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.body import MAX_FILES, Sieve
from llmgateway.guarding.encoded import begins_as_text, encoded_texts
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders

SAID = "call 5551234 now, it is \u00fcber"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"5551234" * 300
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n\x01\x02" + b"5551234" * 300


def base64(text):
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


def judged(document, *links, stage=Stage.REQUEST):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sieve = Sieve(chain(*(links or (numbers(),))), stage, Notes(), Placeholders(), is_strict=True)
    return json.loads(sieve.json(body))


WAYS = {
    "plain": lambda text: f"data:text/plain;base64,{base64(text)}",
    "nothing": lambda text: f"data:;base64,{base64(text)}",
    "picture": lambda text: f"data:image/png;base64,{base64(text)}",
    "json": lambda text: f"data:application/json;base64,{base64(json.dumps({'a': text}))}",
    "lines": lambda text: f"data:application/jsonl;base64,{base64(json.dumps({'a': text}) * 1 + chr(10) + '{}')}",
    "capitals": lambda text: f" DATA:Text/Plain;charset=UTF-8;BASE64,{base64(text)}",
    "blanks": lambda text: "data:text/csv; base64," + "\n ".join(base64(text)),
    "no_padding": lambda text: f"data:text/plain;base64,{base64(text).rstrip('=')}",
    "odd_characters": lambda text: "data:text/plain;base64," + "!*".join(base64(text)),
    "url_safe": lambda text: f"data:text/plain;base64,{urlsafe_b64encode(b'??>' + text.encode()).decode()}",
    "two_in_a_row": lambda text: f"data:text/plain;base64,{base64(text[:7])}{base64(text[7:])}",
    "percent": lambda text: f"data:text/plain;base64,{''.join(f'%{ord(each):02x}' for each in base64(text))}",
    "bom": lambda text: f"data:text/plain;base64,{base64(chr(0xFEFF) + text)}",
    "latin": lambda text: f"data:text/plain;base64,{base64(text.encode('latin-1'))}",
    "more_behind": lambda text: f"data:text/plain;base64;charset=utf-8,{base64(text)}",
    "long_head": lambda text: f"data:text/plain;x={'a' * 900};base64,{base64(text)}",
    "comma_in_head": lambda text: f'data:text/plain;x="a,b";base64,{base64(text)}',
    "quoted": lambda text: "data:text/plain," + "".join(f"%{each:02X}" for each in text.encode()),
    "in_itself": lambda text: "data:;base64," + base64(json.dumps({"a": f"data:;base64,{base64(text)}"})),
}


def content(url):
    """What a program reads out of a data URL."""
    head, _, payload = url.strip().rpartition(",") if "base64" in url.lower() else url.partition(",")
    raw = b64decode(payload) if "base64" in head.lower() else unquote(payload).encode()
    return raw.decode("utf-8", "replace")


@pytest.mark.parametrize("way", WAYS)
def test_a_data_url_that_is_a_text(way):
    after = judged({"url": WAYS[way](SAID)})["url"]
    if way == "in_itself":
        after = json.loads(content(after))["a"]
    assert "[NUMBER]" in content(after)
    assert "5551234" not in content(after)
    assert after.lower().strip().startswith("data:")
    with pytest.raises(Blocked):
        judged({"any": [WAYS[way](SAID)]}, word("5551234", Action.BLOCK))
    assert judged({"url": WAYS[way]("fine")}) == {"url": WAYS[way]("fine")}


FILES = {
    "anthropic": lambda text: {"source": {"type": "base64", "media_type": "text/plain", "data": text}},
    "media_behind": lambda text: {"source": {"data": text, "type": "base64", "media_type": "text/plain"}},
    "no_media": lambda text: {"data": text},
    "file_data": lambda text: {"file": {"filename": "a.txt", "file_data": text}},
    "escaped_name": lambda text: {"file": {"d+ata": text}},
    "capitals": lambda text: {"Data": text},
}


@pytest.mark.parametrize("length", [1, 100])
@pytest.mark.parametrize("way", FILES)
def test_a_file_that_is_a_text(way, length):
    def made(text):
        return json.dumps(FILES[way](base64(text))).replace("d+ata", "d\\u0061ta").encode()

    (found,) = encoded_texts(json.dumps(judged(made(SAID * length))).encode())
    assert found.text == "call [NUMBER] now, it is \u00fcber" * length
    assert judged(made("fine")) == json.loads(made("fine"))


@pytest.mark.parametrize(
    "file", [PNG, PDF, bytes(range(256)) * 9, b"\0" * 4000, b"\xff\xfb\x90\x44" + b"\0" * 900 + b"\x01"]
)
def test_pictures_and_sound_pass_as_they_are(file):
    for document in ({"url": f"data:image/png;base64,{base64(file)}"}, {"data": base64(file)}):
        assert judged(document, word("5551234", Action.BLOCK)) == document


@pytest.mark.parametrize(
    "document",
    [
        {"url": f"data:text/plain;base64,{base64(SAID.encode('utf-16'))}"},
        {"url": f"data:text/plain;charset=utf-7;base64,{base64(SAID)}"},
        {"url": f"data:text/plain;charset=utf-16,{quote(SAID.encode('utf-16'))}"},
        {"source": {"type": "base64", "media_type": "text/plain", "data": base64("a\0" + SAID)}},
        {"data": base64(SAID.encode("utf-16") * 20)},
        {"data": base64(SAID.encode("utf-16-be") * 20)},
        {"data": base64(SAID.encode("utf-32-le") * 20)},
        {"url": f"data:;base64,{base64('it is 5551234' + chr(0))}"},
    ],
)
def test_a_text_that_cannot_be_read_passes_only_where_nothing_is_enforced(document):
    with pytest.raises(GatewayError) as caught:
        judged(document)
    assert caught.value.code == "guardrail_unsupported"
    assert judged(document, numbers(mode=Mode.OBSERVE)) == document


def test_a_plain_document_is_no_base64():
    document = {"source": {"type": "text", "media_type": "text/plain", "data": "Some prose here it is"}}
    assert judged(document) == document
    assert judged({"data": "any prose at all"}) == {"data": "any prose at all"}


@pytest.mark.parametrize("size", [1, 20])
def test_a_stray_byte_hides_nothing(size):
    text = b"it is 5551234 and nothing else, \0 or \xff or \x01, on and on and on it goes" * size
    for document in ({"data": base64(text)}, {"url": f"data:image/png;base64,{base64(text)}"}):
        (found,) = encoded_texts(json.dumps(judged(document)).encode())
        assert found.text.encode("latin-1") == text.replace(b"5551234", b"[NUMBER]")


@settings(max_examples=300)
@given(st.text("0123456789abcdefABCDEFxyz_- .", max_size=500))
def test_any_word_may_be_called_data(text):
    assert judged({"data": text}, word("never there")) == {"data": text}


@settings(max_examples=200)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=150, max_size=300))
def test_prose_is_no_file_however_long(words):
    for document in ({"type": "text", "media_type": "text/plain", "data": "".join(words)}, {"data": " ".join(words)}):
        assert judged(document, word("never there")) == document


def test_what_a_file_is_called_twice_hides_nothing():
    for types in ('"type":"text",', '"type":"base64","type":"text",', '"type":"text","t\\u0079pe":"base64",'):
        with pytest.raises(Blocked):
            judged(f'{{{types}"data":"{base64(SAID)}"}}'.encode(), word("5551234", Action.BLOCK))


def test_files_in_files_end_somewhere():
    text = "fine"
    for _ in range(MAX_FILES + 1):
        text = "data:;base64," + base64(json.dumps([text]))
    with pytest.raises(GatewayError):
        judged([text])


def test_lines_of_json_are_looked_into_and_others_judged_as_texts():
    lines = json.dumps({"a": json.dumps({"b": "5551234"})}) + "\nor 5551234\nand 5551234\n{no\n"
    after = content(judged(["data:;base64," + base64(lines)])[0])
    assert after == json.dumps({"a": '{"b": "[NUMBER]"}'}) + "\nor [NUMBER]\nand [NUMBER]\n{no\n"


QUIET = {
    "almost silence": [(each * 7) % 5 - 2 for each in range(600)],
    "a hum": [round(100 * math.sin(each / 76)) for each in range(600)],
    "silence and a beginning": [max(0, each - 500) for each in range(600)],
}


@pytest.mark.parametrize("samples", QUIET.values(), ids=QUIET)
@pytest.mark.parametrize("order", "<>")
def test_quiet_sound_does_not_begin_as_a_text(samples, order):
    raw = struct.pack(f"{order}{len(samples)}h", *samples)
    assert [at for at in range(0, 100, 2) if begins_as_text(raw[at : at + 1024])] == []


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["a", "I am 090-1234-5678, am I?\r\n\tYes, I am. " * 50])
def test_a_text_does_whatever_its_encoding(codec, text):
    assert begins_as_text(text.encode(codec)[:1024])


def test_a_file_of_another_kind_with_words_at_its_beginning_does_not():
    assert not begins_as_text(b"notes/of/today.txt" + bytes(82) + b"0000644\0000001750\0" + bytes(900))
