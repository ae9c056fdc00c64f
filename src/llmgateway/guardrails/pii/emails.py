"""E-mail addresses: plain, in URLs, spelt out to hide them from harvesters, and in base64."""

from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import encoded
from llmgateway.guardrails.pii.runs import LONGEST, Run, compiled, fits
from llmgateway.wire.view import View

KIND: Final = "email"
_LOCAL: Final = rb"A-Za-z0-9._%+'"
WORD: Final = _LOCAL + rb":@\\\x7f-"  # what addresses (and those of networks) are made of
SIGN: Final = b"@"
_RUN: Final = compiled(rb"[" + WORD + rb"]+\"?@[" + WORD + rb"]*\.\x7f*[A-Za-z][" + WORD + rb"]*")
_HOST: Final = rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:xn--[a-z0-9-]{2,24}|[A-Za-z]{2,24})\b"
_ADDRESS: Final = compiled(rb"[A-Za-z0-9_][" + _LOCAL + rb"-]*\"?@" + _HOST)
_FEWEST: Final = 6  # characters of an address, as in a@b.cd
_FILES: Final = frozenset(
    b"png jpg jpeg gif svg webp css js json html htm txt pdf xml yaml yml toml local internal".split()
)
_ACCOUNTS: Final = frozenset((b"git", b"root", b"hg", b"ubuntu", b"ec2-user"))
_NO_ADDRESS: Final = ("message-id", "in-reply-to", "references", "content-id", "cid:")

_AT: Final = rb"(?: ?[\[({<] ?(?:at|AT|At|@) {0,4}[\])}>] ?| (?:at|AT|@) {1,5}|[_-](?:at|AT)[_-]| @|@ {1,3})"
_DOT: Final = rb"(?: ?[\[({<] ?(?:dot|DOT|Dot|\.) ?[\])}>] ?| (?:dot|DOT|\.) |[_-](?:dot|DOT)[_-])"
SPELT_SIGN: Final = rb"[\[({<] ?(?:at|AT|At|@)|[\[({< ](?:dot|DOT|Dot|\.) ?[\])}> ]|[_-](?:dot|DOT)[_-]"
_ATOM: Final = rb"[A-Za-z0-9._+-]+"
_CHAIN: Final = compiled(_ATOM + rb"(?:(?:" + _AT + b"|" + _DOT + b")" + _ATOM + b")+")
_SPELT: Final = compiled(
    rb"[A-Za-z0-9_+-]+(?:(?:\.|" + _DOT + rb")[A-Za-z0-9_+-]+)*(" + _AT + rb"|@)"
    rb"[A-Za-z0-9-]+(?:(?:\.|" + _DOT + rb")[A-Za-z0-9-]+)*(?:(\.)|" + _DOT + rb")[A-Za-z]{2,24}\b"
)
_SIGN: Final = compiled(_AT)
# Where addresses end more often than code does.
_COMMON: Final = frozenset(b"com org net edu gov jp uk de fr io co eu nl ca info me au br sg nz".split())
_WORDS: Final = b"me us him her them it or and at on in is now live here out find follow see visit read more meet"
_NO_NAMES: Final = frozenset(_WORDS.split())  # before a sign that means at
_NO_LETTERS: Final = b"0123456789._%+-"
_SIGN_OPEN: Final = rb"(?:[AaDd@.][TtOo]?[Tt]?)?"
QUOTE_OPEN: Final = rb"\"(?:@[" + WORD + rb"]*)?"  # of `"jane"@example.com`, behind the name
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
_PAIRS: Final = rb"(?:[2-7][0-9A-Fa-f]){8,}\b"
_ENCODED: Final = compiled(_FOURS + rb"|" + _PAIRS, longest=True)
_ENCODED_INSIDE: Final = compiled(rb"[^A-Za-z0-9](?:" + _FOURS + rb"|" + _PAIRS + rb")", longest=True)
_PAD: Final = b"="


def find(view: View, octets: bytes, low: int) -> Iterator[Finding]:
    """Addresses that have their sign."""
    if octets.find(SIGN, low) < 0:
        return
    for begin, end in _RUN.spans(octets, low):
        if fits(octets, begin, end) and not view.before(begin).lower().rstrip(" <:").endswith(_NO_ADDRESS):
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
    local, _, host = address.partition(SIGN)
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
    if sign.strip() != b"@" or address.rpartition(b".")[2].lower() not in _COMMON or b"@ self." in address:
        return False
    local = address.partition(b"@")[0].strip()
    return _is_account(local) or (sign[:1] == sign[-1:] == b" " and local.lower() not in _NO_NAMES)


def _is_account(local: bytes) -> bool:
    """Whether it is more than one word, so that the sign behind it is none of its own: `look @example.com`."""
    return local.strip(_NO_LETTERS) != b"" and not local.isalpha()


def find_encoded(octets: bytes, low: int) -> Iterator[Finding]:
    """Addresses in base64 or hexadecimal, where nothing else is in it, and numbers."""
    first = (low, _ENCODED.ends(octets, low))
    for begin, stop in (first, *((at + 1, end) for at, end in _ENCODED_INSIDE.spans(octets, low))):
        if begin < stop <= begin + LONGEST and (kind := _hidden(octets[begin:stop].rstrip(_PAD))):
            end = stop + len(octets[stop : stop + 2]) - len(octets[stop : stop + 2].lstrip(_PAD))
            yield Finding(begin, end, kind, 0.9)


def _hidden(token: bytes) -> str:
    """What kind it is that base64 hides; nothing if it hides none."""
    if _hides_address(token):
        return KIND
    if said := encoded.from_hexadecimal(token):
        return KIND if SIGN in said and _ADDRESS.takes(said) else encoded.of(said)
    return encoded.kind(token) if token[:1] in encoded.LEADS else ""


def _hides_address(token: bytes) -> bool:
    if not token or len(token) % 4 == 1 or token[::4].translate(None, _LEADS):
        return False
    decoded = a2b_base64(token + b"=" * (-len(token) % 4))
    return b"@" in decoded and _ADDRESS.takes(decoded)
