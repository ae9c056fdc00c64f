"""Durations, sizes, addresses and the like: what is read, what is refused, and that refusals quote nothing."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config import values
from llmgateway.config.snapshot import Address, Sticky, StickyBy
from llmgateway.config.written import duration, size


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (2, 2.0),
        (0.5, 0.5),
        (0, 0.0),
        ("500ms", 0.5),
        ("3.5s", 3.5),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("30d", 2592000.0),
        ("2w", 1209600.0),
    ],
)
def test_durations_are_numbers_or_text_with_a_unit(written: Any, expected: float) -> None:
    assert values.seconds(written) == pytest.approx(expected)


@pytest.mark.parametrize(
    "written",
    ["", "5", "5 s", "-1s", "s", "1x", "1s!", "1,5s", "١s", True, None, [], float("nan"), float("inf"), "1" * 20 + "s"],
)
def test_other_durations_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        values.seconds(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0, 0),
        (4096, 4096),
        ("1B", 1),
        ("512KiB", 524288),
        ("16MiB", 16777216),
        ("10GB", 10_000_000_000),
        ("1.5 KiB", 1536),
        ("1mib", 1048576),
    ],
)
def test_sizes_are_bytes_or_text_with_a_unit(written: Any, expected: int) -> None:
    assert values.size(written) == expected


@pytest.mark.parametrize("written", ["", "16", "16M", "MiB", "-1B", "16 MiB ", 1.5, True, None])
def test_other_sizes_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="size"):
        values.size(written)


def test_forever_and_unlimited_are_words() -> None:
    assert values.seconds_or_forever("forever") is None
    assert values.size_or_unlimited("unlimited") is None


@given(st.integers(0, 10**9).map(lambda ms: ms / 1000))
def test_a_described_duration_reads_back_as_it_was(seconds: float) -> None:
    assert values.seconds(duration(seconds)) == pytest.approx(seconds, abs=1e-3)


@given(st.integers(0, 10**15 - 1))
def test_a_described_size_reads_back_as_it_was(count: int) -> None:
    assert values.size(size(count)) == count


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("[::1]:0", "::1", 0),
        (":80", "0.0.0.0", 80),
        ("*:80", "0.0.0.0", 80),
        ("gateway.internal:65535", "gateway.internal", 65535),
    ],
)
def test_addresses_have_a_host_and_a_port(written: str, host: str, port: int) -> None:
    assert values.address(written) == Address(host, port)


@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "h:-1",
        "::1:80",
        "h:٣",
        "a b:80",
        "http://h:80",
        "[::1:80",
        8080,
        None,
        "h:999999",
    ],
)
def test_other_addresses_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"port|address|host|text"):
        values.address(written)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("localhost.evil.example", False),
    ],
)
def test_only_loopback_counts_as_near(host: str, near: bool) -> None:
    assert Address(host, 1).is_loopback is near


def test_sticky_rules() -> None:
    assert values.sticky("user") == Sticky(StickyBy.USER)
    assert values.sticky("header:X-Team") == Sticky(StickyBy.HEADER, b"x-team")
    for wrong in ("users", "header:", "header:a b", "user:x", 1):
        with pytest.raises(ValueError, match="header:NAME"):
            values.sticky(wrong)


@pytest.mark.parametrize(
    "written",
    [
        "2030-12-31",
        datetime.date(2030, 12, 31),
        "2030-12-31T01:00:00+01:00",
        datetime.datetime(2030, 12, 31, tzinfo=datetime.UTC),
    ],
)
def test_dates_are_midnight_utc_and_times_need_a_zone(written: Any) -> None:
    assert values.unix_time(written) == 1924905600.0


@pytest.mark.parametrize(
    "written", ["soon", 1924905600, datetime.datetime(2030, 12, 31), "2030-12-31T00:00:00", True, datetime.time(1)]
)
def test_other_dates_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"zone|date"):
        values.unix_time(written)


def test_a_hash_is_read_and_a_pasted_key_is_not_echoed() -> None:
    assert values.digest("sha256:" + "aB" * 32) == bytes.fromhex("ab" * 32)
    with pytest.raises(ValueError, match="never the key itself") as caught:
        values.digest("lgw_secret")
    assert "lgw_secret" not in str(caught.value)
    with pytest.raises(ValueError, match="64 hexadecimal"):
        values.digest("sha256:<hex of the SHA-256 of the key>")


@pytest.mark.parametrize(
    "written",
    [
        "ftp://h",
        "http://",
        "http://u:p@h",
        "http://u@h",
        "http://h?x=1",
        "http://h/#f",
        "http://h?",
        "http://h:0",
        "http://h:99999",
        "http://h:x",
        "http://h\\@evil",
        "http://h /",
        "h/v1",
        "http://[::1",
        "http://é.example",
    ],
)
def test_base_urls_that_could_mislead_are_refused_without_being_quoted(written: str) -> None:
    with pytest.raises(ValueError, match=r"must|its host") as caught:
        values.base_url(written)
    assert "u:p" not in str(caught.value)


def test_a_base_url_loses_only_its_last_slash() -> None:
    assert values.base_url("https://api.openai.com/v1/") == "https://api.openai.com/v1"
    assert values.base_url("http://[::1]:9001") == "http://[::1]:9001"


@pytest.mark.parametrize("written", ["https://p:1", "http://p", "http://p:1/x", "http://u:p@p:1"])
def test_a_proxy_is_http_with_a_port_and_nothing_else(written: str) -> None:
    assert values.proxy_url("http://proxy:3128/") == "http://proxy:3128"
    with pytest.raises(ValueError, match="must"):
        values.proxy_url(written)


def _refuses(check: Callable[[str], str], *wrong: str) -> None:
    for each in wrong:
        with pytest.raises(ValueError, match=r".+"):
            check(each)


def test_origins_networks_headers_and_names() -> None:
    assert values.origin("https://App.example:8443") == "https://app.example:8443"
    assert values.origin("*") == "*"
    _refuses(values.origin, "app.example", "https://app.example/", "null", "ftp://x")
    assert values.network("10.0.0.0/8") == "10.0.0.0/8"
    _refuses(values.network, "10.0.0.1/8", "x")
    assert values.header_name("X-Team") == "X-Team"
    _refuses(
        values.header_name, "a b", "a\r\nb", "Host", "Content-Length", "transfer-encoding", "proxy-authorization", ""
    )
    assert values.name("v1.2_a-b") == "v1.2_a-b"
    _refuses(values.name, "", "-a", "a b", "a/b", "x" * 65, "é", "a\n")
    assert values.route_name("ft:gpt-*/x") == "ft:gpt-*/x"
    _refuses(values.route_name, "", "a b", "a\x1b[31m", "é", "x" * 201, "*" * 9)


@pytest.mark.parametrize(
    ("written", "read"),
    [("p50", (50.0, None)), ("p99.9", (99.9, None)), ("800ms", (None, 0.8)), (2, (None, 2.0))],
)
def test_a_percentile_or_a_duration(written: Any, read: tuple[float | None, float | None]) -> None:
    assert values.percentile_or_seconds(written) == read


@pytest.mark.parametrize("written", ["p49", "p100", "p9", "95", "p95%", "", None, True, "p٩٥"])
def test_what_is_neither_percentile_nor_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="percentile"):
        values.percentile_or_seconds(written)
