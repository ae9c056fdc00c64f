"""E-mail addresses: plain, in URLs, spelt out to hide them from harvesters, and in base64."""

from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import encoded
from llmgateway.guardrails.pii.runs import LONGEST, Run, compiled
from llmgateway.wire.view import View

KIND: Final = "email"
_LOCAL: Final = rb"A-Za-z0-9._%+'"
WORD: Final = _LOCAL + rb":@\\\x7f-"  # what addresses (and those of networks) are made of
_ENTITY: Final = rb"&(?:#64|#x40|commat);"
SIGN: Final = rb"(?:@|%40|\\u0040|" + _ENTITY + rb")"
_SIGNS: Final = (b"@", b"%40", b"&#64;", b"&#x40;", b"&commat;", b"\\u0040")
_RUN: Final = compiled(rb"[" + WORD + rb"]+" + SIGN + rb"[" + WORD + rb"]*\.\x7f*[A-Za-z][" + WORD + rb"]*")
_HOST: Final = rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:xn--[a-z0-9-]{2,24}|[A-Za-z]{2,24})\b"
_ADDRESS: Final = compiled(rb"[A-Za-z0-9_][" + _LOCAL + rb"-]*" + SIGN + _HOST)
_FEWEST: Final = 6  # characters of an address, as in a@b.cd
_FILES: Final = frozenset(
    b"png jpg jpeg gif svg webp css js json html htm txt pdf xml yaml yml toml local internal".split()
)
_ACCOUNTS: Final = frozenset((b"git", b"root", b"hg", b"ubuntu", b"ec2-user"))
_NO_ADDRESS: Final = ("message-id", "in-reply-to", "references", "content-id", "cid:")

