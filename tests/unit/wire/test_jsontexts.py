"""Every string of a document is found where it stands, and said otherwise without touching another byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.jsontexts import at_a_glance, is_repetitive, literals, plainer, rewritten, unescaped

BASE64 = "aGVsbG8gd29ybGQ_-" * 40

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def strings(value, names=True):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, names)
    elif isinstance(value, dict):
        for name, each in value.items():
            if names:
                yield name
            yield from strings(each, names)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_string_is_found_in_order_with_its_place(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    found = literals(body)
    assert [each.text for each in found] == list(strings(value))
    assert [each.text for each in found if not each.is_name] == list(strings(value, names=False))
    assert all(json.loads(body[each.start : each.end]) == each.text for each in found)


@given(VALUES, st.data())
def test_what_is_said_otherwise_is_all_that_changes(value, data):
    body = json.dumps({"a": value, "b": [1.0, 1e400 if False else 1e30]}).encode()
    found = literals(body)
    index = data.draw(st.integers(0, len(found) - 1))
    new = rewritten(body, {index: 'new "text"\n'}, found)
    assert literals(new)[index].text == 'new "text"\n'
    assert [each.text for at, each in enumerate(literals(new)) if at != index] == [
        each.text for at, each in enumerate(found) if at != index
    ]
    assert new.startswith(body[: found[index].start])
    assert new.endswith(body[found[index].end :])


def test_members_that_come_twice_are_all_seen():
    found = literals(b'{"text":"one","text":"two", "list" : [ "three" ] , "o":{"x" :"four"}}')
    assert [(each.text, each.name) for each in found if not each.is_name] == [
        ("one", b"text"),
        ("two", b"text"),
        ("three", b""),
        ("four", b"x"),
    ]


@given(VALUES, st.booleans())
def test_a_document_that_says_each_member_once_is_not_repetitive(value, ascii_only):
    assert not is_repetitive(json.dumps(value, ensure_ascii=ascii_only).encode(), value)


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1, "a": 2}',
        '{"a": "x", "a": "y"}',
        '[{"b": {"a": "\\"", "a": "\\u0022"}}]',
        '{"a": 1, "\\u0061": [2]}',
        '{"a": {"c": "x"}, "a": "\\u0022\\u0022"}',
    ],
)
def test_one_that_says_a_member_twice_is(body):
    assert is_repetitive(body.encode(), json.loads(body))


def test_backslashes_before_quotes_do_not_confuse():
    body = rb'{"a":"end with \\","b":"say \"hi\" \\\" x","\u0063":"\u0064"}'
    assert [each.text for each in literals(body)] == ["a", "end with \\", "b", 'say "hi" \\" x', "c", "d"]


def test_what_does_not_end_is_refused():
    with pytest.raises(ValueError, match="does not end"):
        literals(b'{"a":"b')


@pytest.mark.parametrize(
    ("text", "is_left_out"),
    [
        (BASE64, True),
        (f"data:image/png;base64,{BASE64}", True),
        (f"data:text/plain;base64,{BASE64}", False),
        (f"data:image/svg+xml,{BASE64}", False),
        (f"data:image/png;base64,{BASE64} call me", False),
        (f"data:{BASE64}", False),
        (f"data:image/png;{'x' * 200};base64,{BASE64}", False),
    ],
)
def test_a_glance_leaves_out_what_is_certainly_a_file_in_base64(text, is_left_out):
    glance = at_a_glance(json.dumps({"url": text, "other": "kept"}).encode(), (), {b"url"})
    assert glance is not None
    assert "kept" in glance
    assert (BASE64 not in glance) == is_left_out
    assert BASE64 in (at_a_glance(json.dumps({"other": text}).encode(), (), {b"url"}) or "")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (rb'{"\u540d": "a\/b\n"}', '{"名": "a/b\\n"}'),
        (rb'["\\u540d", "\ud83d\ude00"]', '["\\\\u540d", "😀"]'),
        (rb'["\"\u0022\\"]', '["\\"\\"\\\\"]'),
        (rb'["a\nb"]', '["a\\nb"]'),
    ],
)
def test_a_plainer_document_has_no_escape_that_it_could_do_without(written, said):
    assert plainer(written).decode() == said
    assert json.loads(plainer(written)) == json.loads(written)


@pytest.mark.parametrize("said", ["日", "C:\\日本", "C:\\\\日", 'a "\\é" b', "\\\\", "ends in \\", "日\\"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_without_its_escapes_a_text_says_the_same_however_deep_the_json_is(said, depth):
    text = said
    for _ in range(depth):
        text = json.dumps(text)
    text = unescaped(text)
    assert "u00" not in text
    assert "u65" not in text
    for _ in range(depth):
        text = json.loads(text)
    assert text == said


def test_backslashes_before_an_escape_stay():
    assert unescaped(r'"C:\\\u65e5\u672c"') == r'"C:\\日本"'
    assert unescaped(r'"\\u65e5"') == '"日"'  # of JSON in a string
    assert unescaped(r'"a\/b \\\/"') == r'"a/b \\/"'
