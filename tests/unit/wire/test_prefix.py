"""An operator's text goes in front of the caller's, whatever the body looks like, and no other byte changes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.jsonscan import members, parse_object, splice, splice_large
from llmgateway.wire.prefix import BETWEEN, MAX_TOKENS, Place, Prefix, refuse_unfit

OURS = 'Be "kind".\nNever \\ shout. ありがとう\u2028'
STRING = json.dumps(OURS, ensure_ascii=False).encode()
JOINED = json.dumps(OURS + BETWEEN, ensure_ascii=False).encode()[1:-1]
MESSAGE = b'{"role":"system","content":%b}' % STRING
PART = b'{"type":"text","text":%b}' % STRING


def parse(body: bytes):
    return parse_object(body, max_depth=200, max_tokens=200_000)


def put(body: bytes, place: Place, changes=None, prefix=None) -> bytes:
    """The body with the prefix in it, made in both ways that there are."""
    document = parse(body)
    refuse_unfit(document, place)
    prefix = prefix or Prefix(OURS)
    added, others = prefix.edits(body, document, place, None)
    small = splice(body, document, {**(changes or {}), **added}, others)
    found = members(body)
    added, others = prefix.edits(body, document, place, found)
    assert b"".join(splice_large(body, document, {**(changes or {}), **added}, found, others)) == small
    return small


MESSAGES = {
    "a user's first": (b'{"messages":[{"role":"user","content":"hi"}]}', b'{"messages":[@M,{"role":"user","content":"hi"}]}'),
    "none": (b'{"model":"m","messages" : [ ]}', b'{"model":"m","messages" : [@M ]}'),
    "a system's": (
        b'{"messages":[{"role":"system","content":"You are."},{"role":"user","content":"hi"}]}',
        b'{"messages":[{"role":"system","content":"@JYou are."},{"role":"user","content":"hi"}]}',
    ),
    "a developer's, content first, with odd blanks": (
        b'{ "messages"\n:\t[\r\n { "content" : "x" , "role":"developer" } ] }',
        b'{ "messages"\n:\t[\r\n { "content" : "@Jx" , "role":"developer" } ] }',
    ),
    "a system's that is empty": (
        b'{"messages":[{"role":"system","content":""}]}',
        b'{"messages":[{"role":"system","content":@S}]}',
    ),
    "a system's in parts": (
        b'{"messages":[{"role":"system","content":[ {"type":"text","text":"a"}]}]}',
        b'{"messages":[{"role":"system","content":[@P, {"type":"text","text":"a"}]}]}',
    ),
    "a system's without parts": (
        b'{"messages":[{"role":"system","content":[\n]}]}',
        b'{"messages":[{"role":"system","content":[@P\n]}]}',
    ),
    "a system's with nothing": (
        b'{"messages":[{"role":"system","content":null}]}',
        b'{"messages":[@M,{"role":"system","content":null}]}',
    ),
    "a system's later": (
        b'{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}',
        b'{"messages":[@M,{"role":"user","content":"a"},{"role":"system","content":"b"}]}',
    ),
    "a content that comes twice": (
        b'{"messages":[{"role":"system","content":"a","content":"b"}]}',
        b'{"messages":[@M,{"role":"system","content":"a","content":"b"}]}',
    ),
    "a content in another spelling": (
        b'{"messages":[{"role":"system","content":"a","Content":"b"}]}',
        b'{"messages":[@M,{"role":"system","content":"a","Content":"b"}]}',
    ),
    "a role that comes twice": (
        b'{"messages":[{"role":"user","content":"a","role":"system"}]}',
        b'{"messages":[@M,{"role":"user","content":"a","role":"system"}]}',
    ),
    "escaped names and words": (
        rb'{"me\u0073sages":[{"r\u006fle":"s\u0079stem","c\u006fntent":"\u0061"}]}',
        rb'{"me\u0073sages":[{"r\u006fle":"s\u0079stem","c\u006fntent":"@J\u0061"}]}',
    ),
    "words of JSON in texts": (
        b'{"x":"\\"messages\\":[","messages":[{"name":"}],{\\"","role":"system","content":"\\"content\\":"}]}',
        b'{"x":"\\"messages\\":[","messages":[{"name":"}],{\\"","role":"system","content":"@J\\"content\\":"}]}',
    ),
    "the name as a value, and deeper": (
        b'{"metadata":{"messages":[1]},"tags":"messages","messages":[{"role":"user","content":"x"}]}',
        b'{"metadata":{"messages":[1]},"tags":"messages","messages":[@M,{"role":"user","content":"x"}]}',
    ),
    "a content deeper first": (
        b'{"messages":[{"meta":{"content":"no","role":"x"},"role":"system","content":"yes"}]}',
        b'{"messages":[{"meta":{"content":"no","role":"x"},"role":"system","content":"@Jyes"}]}',
    ),
    "no objects": (b'{"messages":["hi",[],7]}', b'{"messages":[@M,"hi",[],7]}'),
    "a role that is none": (b'{"messages":[{"role":["system"]}]}', b'{"messages":[@M,{"role":["system"]}]}'),
}  # fmt: skip
SYSTEM = {
    "missing": (b'{"messages":[]}', b'{"system":@S,"messages":[]}'),
    "missing from nothing": (b" { }", b' {"system":@S }'),
    "null": (b'{"system" : null,"a":1}', b'{"system" : @S,"a":1}'),
    "a string": (b'{"a":1,"system":"x\\n"}', b'{"a":1,"system":"@Jx\\n"}'),
    "an empty string": (b'{"system":""}', b'{"system":@S}'),
    "blocks": (
        b'{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}',
        b'{"system":[@P,{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}',
    ),
    "no blocks": (b'{"system":[ \t]}', b'{"system":[@P \t]}'),
    "escaped": (rb'{"s\u0079stem":"\ud83d\ude00"}', rb'{"s\u0079stem":"@J\ud83d\ude00"}'),
}
INSTRUCTIONS = {
    "missing": (b'{"input":"x"}', b'{"instructions":@S,"input":"x"}'),
    "null": (b'{"instructions":null}', b'{"instructions":@S}'),
    "a string": (b'{"instructions":  "x"  }', b'{"instructions":  "@Jx"  }'),
}
CASES = [
    pytest.param(place, *case, id=f"{place}: {name}")
    for place, cases in ((Place.MESSAGES, MESSAGES), (Place.SYSTEM, SYSTEM), (Place.INSTRUCTIONS, INSTRUCTIONS))
    for name, case in cases.items()
]


def expected(template: bytes) -> bytes:
    for mark, new in ((b"@M", MESSAGE), (b"@P", PART), (b"@S", STRING), (b"@J", JOINED)):
        template = template.replace(mark, new)
    return template


@pytest.mark.parametrize(("place", "body", "wanted"), CASES)
def test_it_goes_in_front_and_no_other_byte_changes(place, body, wanted):
    assert put(body, place) == expected(wanted)
    json.loads(put(body, place))


@pytest.mark.parametrize(("place", "body", "wanted"), CASES)
def test_it_goes_together_with_the_versions_own_members(place, body, wanted):
    changed = put(body, place, {"model": b'"new"', "top_p": b"0.5"})
    document = json.loads(changed)
    assert (document["model"], document["top_p"]) == ("new", 0.5)
    name = place.value
    assert document[name] == json.loads(expected(wanted))[name]


UNFIT = [
    (Place.MESSAGES, b'{"input":"x"}'),
    (Place.MESSAGES, b'{"messages":null}'),
    (Place.MESSAGES, b'{"messages":"hi"}'),
    (Place.MESSAGES, b'{"messages":{"0":{}}}'),
    (Place.SYSTEM, b'{"system":7}'),
    (Place.SYSTEM, b'{"system":{}}'),
    (Place.SYSTEM, b'{"system":true}'),
    (Place.INSTRUCTIONS, b'{"instructions":[]}'),
    (Place.INSTRUCTIONS, b'{"instructions":{"text":"x"}}'),
]


@pytest.mark.parametrize(("place", "body"), UNFIT)
def test_a_body_that_has_no_place_for_it_is_refused_and_never_goes_on_as_if_it_had(place, body):
    document = parse(body)
    with pytest.raises(GatewayError) as caught:
        refuse_unfit(document, place)
    assert (caught.value.code, caught.value.param) == ("invalid_value", place.value)
    assert Prefix(OURS).edits(body, document, place, None) == ({}, [])


@pytest.mark.parametrize("name", ["messages", "system", "instructions"])
def test_its_place_may_not_be_there_twice_nor_in_another_spelling(name):
    for body in (f'{{"{name}":"a","{name}":"b"}}', f'{{"{name}":"a","{name.title()}":"b"}}', f'{{"{name.upper()}":1}}'):
        with pytest.raises(GatewayError, match="duplicate_key"):
            parse(body.encode())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
contents = texts | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=3)
turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": contents},
    optional={"name": texts, "x": st.dictionaries(texts, texts, max_size=2)},
)
layouts = st.sampled_from([None, 0, 1, "\t"])


def said(content, ours):
    """A content with our text in front, as the model reads it."""
    if isinstance(content, str):
        return ours + BETWEEN + content if content else ours
    return [{"type": "text", "text": ours}, *content]


@given(st.lists(turns, max_size=3), layouts, st.booleans(), texts.filter(bool), st.booleans())
def test_what_the_model_reads_begins_with_ours_and_goes_on_with_the_callers(chat, indent, ascii_only, ours, after):
    document = {"a": 1, "messages": chat} if after else {"messages": chat, "z": [2]}
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    read = json.loads(put(body, Place.MESSAGES, prefix=Prefix(ours)))
    if chat and chat[0]["role"] in {"system", "developer"}:
        wanted = [{**chat[0], "content": said(chat[0]["content"], ours)}, *chat[1:]]
    else:
        wanted = [{"role": "system", "content": ours}, *chat]
    assert read == {**document, "messages": wanted}


@given(st.none() | contents, layouts, st.booleans(), texts.filter(bool))
def test_the_same_of_a_system_text_beside_the_messages(system, indent, ascii_only, ours):
    document = {"messages": [], "system": system, "max_tokens": 5}
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    read = json.loads(put(body, Place.SYSTEM, prefix=Prefix(ours)))
    assert read == {**document, "system": ours if system is None else said(system, ours)}


def test_a_first_message_of_very_many_pieces_keeps_its_place_behind_ours():
    parts = ",".join(['{"type":"text","text":"a"}'] * MAX_TOKENS)
    body = f'{{"messages":[{{"role":"system","content":[{parts}]}}]}}'.encode()
    assert put(body, Place.MESSAGES) == body.replace(b"[", b"[" + MESSAGE + b",", 1)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"system","content":"' + b'\\"{[' * 90_000 + b'"}]}',
        b'{"messages":[{"role":"system","content":"' + b"a" * 800_000 + b'"}]}',
        b'{"messages":[{"role":"system","x":' + b"[" * 190 + b"]" * 190 + b',"content":"a"}]}',
        b'{"messages":[' + b" " * 800_000 + b"]}",
        b'{"messages":[{"role":"system","content":[' + b"[]," * 90_000 + b"1]}]}",
    ],
    ids=["escapes", "a long text", "depth", "blanks", "many lists"],
)
def test_a_hostile_body_takes_no_long_look(body):
    document = parse(body)
    prefix = Prefix(OURS)
    began = time.process_time()
    added, others = prefix.edits(body, document, Place.MESSAGES, members(body))
    took = time.process_time() - began
    assert json.loads(splice(body, document, added, others))["messages"]
    assert took < 0.25  # on a loaded machine; it is a few milliseconds
