"""Parameters are read strictly: what is unknown, doubled or out of bounds is refused in words (rows O16, O17)."""

import pytest

from llmgateway.controlplane.query import BadQueryError, Kind, Param, page_by, page_of, read, schema

DECLARED = (
    Param("dry_run", Kind.FLAG, "", default=False),
    Param("limit", Kind.WHOLE, "", default=50, low=1, high=1_000),
    Param("since", Kind.TIME, ""),
    Param("text", Kind.TEXT, "", high=10),
    Param("end", Kind.TEXT, "", choices=("completed", "timeout")),
    Param("names", Kind.LIST, "", default=()),
)


def test_what_is_left_out_has_its_default():
    assert read([], DECLARED) == {
        "dry_run": False,
        "limit": 50,
        "since": None,
        "text": None,
        "end": None,
        "names": (),
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dry_run", "true", True),
        ("dry_run", "0", False),
        ("limit", "1000", 1000),
        ("since", "1700000000.5", 1_700_000_000.5),
        ("since", "2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("since", "2023-11-14T23:13:20+01:00", 1_700_000_000.0),
        ("text", "%_%", "%_%"),
        ("end", "timeout", "timeout"),
        ("names", "a,b", ["a", "b"]),
    ],
)
def test_what_is_given_is_read(name, text, value):
    assert read([(name, text)], DECLARED)[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dry_run", "yes"),
        ("dry_run", ""),
        *(("limit", text) for text in ("0", "-1", "1001", "1e3", "NaN", "1e308", "10.0", "٣", "9" * 30, "")),
        *(("since", text) for text in ("NaN", "inf", "-1", "1e300", "yesterday", "2023-11-14T22:13:20", "")),
        ("text", "x" * 11),
        ("text", ""),
        ("text", "a\0b"),
        ("end", "Timeout"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(name, text):
    with pytest.raises(BadQueryError, match=f"the parameter {name} "):
        read([(name, text)], DECLARED)


def test_a_typo_never_passes_for_nothing():
    with pytest.raises(BadQueryError, match='no parameter "dryrun"; did you mean "dry_run"'):
        read([("dryrun", "true")], DECLARED)


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(BadQueryError, match="limit is given twice"):
        read([("limit", "1"), ("limit", "2")], DECLARED)


def test_a_refusal_does_not_quote_the_value():
    with pytest.raises(BadQueryError) as refused:
        read([("text", "canary" * 5)], DECLARED)
    assert "canary" not in str(refused.value)


def test_what_is_documented_is_what_is_read():
    assert schema(DECLARED[1]) == {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 50}
    assert schema(DECLARED[4])["enum"] == ["completed", "timeout"]
    assert schema(DECLARED[5])["type"] == "array"


def test_a_page_goes_by_names_and_tells_the_next_one():
    names = {"a", "c", "b", "d"}
    assert page_of(names, {"limit": 2, "after": None}) == (["a", "b"], "b")
    assert page_of(names, {"limit": 2, "after": "b"}) == (["c", "d"], None)
    assert page_of(names, {"limit": 2, "after": "z"}) == ([], None)
    assert page_of(names, {"limit": 4, "after": None}) == (["a", "b", "c", "d"], None)
    assert page_by("name")[0].high == 1_000
