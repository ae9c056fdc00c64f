"""Addresses of the Internet protocol. The ones that every machine has (loopback, masks) say nothing of anybody."""

from collections.abc import Iterator
from string import ascii_letters
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import LONGEST, NO_DIGITS, Run, compiled, fits
from llmgateway.wire.view import View

KIND: Final = "ip_address"
_DOTTED: Final = compiled(rb"[0-9.\x7f]*[0-9]\x7f*\.[0-9\x7f]+\.[0-9\x7f]+\.[0-9.\x7f]*[0-9]")
_COLONS: Final = compiled(rb"[0-9A-Za-z:.]*:[0-9A-Za-z.]*:[0-9A-Za-z:.]*")
HINTS: Final = (rb"[0-9]\x7f*\.[0-9\x7f]+\.", rb":[0-9A-Za-z.]*:")
_GROUP: Final = rb"[0-9A-Fa-f]{1,4}"
_FOURTH: Final = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LAST: Final = _GROUP + rb"|" + _FOURTH + rb"(?:\." + _FOURTH + rb"){3}"
_SIXTH: Final = compiled(
    rb"(?:" + _GROUP + rb":){7}" + _GROUP + rb"|"
    rb"(?:" + _GROUP + rb"(?::" + _GROUP + rb")*)?::(?:(?:" + _GROUP + rb":)*(?:" + _LAST + rb"))?"
)
_LONGEST_SIXTH: Final = 45
_COLONS_OF_ALL: Final = 7  # in an address that leaves no group out
_BEHIND: Final = frozenset((b":", b"/"))
_OWN: Final = b"10."
_IN_LIST: Final = " :=\"'#.,(0123456789"
_PARTS: Final = frozenset(form % part for part in range(256) for form in ("%d", "%02d", "%03d"))
_DOTS: Final = 3  # of an address of version 4, which may stand in one of version 6
_NOBODY: Final = ("0.", "127.", "255.")
_PINNED: Final = ("==", ">=", "<=", "~=", "^", "~")
_VERSIONS: Final = (
    "version versions ver v release releases build builds section sections chapter chapters clause firmware driver"
    " assemblyversion fileversion productversion upgrade upgraded update updated patch ec enzyme class classes oid"
    " figure table step steps theorem protocol"
)
_VERSION: Final = frozenset(_VERSIONS.split())
_JOINED: Final = ("and", "or", "to", "from", "through", "v")  # what stands between the versions of a list
_LISTED: Final = 3  # of them before one
_FEW: Final = 5  # digits of what is a version or a number of a chapter much more often than an address
_FEW_AND_LOW: Final = 6  # the same where the first number has one of them
_HOSTS: Final = (
    *("addr", "host", "server", "dns", "ping", "client", "peer", "remote", "src", "dst", "gateway", "resolv", "proxy"),
    *("subnet", "network", "アドレス", "サーバ", "ホスト", "プロキシ", "接続元", "送信元", "アクセス元", "端末"),
)
_CALLED: Final = ("ip ", "ips ", "ip:", "ip=", 'ip"', "ip'", "ip(", "ipは", "ipが")
_LEADS: Final = ("//", "@")
_FROM, _TO = " from ", b" to "  # the latter behind what is a version
_LOGGED: Final = b" - "  # behind the address of whoever asked, in logs of servers
_NEAR: Final = 24  # characters before it in which a word for a machine says that it is an address
_VERSION_JA: Final = ("バージョン", "第", "章", "節", "項", "版")


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Both versions of the protocol."""
    for begin, end in _DOTTED.spans(octets, low):
        if fits(octets, begin, end):
            yield from _dotted(Run(view, octets, begin, end))
    if octets.find(b":", low) >= 0:
        yield from _colons(octets, low)


def _dotted(run: Run) -> Iterator[Finding]:
    text = run.octets[run.begin : run.end].decode("latin-1").lstrip(".")
    parts = text.split(".")
    if len(parts) != 4 or not _PARTS.issuperset(parts):
        return
    begin = run.end - len(text)
    if not text.startswith(_NOBODY) and not _is_part(run, begin) and not _is_version(run, begin):
        yield Finding(*run.place(begin, run.end), KIND)


def _is_part(run: Run, begin: int) -> bool:
    """Whether it belongs to a longer word: of a name, of a browser's `Name/1.2.3.4`, of a version's `1.2.3.4-rc1`."""
    before, after = run.near(begin - 1), run.near(run.end)
    if before.isalpha() or before == b"_" or after.isalpha() or after == b"_":
        return True
    if after == b"-" and not _is_range(run.octets[run.end + 1 : run.end + 5]):
        return True
    return before in {b"/", b"-"} and run.near(begin - 2).isalpha()


def _is_range(after: bytes) -> bool:
    """Whether another address begins there."""
    first, dot, _ = after.partition(b".")
    return bool(dot) and first.isdigit()


def _is_version(run: Run, begin: int) -> bool:
    before = run.view.before(run.place(begin, run.end)[0])
    words = before.rstrip(" :=\"'#.")
    if before.endswith(_PINNED) or words.endswith(_VERSION_JA) or _names_version(words):
        return True
    text = run.octets[begin : run.end]
    most = _FEW_AND_LOW if text[1:2] == b"." else _FEW
    return len(text) - _DOTS <= most and not text.startswith(_OWN) and not _is_of_host(run, before)


def _names_version(words: str) -> bool:
    """Whether the last word says so, or the one before a list."""
    for _ in range(_LISTED):
        words = words.rstrip(_IN_LIST)
        last = words[len(words.rstrip(ascii_letters)) :].lower()
        if last in _VERSION:
            return True
        if last not in _JOINED:
            return False
        words = words[: -len(last)]
    return False


def _is_of_host(run: Run, before: str) -> bool:
    """Whether a word or a sign beside says that it is a machine's, or a port or the size of a network behind it."""
    if run.near(run.end) in _BEHIND and run.near(run.end + 1).isdigit():
        return True
    if run.octets.startswith(_LOGGED, run.end) and not run.near(run.end + len(_LOGGED)).isdigit():
        return True
    near = before[-_NEAR:].lower()
    if near.endswith(_FROM) and not run.octets.startswith(_TO, run.end):
        return True
    return before.endswith(_LEADS) or any(word in near for word in _HOSTS) or _is_called(near)


