"""Header fields, and what may be sent as one."""

import pytest

from llmgateway.http import messages

HEADERS = [(b"accept", b"a, B"), (b"x", b"1"), (b"accept", b" ,c ,")]


def test_finds_first_every_and_tokens() -> None:
    assert messages.first(HEADERS, b"accept") == b"a, B"
    assert messages.first(HEADERS, b"y") is None
    assert messages.every(HEADERS, b"accept") == [b"a, B", b" ,c ,"]
    assert messages.tokens(HEADERS, b"accept") == [b"a", b"b", b"c"]
    assert messages.tokens(HEADERS, b"y") == []


def test_renders_lines() -> None:
    assert messages.block([(b"a", b"1"), (b"X-B", b"")]) == b"a: 1\r\nX-B: \r\n"
    assert messages.block([]) == b""


def test_renders_lines_of_a_parsers_fields_alike() -> None:
    assert messages.lines(HEADERS) == messages.block(HEADERS)
    assert messages.lines([]) == b""


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\n", b"\r", b"\0"])
def test_refuses_values_that_end_their_line(value: bytes) -> None:
    assert not messages.is_safe_value(value)
    with pytest.raises(ValueError, match="value") as caught:
        messages.line(b"x", value)
    assert "cookie" not in str(caught.value)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"\xc3\xa9", b"a(", b"a\n"])
def test_refuses_names_that_are_no_token(name: bytes) -> None:
    with pytest.raises(ValueError, match="name"):
        messages.line(name, b"v")


@pytest.mark.parametrize("head", [b"", b"a: b\r\n", b"a: b\r\nc: \r\n"])
def test_whole_lines_pass(head: bytes) -> None:
    messages.check_block(head)


@pytest.mark.parametrize("head", [b"\r\n", b"a", b"a\n", b"a\r\n\r\n", b"a\rb\r\n", b"a\nb\r\n", b"a\0\r\n"])
def test_anything_else_does_not(head: bytes) -> None:
    with pytest.raises(ValueError, match="header lines"):
        messages.check_block(head)
