"""Secrets known by how they are put together: addresses with a password, authorization headers, bot tokens."""

from binascii import Error as NoBase64
from binascii import a2b_base64
from typing import Final

from llmgateway.guardrails.secrets.scan import SIGN, Candidate, Detector, Scan, compiled
from llmgateway.guardrails.secrets.strength import is_password, is_password_in_address, is_random, is_token, is_varied
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.expression import Expression

CONNECTION: Final = "secret.connection_string"
BASIC: Final = "secret.basic_auth"
PASSWORD: Final = "secret.password"  # noqa: S105
BEARER: Final = "secret.bearer"
TELEGRAM: Final = "secret.telegram"
DISCORD: Final = "secret.discord"
AZURE: Final = "secret.azure"
MAXMIND: Final = "secret.maxmind"
TERRAFORM: Final = "secret.terraform"
_GENERIC: Final = "secret.generic"
NEWRELIC: Final = "secret.newrelic"
MAILCHIMP: Final = "secret.mailchimp"

_ADDRESS: Final = compiled(rb"://([^/\s\x1f:@\"'`<>?\\]{0,60}):([^/\s\x1f\"'`<>?\\]{1,128})@[A-Za-z0-9\[$_-]")
_NO_PASSWORDS: Final = (b"x-oauth-basic", b"x-token-auth")  # behind a token in the place of a name
_ENCODED: Final = compiled(rb"(?:\"auth\"|_auth)[ ]?[:=][ ]?\"?([A-Za-z0-9+/]{12,}={0,2})")
_BASIC: Final = compiled(rb"(?i:basic)[ \t]{1,3}([A-Za-z0-9+/_-]{8,}={0,2})")
_BEARER: Final = compiled(rb"(?i:bearer)[\"']?(?::|[ \t])[ \t]{0,3}[\"'`]?([A-Za-z0-9._~+/=-]{12,})")
_QUERY: Final = compiled(rb"(?i:key|auth|code)=([A-Za-z0-9_-]{20,128})(?:[^A-Za-z0-9_./+-]|$)")
_TELEGRAM: Final = compiled(rb":AA[A-Za-z0-9_-]{31,37}(?:[^A-Za-z0-9_-]|$)")
_CURL: Final = compiled(rb"-(?:u|-user)[ =][\"']?([A-Za-z0-9._@+-]{1,40}):(" + SIGN + rb"{5,64})")
_CLIENT: Final = compiled(rb"[ ]-p[\"']?(" + SIGN + rb"{5,64})")
_CLIENTS: Final = (b"mysql", b"mariadb")  # that take a password without a blank before it
_DISCORD: Final = compiled(rb"[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}")

ODD_HEAD: Final = rb"[MNO][DTjz][A-Za-z0-9][w-z0-5][MNO][DTjz]"
ODD: Final = compiled(rb"(?:^|[^A-Za-z0-9]|\\[nrt])(" + ODD_HEAD + rb")")
"""Where a Discord token may begin: digits in base64 after it. No word stands at its head to look for."""


def _address(scan: Scan, at: int) -> Candidate | None:
    found = _ADDRESS.match(scan.octets, at)
    if found is None:
        return None
    start, end = found.span(2)
    user, password = found.group(1), scan.octets[start:end]
    if password in _NO_PASSWORDS and is_token(user):
        return Candidate(found.start(1), 2, found.end(1), CONNECTION, 1.0)
    if user == password or not is_password_in_address(password):
        return None
    return Candidate(start, 2, end, CONNECTION, 1.0)


def _basic(scan: Scan, at: int) -> Candidate | None:
    return _login(scan, _follows(scan, at, _BASIC))


def _encoded(scan: Scan, at: int) -> Candidate | None:
    """A name and a password as npm and docker keep them."""
    return _login(scan, _follows(scan, at, _ENCODED))


def _login(scan: Scan, found: tuple[int, int, int] | None) -> Candidate | None:
    """Base64 of a name and a password."""
    if found is None:
        return None
    start, end, limit = found
    name, colon, password = _decoded(scan.octets[start:end]).partition(b":")
    if not (name and colon and name.isascii() and len(password) > 2 and name.decode().isprintable()):
        return None
    return Candidate(start, 1, scan.whole(end, limit), BASIC, 1.0)


def _decoded(value: bytes) -> bytes:
    whole = value.rstrip(b"=")
    try:
        return a2b_base64(whole + b"=" * (-len(whole) % 4))
    except NoBase64:
        return b""


def _bearer(scan: Scan, at: int) -> Candidate | None:
    found = _follows(scan, at, _BEARER)
    if found is None or not is_token(scan.octets[found[0] : found[1]].rstrip(b".")):
        return None
    start, end, limit = found
    end = start + len(scan.octets[start:end].rstrip(b".")) if end < limit else scan.whole(end, limit)
    return Candidate(start, 2, end, BEARER, 1.0)