def _is_called(near: str) -> bool:
    """Whether it is called an IP."""
    at = max(near.rfind(sign) for sign in _CALLED)
    return at >= 0 and not (near[at - 1 : at].isalpha() or near[at - 1 : at] == ".")


def _colons(octets: bytes, low: int) -> Iterator[Finding]:
    for begin, end in _COLONS.spans(octets, low):
        text = octets[begin:end]
        if len(text) <= LONGEST and _may_be_sixth(text):
            for lead, stop in _readings(text):
                if _is_sixth(text[lead:stop]):
                    yield Finding(begin + lead, begin + stop, KIND)
                    break


def _may_be_sixth(text: bytes) -> bool:
    """Whether there are a digit and two groups, and all the colons of an address or two together, for the others."""
    if not text.strip(NO_DIGITS) or not text.strip(b":").count(b":"):
        return False
    return b"::" in text or text.count(b":") >= _COLONS_OF_ALL


def _readings(text: bytes) -> Iterator[tuple[int, int]]:
    """What of a run may be the address: all of it, or without a word before it, a port or a full stop after it."""
    stop = len(text.rstrip(b"."))
    last = text.rfind(b":", 0, stop)
    word = text.find(b":") + 1
    for lead in (0, word):
        yield lead, stop
        yield lead, last


def _is_sixth(text: bytes) -> bool:
    """An address of version 6 that is somebody's: neither a time, a name in code, nor hardware."""
    if len(text) > _LONGEST_SIXTH or not _SIXTH.takes(text):
        return False
    groups = text.split(b":")
    while b"" in groups:
        groups.remove(b"")
    if len(groups) + (b"." in text) > _COLONS_OF_ALL and b"::" in text:  # which stands for one group or more
        return False
    if not (len(groups) > 2 or _is_short(groups)) or not text.strip(NO_DIGITS):
        return False
    return any(len(group) != 2 for group in groups)


def _is_short(groups: list[bytes]) -> bool:
    """Two groups, such as `fe80::1`, are rather names in code if the first one has no digit."""
    if len(groups) != 2 or len(groups[0]) != 4:
        return False
    fourth = groups[1].count(b".") == _DOTS and not groups[1].decode("latin-1").startswith(_NOBODY)
    return fourth or bool(groups[0].strip(NO_DIGITS))
