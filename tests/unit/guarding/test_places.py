"""What judges have found goes out of a body wherever its text stands there, and nothing else changes."""

import base64
import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.chain import Hit
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.pieces import as_read, pieces_of, texts_of_reply
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.places import NOT_STORED, Places
from llmgateway.ports.judge import Piece


class Names:
    """In the place of an analyzer: every Ada."""

    name = "names"
    version = "1"


LINK = JudgeLink("names", Names(), Action.REDACT, locates=True)
NAME = "Ada"


def found(pieces, link=LINK, stage=Stage.REQUEST, name=NAME) -> Places:
    places = Places(stage)
    for piece in pieces:
        at = piece.text.find(name)
        while at >= 0:
            places.add(piece, Hit(at, at + len(name), link, "person", 0.9))
            at = piece.text.find(name, at + 1)
    return places


def redacted(document, link=LINK, stage=Stage.REQUEST, placeholders=None):
    pieces = pieces_of(document) if stage is Stage.REQUEST else [each.piece for each in texts_of_reply(document)]
    body = json.dumps(document).encode()
    return json.loads(found(as_read(pieces), link, stage).redacted(body, placeholders or Placeholders()))


def chat(content):
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


DATA = "data:text/plain;base64," + base64.b64encode(b"Ada was here").decode()
CASES = {
    "content": (chat("Ada and Ada"), chat("[PERSON] and [PERSON]")),
    "parts": (
        chat([{"type": "text", "text": "I am Ada"}, {"type": "text", "text": "x"}]),
        chat([{"type": "text", "text": "I am [PERSON]"}, {"type": "text", "text": "x"}]),
    ),
    "a tool's result": (
        {"messages": [{"role": "tool", "content": "Ada\n"}]},
        {"messages": [{"role": "tool", "content": "[PERSON]\n"}]},
    ),
    "arguments in a string": (
        {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": '{"to": "Ada", "n": 1.50}'}}]}]},
        {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": '{"to": "[PERSON]", "n": 1.50}'}}]}]},
    ),
    "arguments with escapes, which go with what was found": (
        {
            "messages": [
                {"tool_calls": [{"function": {"name": "f", "arguments": '{"to": "\\u0041da", "a": "\\u00e4\\n"}'}}]}
            ]
        },
        {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": '{"to": "[PERSON]", "a": "ä\\n"}'}}]}]},
    ),
    "a text that is no JSON and has escapes": (chat("C:\\u0041da \\d"), chat("C:[PERSON] \\d")),
    "arguments as an object, whatever its names are": (
        {"messages": [{"content": [{"type": "tool_use", "input": {"role": "Ada", "id": "Ada"}}]}]},
        {"messages": [{"content": [{"type": "tool_use", "input": {"role": "[PERSON]", "id": "[PERSON]"}}]}]},
    ),
    "a file": (
        chat([{"type": "file", "file": {"file_data": DATA}}]),
        chat([{"type": "file", "file": {"file_data": DATA[:23] + base64.b64encode(b"[PERSON] was here").decode()}}]),
    ),
    "embeddings": ({"input": ["Ada", "no"]}, {"input": ["[PERSON]", "no"]}),
    "a word for programs is none": (
        {"role": "Ada", "messages": [{"role": "Ada", "content": "Ada"}]},
        {"role": "Ada", "messages": [{"role": "Ada", "content": "[PERSON]"}]},
    ),
    "a name of a member is none": ({"Ada": "x", "input": "Ada"}, {"Ada": "x", "input": "[PERSON]"}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_goes_out_of_a_request_wherever_it_stands(case):
    document, expected = CASES[case]
    assert redacted(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"choices": [{"message": {"content": "Ada"}}, {"message": {"content": "Ada, Ada"}}], "status": "Ada"},
            {"choices": [{"message": {"content": "[PERSON]"}}, {"message": {"content": "[PERSON], [PERSON]"}}], "status": "Ada"},
        ),
        (
            {"content": [{"type": "tool_use", "input": {"status": "Ada"}}], "id": "Ada"},
            {"content": [{"type": "tool_use", "input": {"status": "[PERSON]"}}], "id": "Ada"},
        ),
    ],
)  # fmt: skip
def test_and_out_of_a_reply(document, expected):
    assert redacted(document, stage=Stage.REPLY) == expected


def test_every_other_byte_stays_as_it_was():
    body = b'{ "input" : ["Ad\\u0061" , 1e5,\t"\\/"], "big": 12345678901234567890.10 }'
    places = found(pieces_of(json.loads(body)))
    assert places.redacted(body, Placeholders()) == body.replace(b'"Ad\\u0061"', b'"[PERSON]"')


@pytest.mark.parametrize("body", [b"Ada wrote this", b'"Ada wrote this"'])
def test_a_reply_may_be_a_text_or_a_string(body):
    places = found([Piece("Ada wrote this", "assistant")], stage=Stage.REPLY)
    assert places.redacted(body, Placeholders()) == body.replace(b"Ada", b"[PERSON]")


def test_a_body_that_has_not_the_text_does_not_pass():
    places = found([Piece("Ada in a place that nobody knows", "user")])
    with pytest.raises(GatewayError) as raised:
        places.redacted(b'{"input": "Ada"}', Placeholders())
    assert raised.value.code == "guardrail_unsupported"
    assert "Ada" not in str(raised.value)
    assert places.masked(b'{"input": "Ada"}', Placeholders()) == NOT_STORED
    with pytest.raises(GatewayError):
        places.redacted(b"no JSON", Placeholders())


def test_values_come_back_by_their_placeholders_and_those_that_are_there_stay():
    placeholders = Placeholders()
    link = replace(LINK, restore=True)
    assert redacted({"input": "Ada"}, link, placeholders=placeholders) == {"input": "<PERSON_1>"}
    body = b'{"input": "for <PERSON_1>, from Bob"}'
    places = Places(Stage.REQUEST)
    piece = pieces_of(json.loads(body))[0]
    for start, end in ((0, 9), (5, 13), (3, 24)):  # an analyzer knows nothing of placeholders
        places.add(piece, Hit(start, end, replace(LINK, restore=False), "person", 0.5))
    assert json.loads(places.redacted(body, placeholders)) == {"input": "[PERSON]<PERSON_1>[PERSON]"}


def test_many_findings_among_many_placeholders_take_no_longer_each_than_few():
    text, placeholders = "Ada <PERSON_1> " * 20_000, Placeholders()
    link = replace(LINK, restore=True)
    placeholders.stand_in(Hit(0, 3, link, "person", 1.0), "Eve")
    places = found(pieces_of(chat(text)), link)
    began = time.process_time()
    said = json.loads(places.redacted(json.dumps(chat(text)).encode(), placeholders))
    assert time.process_time() - began < 5  # a quarter of a second; ten where each looks at all others
    assert said["messages"][0]["content"] == "<PERSON_2> <PERSON_1> " * 20_000


def test_many_calls_with_arguments_take_no_longer_each_than_few():
    body = json.dumps({"m": [{"input": {"a": "x"}, "n": "I am Ada"}] * 20_000}).encode()
    places = found(pieces_of({"m": ["I am Ada"]}))
    began = time.process_time()
    assert b"Ada" not in places.redacted(body, Placeholders())
    assert time.process_time() - began < 5


def test_overlapping_findings_are_one():
    places = Places(Stage.REQUEST)
    piece = Piece("Ada Lovelace!", "user")
    for start, end, kind in ((0, 8, "person"), (0, 12, "person"), (4, 12, "presidio.location")):
        places.add(piece, Hit(start, end, LINK, kind, 0.5))
    assert places.redacted(b'{"input": "Ada Lovelace!"}', Placeholders()) == b'{"input": "[PERSON]!"}'


@pytest.mark.parametrize("link", [replace(LINK, action=Action.FLAG), replace(LINK, mode=Mode.OBSERVE, restore=True)])
def test_what_is_only_flagged_is_taken_out_of_what_is_stored(link):
    body, placeholders = b'{"input": "Ada"}', Placeholders()
    places = found(pieces_of(json.loads(body)), link)
    assert places
    assert not places.must_redact
    assert places.redacted(body, placeholders) == body
    assert places.masked(body, placeholders) == b'{"input": "[PERSON]"}'
    assert placeholders.values == {}


def test_where_nothing_was_found_nothing_is_done():
    places = Places(Stage.REQUEST)
    assert not places
    assert places.redacted(b"anything", Placeholders()) == places.masked(b"anything", Placeholders()) == b"anything"


PARTS = st.sampled_from(["Ada", "a", '"', "\\", "\n", "{", "}", "é", "田", " "])
TEXTS = st.lists(PARTS, max_size=6).map("".join)
NAMES = st.sampled_from(["content", "role", "input", "arguments", "text", "id", "x"])
BODIES = st.dictionaries(
    NAMES, st.recursive(TEXTS, lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=3))
)


@given(document=BODIES, is_nested=st.booleans())
def test_no_judge_finds_it_again_in_what_goes_on(document, is_nested):
    whole = {"messages": [document, {"arguments": json.dumps(document)}]} if is_nested else document
    again = redacted(whole)
    assert not any(NAME in piece.text for piece in pieces_of(again))
