"""Addresses of the Internet protocol. The ones that every machine has (loopback, masks) say nothing of anybody."""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import LONGEST, Run, compiled
from llmgateway.wire.view import View

KIND: Final = "ip_address"
_DOTTED: Final = compiled(rb"[0-9.\x7f]*[0-9]\x7f*\.\x7f*[0-9]+\x7f*\.\x7f*[0-9]+\x7f*\.[0-9.\x7f]*[0-9]")
_COLONS: Final = compiled(rb"[0-9A-Za-z:.]*:[0-9A-Za-z.]*:[0-9A-Za-z:.]*")
HINTS: Final = (rb"[0-9]\x7f*\.\x7f*[0-9]+\x7f*\.", rb":[0-9A-Za-z.]*:")
_NOBODY: Final = ("0.", "127.", "255.")
_PINNED: Final = ("==", ">=", "<=", "~=", "^", "~", "-")
_VERSION: Final = (
    "version", "ver", "v", "release", "build", "section", "chapter", "clause", "step", "rule", "firmware", "update",
    "バージョン", "第", "章", "節", "項", "版",
)  # fmt: skip


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Both versions of the protocol."""
    for match in _DOTTED.finditer(octets, low):
        begin, end = match.span()
        if end - begin <= LONGEST:
            yield from _dotted(Run(view, octets, begin, end))
    if octets.find(b":", low) >= 0:
        yield from _colons(octets, low)


def _dotted(run: Run) -> Iterator[Finding]:
    text = run.octets[run.begin : run.end].decode("latin-1")
    parts = text.split(".")
    if len(parts) != 4 or not all(part and len(part) <= 3 and int(part) < 256 for part in parts):
        return
    if not text.startswith(_NOBODY) and not _is_part(run) and not _is_version(run):
        yield Finding(*run.place(run.begin, run.end), KIND)


def _is_part(run: Run) -> bool:
    """Whether it belongs to a longer word: of a name, of a browser's `Name/1.2.3.4`."""
    before, after = run.near(run.begin - 1), run.near(run.end)
    if before.isalpha() or before in {b"_", b"-"} or after.isalpha() or after in {b"_", b"-"}:
        return True
    return before == b"/" and run.near(run.begin - 2).isalnum()


def _is_version(run: Run) -> bool:
    before = run.view.before(run.place(run.begin, run.end)[0])
    return before.endswith(_PINNED) or before.lower().rstrip(" :=\"'#.").endswith(_VERSION)


def _colons(octets: bytes, low: int) -> Iterator[Finding]:
    for match in _COLONS.finditer(octets, low):
        begin, end = match.span()
        if end - begin <= LONGEST:
            text = match.group().decode("latin-1")
            for lead, stop in _readings(text):
                if _is_sixth(text[lead:stop]):
                    yield Finding(begin + lead, begin + stop, KIND)
                    break


def _readings(text: str) -> Iterator[tuple[int, int]]:
    """What of a run may be the address: all of it, or without a word before it, a port or a full stop after it."""
    stop = len(text.rstrip("."))
    last = text.rfind(":", 0, stop)
    word = text.find(":") + 1
    for lead in (0, word):
        yield lead, stop
        yield lead, last


def _is_sixth(text: str) -> bool:
    """An address of version 6 that is somebody's: neither a time, a name in code, nor hardware."""
    groups = [group for group in text.split(":") if group]
    if len(groups) < 3 or not ("::" in text or len(groups) == 8) or len(text) > 45:
        return False
    if not any(char.isdigit() for char in text) or all(len(group) == 2 for group in groups):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
