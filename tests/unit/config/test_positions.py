"""A setting's line, in TOML as people and programs write it."""

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.config.positions import Positions
from llmgateway.config.problems import Path

ODD = '''\
# a comment with [a.table] and key = 1
top = "x # no comment" # comment
"quoted key" = 1
'literal.key' = 2
"esc\\u0061ped" = 3
a . b . c = 4

[ server . "lim its" ]  # spaces
body = """
[not.a.table]
key = 5
\\""" still """"
raw = \'\'\'
'' ]]] {
\'\'\'
list = [ # comment ]
  "one", # two
  'th]ree',
  { x = 1, y = [
    7,
    8] },
]
inline = { deep = { er = 1 }, "q.k" = 2 }
when = 1979-05-27 07:32:00
after = 1

[[things]]
name = "a"
[things.sub]
k = 1
[[things]]
name = "b"
[[things.parts]]
z = 1
[[things.parts]]
z = 2

[routes."gpt-*".versions.v1]
weight = 1
[routes."gpt-*"]
sticky = "user"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("quoted key",), 3),
        (("literal.key",), 4),
        (("escaped",), 5),
        (("a", "b", "c"), 6),
        (("a", "b"), 6),
        (("server", "lim its"), 8),
        (("server", "lim its", "body"), 9),
        (("server", "lim its", "key"), 8),
        (("server", "lim its", "raw"), 13),
        (("server", "lim its", "list"), 16),
        (("server", "lim its", "list", 0), 17),
        (("server", "lim its", "list", 1), 18),
        (("server", "lim its", "list", 2, "y", 0), 20),
        (("server", "lim its", "list", 2, "y", 1), 21),
        (("server", "lim its", "inline", "deep", "er"), 23),
        (("server", "lim its", "inline", "q.k"), 23),
        (("server", "lim its", "when"), 24),
        (("server", "lim its", "after"), 25),
        (("things", 0, "name"), 28),
        (("things", 0, "sub", "k"), 30),
        (("things", 1, "name"), 32),
        (("things", 1, "parts", 1, "z"), 36),
        (("routes", "gpt-*", "versions", "v1", "weight"), 39),
        (("routes", "gpt-*"), 40),
        (("routes", "gpt-*", "sticky"), 41),
        (("routes", "gpt-*", "missing", "deeper"), 40),
        (("nowhere",), 1),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_setting_of_an_odd_file_is_found(path: Path, line: int, newline: str) -> None:
    text = ODD.replace("\n", newline)
    tomllib.loads(text)
    assert Positions(text).line(path) == line


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
documents = st.recursive(
    st.just(None),
    lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=3),
    max_leaves=20,
)


def _marked(shape: Any, count: list[int], path: Path, marks: dict[Path, str]) -> Any:
    """The same shape with a text in each leaf that occurs nowhere else."""
    if isinstance(shape, dict):
        return {key: _marked(value, count, (*path, key), marks) for key, value in shape.items()}
    if isinstance(shape, list):
        return [_marked(value, count, (*path, index), marks) for index, value in enumerate(shape)]
    count[0] += 1
    marks[path] = f"<mark{count[0]}>"
    return marks[path]


@settings(max_examples=300)
@given(st.dictionaries(keys, documents, min_size=1, max_size=5))
def test_the_line_found_is_the_one_that_holds_the_value(shape: dict[str, Any]) -> None:
    marks: dict[Path, str] = {}
    text = tomlkit.dumps(_marked(shape, [0], (), marks))
    lines = text.split("\n")
    positions = Positions(text)
    for path, mark in marks.items():
        assert mark in lines[positions.line(path) - 1]


@settings(max_examples=300)
@given(st.text(max_size=200) | st.text("[]{}\"'\\.=,# \n\tab1", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    assert 1 <= Positions(text).line(("a", 0, "b")) <= text.count("\n") + 1


def test_absurd_nesting_ends_with_an_answer() -> None:
    assert Positions("a = " + "[" * 100_000).line(("a",)) == 1


def test_the_items_of_a_huge_list_beyond_a_thousand_are_found_with_the_list() -> None:
    positions = Positions("a = [\n" + "1,\n" * 5_000 + "]")
    assert positions.line(("a", 999)) == 1_001
    assert positions.line(("a", 4_000)) == 1