_AT: Final = rb"(?: ?[\[({<] ?(?:at|AT|At|@) {0,4}[\])}>] ?| (?:at|AT|@) {1,5})"
_DOT: Final = rb"(?: ?[\[({<] ?(?:dot|DOT|Dot|\.) ?[\])}>] ?| (?:dot|DOT|\.) )"
SPELT_SIGN: Final = rb"[\[({<] ?(?:at|AT|At|@)|[\[({< ](?:dot|DOT|Dot|\.) ?[\])}> ]"
_ATOM: Final = rb"[A-Za-z0-9._+-]+"
_CHAIN: Final = compiled(_ATOM + rb"(?:(?:" + _AT + b"|" + _DOT + b")" + _ATOM + b")+")
_SPELT: Final = compiled(
    rb"[A-Za-z0-9_+-]+(?:(?:\.|" + _DOT + rb")[A-Za-z0-9_+-]+)*(" + _AT + rb"|@)"
    rb"[A-Za-z0-9-]+(?:(?:\.|" + _DOT + rb")[A-Za-z0-9-]+)*(?:(\.)|" + _DOT + rb")[A-Za-z]{2,24}\b"
)
_SIGN: Final = compiled(_AT)
# Where addresses end more often than code does.
_COMMON: Final = frozenset(b"com org net edu gov jp uk de fr io co eu nl ca info".split())
_SIGN_OPEN: Final = rb"(?:[AaDd@.][TtOo]?[Tt]?)?"
ENTITY_OPEN: Final = rb"[" + WORD + rb"]+(?:&[#a-z0-9]{0,6}|" + _ENTITY + rb"[" + WORD + rb"]*)"
CHAIN_OPEN: Final = (
    rb"(?:"
    + _ATOM
    + rb"(?:"
    + _AT
    + b"|"
    + _DOT
    + rb"))+(?:"
    + _ATOM
    + rb")?(?: ?[\[({<]? ?"
    + _SIGN_OPEN
    + rb" {0,5})?"
    rb"|" + _ATOM + rb" ?[\[({<]? ?" + _SIGN_OPEN + rb" {0,5}[\])}>]? ?"
)
ENCODED: Final = rb"[A-Za-z0-9]{16,}|[A-Za-z0-9]{15}="
_LEADS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"  # in base64, of every third character if it is an ASCII one
_FOURS: Final = rb"(?:[A-Za-f][A-Za-z0-9]{3}){3}[A-Za-f][A-Za-z0-9]{2}(?:[A-Za-z0-9]+|=)"
_ENCODED: Final = compiled(_FOURS)
_ENCODED_INSIDE: Final = compiled(rb"[^A-Za-z0-9]" + _FOURS)
_PAD: Final = b"="


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Addresses that have their sign, plain or as URLs write it."""
    if all(octets.find(sign, low) < 0 for sign in _SIGNS):
        return
    for begin, end in _RUN.spans(octets, low):
        if end - begin <= LONGEST and not view.before(begin).lower().rstrip(" <:").endswith(_NO_ADDRESS):
            yield from _in_run(Run(view, octets, begin, end))


def _in_run(run: Run) -> Iterator[Finding]:
    at = run.begin
    while run.end - at >= _FEWEST:
        begin, at = _ADDRESS.place(run.octets, at, run.end)
        if begin < 0:
            return
        if _is_somebody(run, begin, run.octets[begin:at]):
            yield Finding(*run.place(begin, at), KIND)


def _is_somebody(run: Run, begin: int, address: bytes) -> bool:
    """No file name with a scale, no account of a machine, no password in a URL."""
    sign = b"@" if b"@" in address else next(sign for sign in _SIGNS if sign in address)
    local, _, host = address.partition(sign)
    if host.rpartition(b".")[2].lower() in _FILES or local in _ACCOUNTS:
        return False
    return not (run.near(begin - 1) == b":" and run.octets.endswith(b"//", 0, run.begin))


def find_spelt(octets: bytes, low: int) -> Iterator[Finding]:
    """Addresses such as `name [at] example [dot] com`."""
    for begin, end in _CHAIN.spans(octets, low):
        if end - begin <= LONGEST:
            yield from _in_chain(octets, begin, end)


def _in_chain(octets: bytes, at: int, high: int) -> Iterator[Finding]:
    """Of several signs in a row the last one counts: in `write to me at name at example dot com` the second."""
    while match := _SPELT.search(octets, at, high):
        begin, end = match.span()
        if _is_spelt(match.group(1), match.group(2), octets[begin:end]) and not _SIGN.match(octets, end, high):
            yield Finding(begin, end, KIND, 0.9)
            at = end
        else:
            at = match.end(1)


def _is_spelt(sign: bytes, dot: bytes, address: bytes) -> bool:
    """Whether its writer meant an address: his dot is a word, or his sign in brackets, or apart in an address known."""
    if not dot or any(bracket in sign for bracket in b"[({<"):
        return True
    return sign.strip() == b"@" and address.rpartition(b".")[2].lower() in _COMMON and b"@ self." not in address


def find_encoded(octets: bytes, low: int) -> Iterator[Finding]:
    """Addresses in base64, where nothing else is in it, and numbers."""
    first = (low, _ENCODED.ends(octets, low))
    for begin, stop in (first, *((at + 1, end) for at, end in _ENCODED_INSIDE.spans(octets, low))):
        if begin < stop <= begin + LONGEST and (kind := _hidden(octets[begin:stop].rstrip(_PAD))):
            end = stop + len(octets[stop : stop + 2]) - len(octets[stop : stop + 2].lstrip(_PAD))
            yield Finding(begin, end, kind, 0.9)


def _hidden(token: bytes) -> str:
    """What kind it is that base64 hides; nothing if it hides none."""
    if _hides_address(token):
        return KIND
    return encoded.kind(token) if token[:1] in encoded.LEADS else ""


def _hides_address(token: bytes) -> bool:
    if not token or len(token) % 4 == 1 or token[::4].translate(None, _LEADS):
        return False
    decoded = a2b_base64(token + b"=" * (-len(token) % 4))
    return b"@" in decoded and _ADDRESS.takes(decoded)
