"""A plug-in's settings: types, bounds, and refusals that name the setting."""

import pytest

from llmgateway.ports import guardrail
from llmgateway.wire.options import OptionError, Options

KNOWN = ("kind", "strict", "words", "size", "score", "table")


def made(**given) -> Options:
    return Options(given, KNOWN)


def test_what_is_not_written_has_its_default():
    options = made()
    assert options.text("kind", "x") == "x"
    assert options.flag("strict", default=True) is True
    assert options.whole("size", 3, 1, 9) == 3
    assert options.number("score", 0.5, 0, 1) == 0.5
    assert options.texts("words") == ()
    assert options.texts("words", ["a"]) == ("a",)
    assert options.table("table") == {}
    assert options.choices("words", ("a", "b"), ("b",)) == ("b",)
    assert options.name("kind", "x.y_1") == "x.y_1"
    assert options.names("words", ("a", "b")) == ("a", "b")
    assert options.lists("table") == options.numbers("table", ("a",), 0, 1) == {}
    assert not options.has("kind")


def test_what_is_written_is_read():
    options = made(kind="y", strict=False, words=["a", "東京"], size=9, score=1, table={"n": "x"})
    assert options.text("kind", "x") == "y"
    assert options.flag("strict", default=True) is False
    assert options.texts("words") == ("a", "東京")
    assert options.whole("size", 3, 1, 9) == 9
    assert options.number("score", 0.5, 0, 1) == 1.0
    assert options.table("table") == {"n": "x"}
    assert options.choices("words", ("東京", "a"), ("a",)) == ("a", "東京")
    assert options.has("kind")


def test_names_and_tables_are_read():
    options = made(kind="y", words=["a.b", "c_1"], table={"n": ["x y", "東京"], "m": ["z"]})
    assert options.needed("kind") == options.name("kind", "x") == "y"
    assert options.names("words", ()) == ("a.b", "c_1")
    assert options.lists("table") == {"n": ("x y", "東京"), "m": ("z",)}
    assert made(table={"hate": 1, "self-harm": 0.2}).numbers("table", ("hate", "self-harm"), 0, 1) == {
        "hate": 1.0,
        "self-harm": 0.2,
    }


def test_a_list_instead_of_a_table_is_numbered():
    assert made(table=["x", "y"]).table("table") == {"1": "x", "2": "y"}


def test_a_name_that_is_not_known_is_refused_before_anything_else():
    with pytest.raises(OptionError, match=r"There is no setting 'wordz'. Known: kind, score, size") as raised:
        made(kind=3, wordz=[])
    assert raised.value.option == "wordz"


def test_a_plug_in_without_settings_says_that_it_has_none():
    with pytest.raises(OptionError, match="Known: none"):
        Options({"x": 1}, ())


@pytest.mark.parametrize(
    ("name", "value", "read", "sentence"),
    [
        ("kind", 3, lambda o: o.text("kind", "x"), "kind must be a string"),
        ("kind", " ", lambda o: o.text("kind", "x"), "kind must not be empty"),
        ("strict", 1, lambda o: o.flag("strict", default=True), "strict must be true or false"),
        ("strict", "yes", lambda o: o.flag("strict", default=True), "strict must be true or false"),
        ("size", True, lambda o: o.whole("size", 3, 1, 9), "size must be a whole number"),
        ("size", 2.0, lambda o: o.whole("size", 3, 1, 9), "size must be a whole number"),
        ("size", 0, lambda o: o.whole("size", 3, 1, 9), "size must be from 1 to 9"),
        ("size", 10, lambda o: o.whole("size", 3, 1, 9), "size must be from 1 to 9"),
        ("score", "1", lambda o: o.number("score", 0.5, 0, 1), "score must be a number"),
        ("score", float("nan"), lambda o: o.number("score", 0.5, 0, 1), "score must be from 0 to 1"),
        ("words", "abc", lambda o: o.texts("words"), "words must be a list of strings"),
        ("words", ["a", 3], lambda o: o.texts("words"), "number 2 is not one"),
        ("words", ["", "b"], lambda o: o.texts("words"), "number 1 is not one"),
        ("words", [], lambda o: o.choices("words", ("a",), ("a",)), "words must not be empty"),
        ("words", ["c"], lambda o: o.choices("words", ("a", "b"), ("a",)), "'c', which is none of a, b"),
        ("words", ["Legal"], lambda o: o.names("words", ()), "words number 1 must consist of small letters"),
        ("words", ["a" * 65], lambda o: o.names("words", ()), "words number 1 must consist of small letters"),
        ("words", [], lambda o: o.names("words", ("a",)), "words must hold from 1 to 100 names"),
        ("words", ["a"] * 101, lambda o: o.names("words", ("a",)), "words must hold from 1 to 100 names"),
        ("kind", "a b", lambda o: o.name("kind", "x"), "kind must consist of small letters"),
        ("table", ["x"], lambda o: o.lists("table"), "table must be a table"),
        ("table", {"n": "x"}, lambda o: o.lists("table"), "table.n must be a list of strings"),
        ("table", {"n": []}, lambda o: o.lists("table"), "table.n must not be empty"),
        ("table", {"n": ["x", " "]}, lambda o: o.lists("table"), "table.n must hold strings .* number 2"),
        ("table", {"N": ["x"]}, lambda o: o.lists("table"), "table.N must consist of small letters"),
        ("table", {f"n{at}": ["x"] for at in range(101)}, lambda o: o.lists("table"), "at most 100 names"),
        ("table", 1, lambda o: o.numbers("table", ("a",), 0, 1), "table must be a table"),
        ("table", {"b": 1}, lambda o: o.numbers("table", ("a",), 0, 1), "'b', which is none of a"),
        ("table", {"a": "1"}, lambda o: o.numbers("table", ("a",), 0, 1), "table.a must be a number"),
        ("table", {"a": 2}, lambda o: o.numbers("table", ("a",), 0, 1), "table.a must be from 0 to 1"),
        ("table", 3, lambda o: o.table("table"), "table must be a list of strings"),
        ("table", {"n": 3}, lambda o: o.table("table"), r"table.n must be a string"),
        ("table", {"n": ""}, lambda o: o.table("table"), r"table.n must be a string"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence_that_names_it(name, value, read, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        read(made(**{name: value}))
    assert raised.value.option == name


def test_what_has_no_default_must_be_set():
    with pytest.raises(OptionError, match=r"kind must be set\.") as raised:
        made().needed("kind")
    assert raised.value.option == "kind"


def test_the_port_gives_the_same_error():
    assert guardrail.OptionError is OptionError
