"""Answers that are not the JSON that was asked for."""

import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.guardrails.json_schema import schemas as module
from llmgateway.guardrails.json_schema.bounds import TooComplexError, bounds_of
from llmgateway.guardrails.json_schema.judge import JsonSchemaJudge
from llmgateway.guardrails.json_schema.places import place
from llmgateway.guardrails.json_schema.schemas import MAX_BYTES, MAX_KEPT, Schema, SchemaError, Schemas
from llmgateway.ports.judge import Piece
from llmgateway.wire.options import OptionError
from llmgateway.wire.structured import wanted

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "tags": {"type": "array"}},
    "required": ["name"],
    "additionalProperties": False,
}
FORMS = {
    "chat": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "p", "strict": True, "schema": PERSON}}
    },
    "responses": {"text": {"format": {"type": "json_schema", "name": "p", "schema": PERSON}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": PERSON}}},
    "messages, before": {"output_format": {"type": "json_schema", "schema": PERSON}},
}
ANY = {"response_format": {"type": "json_object"}}


def judged(text, document=FORMS["chat"], **options):
    judge = JsonSchemaJudge(options).bind(document, [])
    if judge is None:
        return None
    return [
        (each.finding.kind.removeprefix("json_schema."), text[each.finding.start : each.finding.end])
        for each in judge.judge([Piece(text, "assistant")])
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_schema_is_known_in_every_form_of_request(form):
    assert judged('{"name": "Ada", "age": 36}', FORMS[form]) == []
    assert judged('{"name": "Ada", "age": -1}', FORMS[form]) == [("invalid", "-1")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "Ada"}', []),
        (' {"name":\n"Ada"} ', []),
        ('{"name": 7}', [("invalid", "7")]),
        ('{"age": 7}', [("invalid", '{"age": 7}')]),
        ('{"name": "Ada", "more": 1}', [("invalid", '{"name": "Ada", "more": 1}')]),
        ("[]", [("invalid", "[]")]),
        ('```json\n{"name": "Ada"}\n```', [("not_json", '```json\n{"name": "Ada"}\n```')]),
        ('{"name": "Ada"', [("not_json", '{"name": "Ada"')]),
        ('{"name": "Ada"} or so', [("not_json", '{"name": "Ada"} or so')]),
        ("Sure!", [("not_json", "Sure!")]),
        ('{"name": NaN}', [("not_json", '{"name": NaN}')]),
    ],
)
def test_an_answer_is_judged_whole_and_the_member_at_fault_is_found(text, found):
    assert judged(text) == found


def test_any_object_is_any_object():
    assert (judged("{}", ANY), judged("[]", ANY), judged("x", ANY)) == ([], [("invalid", "[]")], [("not_json", "x")])
    loose = {"response_format": {"type": "json_schema", "json_schema": {"name": "p"}}}
    assert judged("[]", loose) == [("invalid", "[]")]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"response_format": {"type": "text"}},
        {"response_format": "json"},
        {"response_format": None, "text": {"verbosity": "low"}, "output_config": {"effort": "low"}},
        {"text": "a prompt", "output_format": "x"},
    ],
)
def test_where_no_form_is_asked_for_nobody_judges(document):
    assert wanted(document) is None
    assert judged("Sure!", document) is None


def test_the_operator_s_schema_goes_before_the_request_s(tmp_path):
    own = {"type": "object", "required": ["id"]}
    file = tmp_path / "own.json"
    file.write_text(json.dumps(own))
    for options in ({"schema": own}, {"schema_file": str(file)}):
        assert judged('{"id": 1}', **options) == []
        assert judged('{"name": "Ada"}', {}, **options) == [("invalid", '{"name": "Ada"}')]


@pytest.mark.parametrize(
    ("options", "option", "words"),
    [
        ({"schema": {"type": "objekt"}}, "schema", "something is wrong at /type"),
        ({"schema": {"properties": {"a": {"$ref": "#/$defs/b"}}}}, "schema", "not there"),
        ({"schema": {"$ref": "https://schemas.example/p.json"}}, "schema", "nothing is fetched"),
        ({"schema": "{}"}, "schema", "must be a table"),
        ({"schema": {}, "schema_file": "x"}, "schema_file", "one of them is enough"),
        ({"schema_file": "no-such-file.json"}, "schema_file", "No such file"),
        ({"schema_file": __file__}, "schema_file", "is no JSON"),
        ({"schemas": {}}, "schemas", "no setting"),
        ({"schema": {"pattern": "^(?=a)b"}}, "schema", "wrong at /pattern"),
        ({"schema": {"description": "x" * MAX_BYTES}}, "schema", "bytes"),
    ],
)
def test_an_operator_s_schema_is_checked_with_the_configuration(options, option, words):
    with pytest.raises(OptionError) as raised:
        JsonSchemaJudge(options)
    assert raised.value.option == option
    assert words in str(raised.value)


def test_what_a_finding_says_is_where_and_never_what():
    with pytest.raises(OptionError) as raised:
        JsonSchemaJudge({"schema": {"properties": {"a": {"minimum": "s3cret"}}}})
    assert "s3cret" not in str(raised.value)


# --- hostile schemas


def twice(times, **more):
    defs = {
        f"a{at}": {"allOf": [{"$ref": f"#/$defs/a{at + 1}"}, {"$ref": f"#/$defs/a{at + 1}"}]} for at in range(times)
    }
    return {"$defs": {**defs, f"a{times}": {"type": "string", **more}}, "$ref": "#/$defs/a0"}


