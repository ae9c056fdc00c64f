"""What stands behind a password or a code and is one as well: `X or Y`, `from X to Y`, `X, the new one is Y`."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from llmgateway.guardrails.secrets.codes import CODE, is_code
from llmgateway.guardrails.secrets.context import PASSWORD, found_value, is_striking_password
from llmgateway.guardrails.secrets.logins import COOKIE, SESSION
from llmgateway.guardrails.secrets.made_up import shows_by_itself
from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.guardrails.secrets.strength import has_digit, is_token
from llmgateway.guardrails.secrets.wording import is_passphrase

Follow = Callable[[Scan, Candidate], Candidate | None]
Known = dict[tuple[int, int, str], Candidate | None]

_SURE: Final = 3  # rank from which words, and no form, tell what a password is
_LONGEST: Final = 64  # characters of what another one stands behind
_FAR: Final = 192  # characters from the first of several to the last: a stream has no more of what it has let go
_CLOSE: Final = rb"[\"'`)\]*_]{0,3}"
_OPEN: Final = rb"[\"'`(\[*_]{0,3}"
_CHANGED: Final = (
    rb"(?:[,;.]?\s{1,2}(?:and |but |while )?|\s{0,2}(?:->|=>|/|\||,|;)\s{0,2})(?:the |my |our |your |its )?"
    rb"(?i:new|old|current|other|second|next|previous|now|after)"
    rb"(?: one| (?:admin |root )?(?:password|passphrase|pass|pw|pwd))?"
    rb"(?: is| was| will be)?(?: now)?:? "
)
_SWITCHED: Final = rb"[a-z ,]{1,24} (?:switched|changed|moved|rotated|reset) (?:it |this |that )?to "
_ANSWERED: Final = rb"\x1a?\n[A-Za-z?][A-Za-z.? _-]{0,20}: {0,2}(?:[a-z', ]{1,32} |\?{1,12} ?)"  # by another speaker
_JOINED: Final = rb"(?: \([a-z ]{1,12}\))?,? (?:and|or|then|&|not) (?:then )?|\s{0,2}(?:->|=>) {0,2}| ?\?{1,12} ?"
_NEXT: Final = compiled(
    _CLOSE + rb"(?:" + _SWITCHED + rb"|" + _CHANGED + rb"|" + _ANSWERED + rb"|" + _JOINED + rb")" + _OPEN
)
_TO: Final = compiled(_CLOSE + rb" (?:to|into) " + _OPEN)
_FROM: Final = (b"from ", b"from '", b'from "', b"from `")
_JAPANESE: Final = frozenset(
    ("", "から", "と", "、", "または", "もしくは", "か", "→", "⇒", "・", "」と「", "」から「", "」、「")
)
_COOKIE: Final = compiled(rb"; " + COOKIE)
_LISTED: Final = compiled(
    _CLOSE + rb"(?:, ?|; ?|,? and |,? or | / |/| \| |\?| |\s{1,3}(?:[-*] |[0-9]{1,2}[.)] )?)" + _OPEN
    + rb"([A-Za-z0-9]{3,8}(?:-[A-Za-z0-9]{3,8}){1,7}|[A-Za-z0-9]{6,12})(?:[^A-Za-z0-9%/:_-]|$)"
)  # fmt: skip


def candidates(scan: Scan, found: Iterable[Candidate]) -> Iterator[Candidate]:
    """What stands behind these and is what they are."""
    known: Known = {}
    for first in found:
        follow = _FOLLOWING.get(first.kind)
        if follow and (first.rank >= _SURE or first.kind == SESSION):
            yield from _row(scan, first, follow, known)


def _row(scan: Scan, first: Candidate, follow: Follow, known: Known) -> Iterator[Candidate]:
    another = _next(scan, first, follow, known)
    while another and another.start - first.start < _FAR:
        yield another
        another = _next(scan, another, follow, known)


def _next(scan: Scan, last: Candidate, follow: Follow, known: Known) -> Candidate | None:
    """What stands behind this one: several rows may go over it, and it is looked for once."""
    key = last.start, last.end, last.kind
    if key not in known:
        known[key] = follow(scan, last)
    return known[key]


def _password(scan: Scan, last: Candidate) -> Candidate | None:
    if last.end - last.start > _LONGEST:
        return None
    at = _NEXT.ends(scan.octets, last.end)
    if at < 0 and scan.before(last.start, 6).endswith(_FROM):
        at = _TO.ends(scan.octets, last.end)
    if at < 0:
        return None
    between = scan.folded[last.end : at]
    is_told = between.isascii() or between.strip(" 「」") in _JAPANESE
    return found_value(scan, at, last.end, PASSWORD, _is_another if is_told else shows_by_itself)


def _is_another(value: bytes) -> bool:
    """Whether it is one that nothing but the sentence calls so: no host, and no name with a number."""
    if not is_striking_password(value) or b":/" in value:
        return False
    return value != value.lower() or is_passphrase(value) or (value.isalnum() and has_digit(value[1:-1]))


def _code(scan: Scan, last: Candidate) -> Candidate | None:
    found = _LISTED.match(scan.octets, last.end)
    if found is None:
        return None
    start, end = found.span(1)
    is_alike = end - start == last.end - last.start and is_code(scan.octets[start:end])
    return Candidate(start, last.rank, end, CODE, last.score) if is_alike else None


def _cookie(scan: Scan, last: Candidate) -> Candidate | None:
    found = _COOKIE.match(scan.octets, last.end)
    if found is None or not is_token(found.group(1)):
        return None
    return last._replace(start=found.start(1), end=found.end(1))


_FOLLOWING: Final[dict[str, Follow]] = {
    PASSWORD: _password,
    CODE: _code,
    SESSION: _cookie,
}
