"""Retry-After in every form that backends send, sensible or not (fault U22)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.retry_after import LONGEST_S, retry_after_s

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0.0),
        (b"3", 3.0),
        (b" 1.5 ", 1.5),
        (b"Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        (b"Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        (b"Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        (b"1000000000", LONGEST_S),
        (b"9" * 60, LONGEST_S),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        (b"-1", None),
        (b"", None),
        (b".", None),
        (b"soon", None),
        (b"nan", None),
        (b"inf", None),
        (b"1e3", None),
        (b"0x10", None),
        ("\u0663".encode(), None),
        (b"Tue, 99 Nov 2023 22:14:20 GMT", None),
        (b"\xff\xfe", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(value: bytes, expected: float | None) -> None:
    assert retry_after_s([(b"retry-after", value)], NOW) == expected


def test_milliseconds_go_first() -> None:
    assert retry_after_s([(b"retry-after", b"7"), (b"retry-after-ms", b"250")], NOW) == 0.25


def test_senseless_milliseconds_leave_the_word_to_retry_after() -> None:
    assert retry_after_s([(b"retry-after-ms", b"-1"), (b"retry-after", b"7")], NOW) == 7.0


def test_no_header_is_no_wait() -> None:
    assert retry_after_s([(b"content-type", b"7")], NOW) is None


def test_a_date_is_held_against_the_reply_s_own_clock_first() -> None:
    headers = [(b"date", b"Tue, 14 Nov 2023 20:00:00 GMT"), (b"retry-after", b"Tue, 14 Nov 2023 20:00:05 GMT")]
    assert retry_after_s(headers, NOW) == 5.0
    assert retry_after_s(headers) == 5.0


def test_a_date_without_any_clock_is_no_wait() -> None:
    assert retry_after_s([(b"retry-after", b"Tue, 14 Nov 2023 22:14:20 GMT")]) is None


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_value_does_harm(plain: bytes, ms: bytes) -> None:
    wait = retry_after_s([(b"retry-after", plain), (b"retry-after-ms", ms)], NOW)
    assert wait is None or 0.0 <= wait <= LONGEST_S