def _follows(scan: Scan, at: int, pattern: Expression) -> tuple[int, int, int] | None:
    """The value after a word and a blank, and where the part of it ends that decides."""
    if not scan.begins(at):
        return None
    found = pattern.match(scan.octets, at)
    if found is None:
        return None
    start, end = found.span(1)
    limit = min(scan.limit(start), start + MAX_OPEN)
    return None if limit <= start else (start, min(end, limit), limit)


def _asked(scan: Scan, at: int) -> Candidate | None:
    """What an address hands over as a key: `?key=`, `&auth=`."""
    found = _QUERY.match(scan.octets, at) if at and scan.octets[at - 1] in b"\x1a&" else None
    if found is None or not is_random(found.group(1)):
        return None
    return Candidate(found.start(1), 3, found.end(1), _GENERIC, 0.8)


def _telegram(scan: Scan, at: int) -> Candidate | None:
    digits = scan.octets[max(0, at - 11) : at]
    start = at - len(digits) + len(digits.rstrip(b"0123456789"))
    found = _TELEGRAM.match(scan.octets, at) if 8 <= at - start <= 10 and scan.begins(start) else None
    if found is None:
        return None
    end = found.end()
    return Candidate(start, 0, end - (scan.octets[end - 1] not in _TELEGRAM_TAIL), TELEGRAM, 1.0)


def _curl(scan: Scan, at: int) -> Candidate | None:
    found = _CURL.match(scan.octets, at) if at == 0 or scan.octets[at - 1] in b" \n\t" else None
    if found is None or not is_password_in_address(scan.octets[found.start(2) : found.end(2)]):
        return None
    return Candidate(*(found.start(2), 2, found.end(2)), BASIC, 1.0)


def _client(scan: Scan, at: int) -> Candidate | None:
    found = _CLIENT.match(scan.octets, at)
    line = scan.before(at).rpartition(b"\n")[2]
    if found is None or not any(each in line for each in _CLIENTS) or not is_password(found.group(1) or b""):
        return None
    start, end = found.span(1)
    return Candidate(start, 2, start + len(scan.octets[start:end].rstrip(b'"`')), PASSWORD, 1.0)


def _inside(back: int, fixed: bytes, kind: str, pattern: bytes) -> Detector:
    """For a token whose one fixed part stands `back` characters after its beginning."""
    whole = compiled(pattern + rb"(?:[^A-Za-z0-9_-]|$)")

    def detect(scan: Scan, at: int) -> Candidate | None:
        start = at - back
        if not scan.octets.startswith(fixed, at):  # the gate is one for small letters and capitals
            return None
        found = whole.match(scan.octets, start) if start >= 0 and scan.begins(start) else None
        if found is None or not is_varied(scan.octets[start : found.end(1)]):
            return None
        return Candidate(start, 0, found.end(1), kind, 1.0)

    return detect


def discord(scan: Scan, at: int) -> Candidate | None:
    """Find the bot token that begins where ODD matches."""
    limit = scan.limit(at)
    found = _DISCORD.match(scan.octets, at, min(limit, len(scan.octets))) if limit > at else None
    if found is None or not is_random(scan.octets[at : found.end()]):
        return None
    return Candidate(at, 0, scan.whole(found.end(), limit), DISCORD, 1.0)


_TELEGRAM_TAIL: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")

DETECTORS: Final[tuple[tuple[str, Detector], ...]] = (
    ("://", _address),
    ("basic", _basic),
    ('"auth"', _encoded),
    ("_auth", _encoded),
    ("bearer", _bearer),
    (":aa", _telegram),
    *((gate, _asked) for gate in ("key=", "auth=", "code=")),
    ("-u ", _curl),
    ("--user", _curl),
    (" -p", _client),
    ("q~", _inside(4, b"Q~", AZURE, rb"([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{29,35}[A-Za-z0-9_~-])")),
    ("jqqj99", _inside(52, b"JQQJ99", AZURE, rb"([A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{24,26})")),
    ("_mmk", _inside(36, b"_mmk", MAXMIND, rb"([A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)")),
    (".atlasv1.", _inside(14, b".atlasv1.", TERRAFORM, rb"([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{50,90})")),
    ("nral", _inside(36, b"NRAL", NEWRELIC, rb"([0-9a-f]{36}NRAL)")),
    ("-us", _inside(32, b"-us", MAILCHIMP, rb"([0-9a-f]{32}-us[0-9]{1,2})")),
)
KINDS: Final = (CONNECTION, BASIC, BEARER, TELEGRAM, DISCORD, AZURE, MAXMIND, TERRAFORM, NEWRELIC, MAILCHIMP)
