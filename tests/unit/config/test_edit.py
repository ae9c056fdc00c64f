"""An edit changes what it is for, and no other character of what people wrote."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config import edit
from llmgateway.config.edit import EditError, UnknownRouteError, merged, route_in, with_patch, with_route, with_weights
from llmgateway.config.problems import ConfigError

EXAMPLE = (Path(__file__).parents[3] / "config.example.toml").read_text()
FILE = "config.toml"

FORMS = {
    "tables": '[routes.r.versions.v1]\nbackends = ["b"]\nweight = 90   # most\n[routes.r.versions.v2]\nbackends = ["b"]\n',
    "inline": 'routes = { r = { versions = { v1 = { backends = ["b"], weight = 90 }, v2 = { backends = ["b"] } } } }\n',
    "dotted": '[routes.r]\nversions.v1.backends = ["b"]\nversions.v1.weight = 90\nversions.v2.backends = ["b"]\n',
    "quoted": '["routes"."r"."versions"."v1"]\nbackends = ["b"]\n"weight" = 9e1\n[routes.r.versions.v2]\nbackends = ["b"]\n',
    "out of order": '[routes.r.versions.v1]\nweight = 90\n[admin]\n[routes.r]\nsalt = "x"\n[routes.r.versions.v2]\nweight=1\n',
    "windows": '[routes.r.versions.v1]\r\nweight = 90 # most\r\n[routes.r.versions.v2]\r\nbackends = ["b"]\r\n',
}


def lines_changed(before: str, after: str) -> list[str]:
    old = before.splitlines()
    return [line for line in after.splitlines() if line not in old]


def test_a_weight_is_one_line_and_its_comment_stays() -> None:
    after = with_weights(EXAMPLE, FILE, "assistant", {"v1": 50})
    assert lines_changed(EXAMPLE, after) == [
        "weight = 50                             # its share of the traffic; 0: fallback only"
    ]
    assert len(after.splitlines()) == len(EXAMPLE.splitlines())


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_changed_however_the_file_is_written(form: str) -> None:
    after = with_weights(FORMS[form], FILE, "r", {"v1": 50.0, "v2": 0.5})
    versions = tomllib.loads(after)["routes"]["r"]["versions"]
    assert (versions["v1"]["weight"], versions["v2"]["weight"]) == (50, 0.5)
    assert isinstance(versions["v1"]["weight"], int)
    assert ("\r\n" in after) == ("\r\n" in FORMS[form])
    assert after.count("\n") == after.count("\r\n") or "\r\n" not in after


def test_an_unknown_version_or_route_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError) as refused:
        with_weights(EXAMPLE, FILE, "assistant", {"v1": 1, "v3": 2})
    (problem,) = refused.value.problems
    assert EXAMPLE.splitlines()[problem.line - 1].startswith("[routes.assistant.versions.v1]")
    assert 'no version of this route is called "v3"; there is "v1", "v2"' in problem.reason
    with pytest.raises(UnknownRouteError, match='no route is called "assistent"; did you mean "assistant"'):
        with_weights(EXAMPLE, FILE, "assistent", {"v1": 1})


def test_a_route_is_replaced_and_what_stays_keeps_its_comments() -> None:
    route = route_in(EXAMPLE, FILE, "assistant")
    route["sticky"] = "key"
    del route["fallback"]
    route["versions"]["v3"] = {"backends": ["two"], "params": {"temperature": 0.5}, "weight": 1}
    after = with_route(EXAMPLE, FILE, "assistant", route)
    assert tomllib.loads(after)["routes"]["assistant"] == route
    assert 'sticky = "key"                         # who stays on one version' in after
    assert "weight = 90                             # its share" in after
    assert "params = {temperature = 0.5}" in after


def test_a_route_that_is_new_is_added_and_nothing_else_moves() -> None:
    table = {"versions": {"v1": {"backends": ["one"]}}, "retries": {"max_attempts": 2}}
    after = with_route(EXAMPLE, FILE, "openai/gpt-*", table)
    assert tomllib.loads(after)["routes"]["openai/gpt-*"] == table
    assert [line for line in EXAMPLE.splitlines() if line not in after.splitlines()] == []
    assert tomllib.loads(with_route("[admin]\n", FILE, "r", table)) == {"admin": {}, "routes": {"r": table}}


def test_a_table_that_is_emptied_is_there_and_empty() -> None:
    route = route_in(EXAMPLE, FILE, "assistant")
    after = with_route(EXAMPLE, FILE, "assistant", {**route, "versions": {}})
    assert tomllib.loads(after)["routes"]["assistant"] == {**route, "versions": {}}
    assert 'sticky = "user"' in after
    with_header = '[routes.r.retries] # how often\nbase = "1s"\n[routes.r.versions.v]\nbackends = ["b"]\n'
    after = with_patch(with_header, FILE, "r", {"retries": {"base": None}})
    assert "[routes.r.retries] # how often\n" in after


def test_lists_of_tables_come_out_as_toml() -> None:
    rules = [{"name": "gold", "when": {"key": ["app"]}, "use": {"v2": 100}}, {"name": "rest"}]
    after = with_patch(EXAMPLE, FILE, "assistant", {"rules": rules})
    assert tomllib.loads(after)["routes"]["assistant"]["rules"] == rules
    again = with_patch(after, FILE, "assistant", {"rules": rules[::-1]})
    assert tomllib.loads(again)["routes"]["assistant"]["rules"] == rules[::-1]
    assert tomllib.loads(with_patch(again, FILE, "assistant", {"rules": None})) == tomllib.loads(EXAMPLE)


def test_a_patch_takes_out_what_is_null_and_leaves_what_it_does_not_name() -> None:
    after = tomllib.loads(
        with_patch(EXAMPLE, FILE, "assistant", {"fallback": None, "versions": {"v2": {"params": None}}})
    )
    before = tomllib.loads(EXAMPLE)
    del before["routes"]["assistant"]["fallback"]
    del before["routes"]["assistant"]["versions"]["v2"]["params"]
    assert after == before


@pytest.mark.parametrize(
    ("table", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": 1}, {"a": {"bb": {"ccc": None}}}, {"e": 1, "a": {"bb": {}}}),
    ],
)
def test_merging_is_as_rfc_7396_has_it(table: dict, patch: dict, result: dict) -> None:
    assert merged(table, patch) == result


def test_null_in_a_whole_route_is_refused_with_its_path() -> None:
    with pytest.raises(ConfigError) as refused:
        with_route(EXAMPLE, FILE, "assistant", {"versions": {"v1": {"model": None}}})
    assert refused.value.problems[0].path == "routes.assistant.versions.v1.model"


def test_an_edit_that_went_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit.tomlkit, "dumps", lambda _: EXAMPLE)
    with pytest.raises(EditError, match="send the whole text"):
        with_weights(EXAMPLE, FILE, "assistant", {"v1": 1})


def test_true_is_not_one() -> None:
    after = with_patch("[routes.r]\nraw_events = true\n", FILE, "r", {"raw_events": 1})
    assert tomllib.loads(after)["routes"]["r"]["raw_events"] is not True


NAMES = st.text("abc.-", min_size=1, max_size=4)
PLAIN = st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


@given(
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.sampled_from(sorted(FORMS)),
)
def test_any_table_can_follow_any_other(first: dict, second: dict, form: str) -> None:
    """Or the edit is refused; it never comes out as something else."""
    try:
        text = with_route(with_route(FORMS[form], FILE, "r", first), FILE, "r", second)
    except EditError:
        return
    assert edit.same(tomllib.loads(text)["routes"]["r"], second)
