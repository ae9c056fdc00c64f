"""A user whose name may not be stored is found again by who knows the name."""

from llmgateway.domain.pseudonyms import MARK_LENGTH, mark_of


def test_the_mark_is_the_names_alone_and_always_as_long():
    assert mark_of("ada@example.com") == "~b5fc85e5"
    assert mark_of("ada") != mark_of("Ada")
    assert {len(mark_of(name)) for name in ("", "ada", "佐藤様", "\ud800", "x" * 10_000)} == {MARK_LENGTH}
