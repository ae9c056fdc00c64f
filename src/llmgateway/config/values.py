"""How settings are written: durations, sizes, addresses, URLs, dates. Text in, plain values out, or a ValueError.

No function here quotes its input in an error: a secret may have been put in the wrong place.
"""

import datetime
import math
from ipaddress import ip_network
from re import ASCII, IGNORECASE
from re import compile as regex
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from llmgateway.config.snapshot import Address, Sticky, StickyBy

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_UNITS_B: Final = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_DURATION: Final = regex(r"(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d|w)", ASCII)
_SIZE: Final = regex(r"(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?i?b)", ASCII | IGNORECASE)
_PERCENTILE: Final = regex(r"p([5-9]\d(?:\.\d)?)", ASCII)
_TOKEN: Final = regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", ASCII)
_NAME: Final = regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", ASCII)
_ROUTE: Final = regex(r"[!-~]{1,200}", ASCII)
_HOST: Final = regex(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?", ASCII)
_URL: Final = regex(r"[!-~]{1,2000}", ASCII)
_FRAMING: Final = frozenset({
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
_DIGEST: Final = regex(r"sha256:([0-9a-fA-F]{64})", ASCII)


def seconds(value: Any) -> float:
    """Read a duration: a number of seconds, or "500ms", "3.5s", "10m", "1h30m", "30d", "2w"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif isinstance(value, str) and value and not _DURATION.sub("", value):
        return sum(float(number) * _UNITS_S[unit] for number, unit in _DURATION.findall(value))
    raise ValueError('must be a duration: a number of seconds, or text like "500ms", "3.5s", "10m", "1h30m", "30d"')


def seconds_or_forever(value: Any) -> float | None:
    """Read a duration, or "forever" (None)."""
    return None if value == "forever" else seconds(value)


def size(value: Any) -> int:
    """Read a size: a whole number of bytes, or "512KiB", "16MiB", "10GB"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        factor: int = _UNITS_B[found[2].lower()]
        return round(float(found[1]) * factor)
    raise ValueError('must be a size: a whole number of bytes, or text like "512KiB", "16MiB", "10GB"')


def size_or_unlimited(value: Any) -> int | None:
    """Read a size, or "unlimited" (None)."""
    return None if value == "unlimited" else size(value)


def count_or_unlimited(value: Any) -> Any:
    """Read a whole number (its bounds are the schema's business), or "unlimited" (None)."""
    if isinstance(value, str) and value != "unlimited":
        raise ValueError('must be a whole number or "unlimited"')
    return None if value == "unlimited" else value


def size_or_auto(value: Any) -> int | None:
    """Read a size, or "auto" (None)."""
    return None if value == "auto" else size(value)


def address(value: Any) -> Address:
    """Read "host:port" or "[IPv6]:port"; a missing host means every address of the machine."""
    if not isinstance(value, str):
        raise ValueError('must be text like "127.0.0.1:8080"')  # noqa: TRY004 - pydantic turns no TypeError into a reason
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        raise ValueError('must be a host and a port, like "127.0.0.1:8080"')
    if int(port) > 65_535:
        raise ValueError("the port must be at most 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError('an IPv6 address needs brackets, like "[::1]:8080"')
    host = "0.0.0.0" if host in {"", "*"} else host  # noqa: S104 - what the operator wrote, spelt out
    if not _HOST.fullmatch(host):
        raise ValueError("the host must be a name or an IP address")
    return Address(host, int(port))


def percentile_or_seconds(value: Any) -> tuple[float | None, float | None]:
    """Read "p50" to "p99.9", or a duration: (percentile, None) or (None, seconds)."""
    if isinstance(value, str) and (found := _PERCENTILE.fullmatch(value)):
        return float(found[1]), None
    try:
        return None, seconds(value)
    except ValueError:
        raise ValueError('must be a percentile from "p50" to "p99.9", or a duration like "800ms"') from None


def sticky(value: Any) -> Sticky:
    """Read "user", "session", "key", "none" or "header:NAME"."""
    if isinstance(value, str):
        kind, colon, header = value.partition(":")
        if kind == "header" and _TOKEN.fullmatch(header):
            return Sticky(StickyBy.HEADER, header.lower().encode())
        if not colon and kind in {"user", "session", "key", "none"}:
            return Sticky(StickyBy(kind))
    raise ValueError('must be "user", "session", "key", "none" or "header:NAME"')


def unix_time(value: Any) -> float:
    """Read a date (midnight, UTC) or a date and time with its zone, as TOML value or text."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value) if len(value) > 10 else datetime.date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError("needs a time zone: add Z for UTC, like 2027-01-31T12:00:00Z")
        return value.timestamp()
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC).timestamp()
    raise ValueError("must be a date like 2027-01-31, or a time like 2027-01-31T12:00:00Z")


def digest(value: Any) -> bytes:
    """Read "sha256:<64 hexadecimal digits>"."""
    if isinstance(value, str):
        if found := _DIGEST.fullmatch(value):
            return bytes.fromhex(found[1])
        if not value.startswith("sha256:"):
            raise ValueError(
                'must be "sha256:" and the hash of the key, never the key itself; `llmgateway keys new` makes both'
            )
    raise ValueError('must be "sha256:" and 64 hexadecimal digits; `llmgateway keys new` prints it')


def base_url(value: str) -> str:
    """Check a backend's URL and return it without a slash at its end."""
    parts = _url(value)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


def proxy_url(value: str) -> str:
    """Check a proxy's URL: http, a host and a port, nothing else."""
    parts = _url(value)
    if parts.scheme != "http" or parts.path not in {"", "/"} or parts.port is None:
        raise ValueError('must be like "http://proxy.example:3128"; the proxy is spoken to with CONNECT')
    return value.rstrip("/")


def origin(value: str) -> str:
    """Check a browser's origin: scheme, host and port without a path, or "*"."""
    if value == "*":
        return value
    parts = _url(value)
    if parts.scheme not in {"http", "https"} or parts.path:
        raise ValueError('must be an origin like "https://app.example" without a path, or "*"')
    return value.lower()


def network(value: str) -> str:
    """Check an IP address or network."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError('must be an IP address or a network like "10.0.0.0/8"') from None


def name(value: str) -> str:
    """Check the name of a backend, version or key: it stands in headers, labels and file names."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            "a name may hold letters, digits, '.', '_' and '-', up to 64, and begins with a letter or digit"
        )
    return value


def route_name(value: str) -> str:
    """Check a route's name or pattern: what callers write as model."""
    if not _ROUTE.fullmatch(value):
        raise ValueError("a route's name may hold printable ASCII characters without spaces, up to 200")
    if value.count("*") > 8:
        raise ValueError("a route's pattern may hold at most eight *")
    return value


def header_name(value: str) -> str:
    """Check the name of a header that an operator may add to what goes upstream."""
    if not _TOKEN.fullmatch(value):
        raise ValueError("is not a header name")
    if value.lower() in _FRAMING or value.lower().startswith("proxy-"):
        raise ValueError("this header belongs to the connection and cannot be set")
    return value


def is_token(value: str) -> bool:
    """Tell whether `value` could be the name of a header."""
    return _TOKEN.fullmatch(value) is not None


def _url(value: str) -> SplitResult:
    if not _URL.fullmatch(value) or "\\" in value:
        raise ValueError("must be a URL of printable ASCII characters without spaces or backslashes")
    try:
        parts = urlsplit(value)
        port_is_wrong = parts.port == 0
    except ValueError:
        raise ValueError("its host or port is not valid") from None
    if not parts.hostname or port_is_wrong:
        raise ValueError(
            "must name a host and, if any, a port from 1 to 65535, behind http:// or https://"
            if "://" not in value
            else "must name a host and, if any, a port from 1 to 65535"
        )
    if "@" in parts.netloc:
        raise ValueError("must not hold credentials; they belong in api_key")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError("must not have a query or fragment")
    return parts
