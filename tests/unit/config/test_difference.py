"""A diff tells what changed, shows no secret, and never takes long or gets large."""

import time

import pytest

from llmgateway.config import difference as module
from llmgateway.config.difference import difference

ONE = '[backends.one]\nbase_url = "http://a"\napi_key = "sk-canary-0123456789"\n'


def test_it_is_a_unified_diff_with_the_names_given():
    text = difference(ONE, ONE.replace("http://a", "http://b"), "generation 1", "generation 2")
    assert text.splitlines()[:2] == ["--- generation 1", "+++ generation 2"]
    assert '-base_url = "http://a"\n+base_url = "http://b"\n' in text
    assert "canary" not in text


def test_a_literal_that_changed_is_seen_to_change_and_not_seen():
    text = difference(ONE, ONE.replace("0123456789", "9876543210"), "a", "b")
    assert '-api_key = "***"\n+api_key = "*** (another)"\n' in text
    assert "canary" not in text


def test_the_first_text_of_all_is_shown_as_new():
    text = difference("", ONE, "nothing", "generation 1")
    assert text.splitlines()[:2] == ["--- nothing", "+++ generation 1"]
    assert '+base_url = "http://a"\n+api_key = "***"\n' in text
    assert "can't be shown" in difference("", "sk-canary-0123456789", "nothing", "generation 1")


def test_what_is_equal_differs_in_nothing():
    assert difference(ONE, ONE, "a", "b") == ""
    assert difference("x = 1\n", "x = 1", "a", "b") == ""  # but for its last line's end, which is no content


@pytest.mark.parametrize(("before", "after"), [("no toml sk-canary-0123456789", ONE), (ONE, "sk-canary-0123456789")])
def test_what_cannot_be_masked_is_not_shown(before, after):
    text = difference(before, after, "a", "b")
    assert "canary" not in text
    assert "can't be shown" in text


def test_large_texts_are_counted_instead_of_compared(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINES", 10)
    assert difference("a = 1\n" + "#\n" * 20, "a = 2\n", "a", "b") == "21 lines before, 1 after: too many to compare\n"


def test_a_long_diff_is_cut(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARS", 50)
    text = difference("a = 1\n", "a = 2\n" + "# more\n" * 50, "a", "b")
    assert len(text) < 120
    assert text.endswith("the whole diff is longer\n")


def test_texts_of_many_lines_take_a_moment():
    before = "".join(f'[routes.r{n}.versions.v]\nbackends = ["one"]\n' for n in range(1_000))
    begin = time.monotonic()
    assert difference(before, before.replace("[routes.r500.", "[routes.changed."), "a", "b")
    assert time.monotonic() - begin < 5
