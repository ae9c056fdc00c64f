import pytest

from llmgateway.modelserver.compose import dice
from llmgateway.modelserver.sample import sample


def made(schema):
    return sample(schema, dice("seed"))


def test_each_type_gets_a_value_of_its_kind():
    kinds = {"string": str, "integer": int, "number": int, "boolean": bool, "array": list, "object": dict}
    for name, kind in kinds.items():
        assert type(made({"type": name})) is kind
    assert made({"type": "null"}) is None


@pytest.mark.parametrize(
    ("schema", "is_right"),
    [
        ({"const": 5}, lambda value: value == 5),
        ({"enum": ["a", "b"]}, lambda value: value in {"a", "b"}),
        ({"type": "integer", "minimum": 7, "maximum": 9}, lambda value: 7 <= value <= 9),
        ({"type": "integer", "minimum": 9, "maximum": 7}, lambda value: value == 9),
        ({"type": "string", "minLength": 30}, lambda value: len(value) >= 30),
        ({"type": "string", "maxLength": 2}, lambda value: len(value) <= 2),
        ({"type": "string", "format": "date"}, lambda value: value == "2026-01-01"),
        ({"type": "array", "minItems": 5, "items": {"const": 1}}, lambda value: value == [1] * 5),
        ({"type": "array", "minItems": 10**9, "items": {"const": 1}}, lambda value: len(value) == 64),
        ({"type": ["integer", "null"]}, lambda value: isinstance(value, int)),
        ({"anyOf": [{"const": "x"}, {"type": "null"}]}, lambda value: value == "x"),
        ({"properties": {"a": {"const": 1}}}, lambda value: value == {"a": 1}),
    ],
)
def test_keywords_are_obeyed(schema, is_right):
    assert is_right(made(schema))


def test_a_schema_that_holds_itself_ends():
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    value = made({"$ref": "#/$defs/node", "$defs": {"node": node}})
    depth = 0
    while value:
        value, depth = value.get("next"), depth + 1
    assert 1 <= depth < 10


@pytest.mark.parametrize("schema", [{"$ref": "#/nowhere"}, {"$ref": "#"}, {"anyOf": []}, {"items": 3}, {"type": []}])
def test_nonsense_is_survived(schema):
    made(schema)