FETCHES = ["http://127.0.0.1:{port}/s", "file:///etc/hostname", "s.json", "//127.0.0.1:{port}/s", "urn:x:y"]


@pytest.mark.parametrize("where", [*FETCHES, "http://127.0.0.1:{port}/s#/a"])
def test_no_schema_is_ever_fetched(where):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        target = where.format(port=server.getsockname()[1])
        for schema in (
            {"$ref": target},
            {"properties": {"a": {"$ref": target}}},
            {"$id": "http://127.0.0.1/", "items": {"$ref": target}},
            {"$schema": target},
            {"$dynamicRef": target},
            {"properties": {"a": {"$dynamicRef": target}}},
            {"$defs": {"a": {"$ref": target}}, "type": "string"},
        ):
            document = {"output_format": {"type": "json_schema", "schema": schema}}
            assert judged('{"a": 1}', document) in ([("not_judged", '{"a": 1}')], [("invalid", '{"a": 1}')])
        with pytest.raises(TimeoutError):
            server.accept()


TANGLED = [
    twice(14),
    twice(30),
    {"$defs": {"a": {"$id": "http://x/", "type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
    {"$defs": {"a": {"$anchor": "b"}}, "$ref": "#b"},
    {"properties": {"a": {"$dynamicRef": "#x"}}},
]


@pytest.mark.parametrize("schema", TANGLED)
def test_what_multiplies_is_not_judged_by(schema):
    began = time.perf_counter()
    with pytest.raises(SchemaError):
        Schema(schema)
    assert time.perf_counter() - began < 5


def test_ways_are_counted():
    assert bounds_of(twice(3)).looks == 2**3 * 2
    assert bounds_of({"anyOf": [{"type": "string"}] * 7}).looks == 7 * 7
    assert bounds_of(PERSON).depth is None
    with pytest.raises(TooComplexError):
        bounds_of(twice(20))


def branching(ways):
    once = {"properties": {"a": {"$ref": "#"}}}
    return {"allOf": [{**once, "title": str(at)} for at in range(ways)]}


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def test_what_leads_to_itself_by_several_ways_bounds_the_answer_s_depth():
    assert bounds_of(branching(1)).depth is None
    assert bounds_of(branching(2)).depth == 19
    schema = Schema(branching(4))
    assert schema.fault(nested(8)) is None
    with pytest.raises(SchemaError):
        schema.fault(nested(40))
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": False}
    assert Schema(tree).fault({"left": {"right": {"down": 1}}}) == ["left", "right"]


def test_long_answers_and_wide_schemas_are_bounded_together():
    wide = Schema({"items": {"anyOf": [{"const": at} for at in range(1000)]}})
    assert wide.fault(list(range(1, 1000))[:1]) is None
    with pytest.raises(SchemaError):
        wide.fault([0] * 5000)


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}]
)
def test_what_goes_in_circles_ends(schema):
    try:
        Schema(schema).fault({"a": 1})
    except SchemaError:
        pass


def test_a_pattern_that_backtracks_elsewhere_takes_no_time_here():
    began = time.perf_counter()
    assert Schema({"pattern": "^(a+)+$"}).fault("a" * 50_000 + "b") == []
    assert time.perf_counter() - began < 5
    with pytest.raises(SchemaError):
        Schema({"pattern": "(a{1000}){1000}"})


def test_an_answer_too_deep_to_be_looked_into_is_not_judged():
    text = "[" * 900 + "]" * 900
    assert judged(text, {"output_format": {"type": "json_schema", "schema": {"type": "array"}}}) in (
        [],
        [("not_judged", text)],
    )


def test_schemas_are_made_once_and_kept_within_a_bound(monkeypatch):
    made = []
    monkeypatch.setattr(module, "Schema", lambda schema: made.append(schema) or object())
    kept = Schemas()
    assert kept.of(PERSON) is kept.of(json.loads(json.dumps(PERSON)))
    assert len(made) == 1
    for number in range(MAX_KEPT + 5):
        kept.of({"title": str(number)})
    assert len(kept._kept) == MAX_KEPT
    for number in range(40):
        kept.of({"title": f"{number}" + "x" * (MAX_BYTES - 100)})
    assert sum(map(len, kept._kept)) == kept._size <= module.MAX_KEPT_BYTES


def test_one_that_is_none_is_remembered_too():
    kept = Schemas()
    for _ in range(2):
        with pytest.raises(SchemaError):
            kept.of({"type": "objekt"})
    with pytest.raises(SchemaError):
        kept.of({"a": {1, 2}})
    assert len(kept._kept) == 1


# --- where things stand


def test_the_texts_of_a_judge_without_a_place_are_looked_at():
    judge = JsonSchemaJudge({}).bind(ANY, [])
    assert judge.looks_at(())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(document=JSON, indent=st.sampled_from([None, 0, 2]), data=st.data())
def test_every_member_is_found_where_it_is_written(document, indent, data):
    text, path, value = json.dumps(document, indent=indent), [], document
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else list(range(len(value)))))
        path.append(step)
        value = value[step]
    start, end = place(f" {text} ", path)
    assert json.loads(f" {text} "[start:end]) == value


def test_of_two_of_a_name_the_last_is_meant():
    assert place('{"a": 1, "a": [2, 3]}', ["a", 1]) == (18, 19)
