"""How long a backend asks us to wait: Retry-After (RFC 9110, section 10.2.3) and the SDKs' `retry-after-ms`.

Whether to wait that long is the router's decision; here a header only becomes a number.
"""

import math
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_S: Final = 86_400.0  # nobody means more than a day
_LONGEST_VALUE: Final = 64  # no number and no date is longer


def retry_after_s(headers: Sequence[tuple[bytes, bytes]], now: float | None = None) -> float | None:
    """Read the wait that a reply's headers (lower case) ask for, in seconds, at most a day.

    `retry-after-ms` goes first, as in the SDKs. A date is held against the reply's own Date, so that clocks need not
    agree; where there is none, against `now` (Unix time). A date in the past is 0.
    None: there is no such header, or it makes no sense (negative, no number, no date, nothing to hold a date against).
    """
    ms = _seconds(_first(headers, b"retry-after-ms"))
    if ms is not None:
        return min(ms / 1000, LONGEST_S)
    value = _first(headers, b"retry-after")
    wait = _seconds(value)
    if wait is None:
        wait = _until(_unix(value), _unix(_first(headers, b"date")), now)
    return None if wait is None else min(wait, LONGEST_S)


def _first(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> str:
    for name, value in headers:
        if name == wanted:
            return value[:_LONGEST_VALUE].decode("latin-1").strip()
    return ""


def _seconds(value: str) -> float | None:
    if not value or not value.isascii() or not value.replace(".", "", 1).isdigit():
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _until(then: float | None, sent: float | None, now: float | None) -> float | None:
    start = now if sent is None else sent
    return None if then is None or start is None else max(0.0, then - start)


def _unix(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
