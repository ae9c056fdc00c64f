"""Anything a caller or a model wrote, made fit for a terminal: nothing in it can move the cursor or hide itself."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from llmgateway.wire.jsoncodec import encode, encode_pretty

# C0 and C1 controls, marks that reorder or hide text, line separators, lone surrogates, tag characters.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_UNSAFE_IN_JSON: Final = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", ""))  # JSON itself escapes those
_UNSAFE_BUT_LINES: Final = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def one_line(value: Any) -> str:
    """The value as text on one line, controls shown as escapes; nothing for None."""
    return "" if value is None else _UNSAFE.sub(_escaped, str(value))


def many_lines(text: str) -> str:
    """The same, keeping line ends and tabs."""
    return _UNSAFE_BUT_LINES.sub(_escaped, text)


def json_text(value: Any, *, pretty: bool = False) -> str:
    """The value as JSON that means the same to programs, and that a terminal may show, too."""
    text = (encode_pretty(value) if pretty else encode(value)).decode()
    return _UNSAFE_IN_JSON.sub(_json_escaped, text)


def _json_escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clock_time(moment: float | None) -> str:
    """Local time of day."""
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).astimezone().strftime("%H:%M:%S")


def full_time(moment: float | None) -> str:
    """Local date and time with milliseconds and offset."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(moment, UTC).astimezone().isoformat(" ", "milliseconds")


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it."""
    if value is None:
        return ""
    if value < 0.0995:
        return f"{value * 1000:.1f} ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def size(count: int | None) -> str:
    """Bytes, for people."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def dollars(cost: float | None) -> str:
    """US dollars, as exact as needed; nothing where the price is unknown."""
    if cost is None:
        return ""
    return f"${cost:.2f}" if cost >= 1 else f"${cost:.6f}"
