"""Codes and numbers that let somebody in: one-time codes, PINs, codes of doors, and what recovers an account.

They are short and look like any other number, so only what stands right beside their names is one.
"""

from typing import Final

from llmgateway.guardrails.secrets.scan import FOREIGN, Candidate, Detector, Scan, compiled
from llmgateway.guardrails.secrets.strength import has_digit, up_to_digit
from llmgateway.wire.view import View

CODE: Final = "secret.code"
_BACK: Final = 80  # characters of a number and the words behind it that call it a code

_OF_CODES: Final = """
verification security login log-in sign-in signin authentication authenticator confirmation access one-time 2fa mfa
otp sms unlock entry door gate alarm safe lock recovery backup back-up scratch pairing two-factor two-step pin puk
disarm keypad
"""
_KINDS: Final = tuple(each.encode() for each in _OF_CODES.split())
_OF_RECOVERY: Final = (b"recovery", b"backup", b"back-up", b"scratch")
_GATES: Final = (" code", "one-time pass", "onetime pass", "otp", "pin", "puk", "recovery key", "passcode")
_NAME: Final = (
    rb"(?i: codes?|one-?time pass(?:word|code)s?|otps?(?: codes?)?|pin[12s]?(?: codes?| numbers?)?|puk[12]?(?: code)?|"
    rb"recovery keys?|passcode)"
)
_WHOSE: Final = rb"(?:,? (?:for|to|of|on|at|in|if|case)\b[^\n.:=\x1f\"0-9]{1,40})?"
_LINK: Final = (
    rb"(?:(?: [a-z' ]{1,28})?:| (?:is|are|was|of)(?: now| still)?:?| ?[:=]| ?->|\x1a)\s{0,2}[\"'`(\[*#-]{0,4}"
)
_KANA: Final = rb" ?\?{1,6}[ :]{0,2}[\"'`(\[*]{0,2}"
_DIGITS_OF_ONE: Final = rb"[A-Z]-[0-9]{5,8}|[0-9]{3}-[0-9]{3}|[0-9]{4}-[0-9]{4}|[0-9]{4,8}"
_PAST: Final = rb"(?:[^A-Za-z0-9%/:.,_-]|[.,:/-](?:[^A-Za-z0-9]|$)|$)"
_LINKED: Final = compiled(_NAME + rb"(?:" + _WHOSE + _LINK + rb"|" + _KANA + rb")")
_DIRECT: Final = compiled(rb"(?:PIN[12]?|OTP|PUK[12]?|(?i: codes?|passcode|recovery key)) {1,2}[\"'`(*]{0,2}")
_NUMBER: Final = compiled(rb"(" + _DIGITS_OF_ONE + rb")" + _PAST)
_GROUPS: Final = compiled(rb"([A-Za-z0-9]{3,8}(?:-[A-Za-z0-9]{3,8}){1,9}|[A-Za-z0-9]{8,24})" + _PAST)
_ALONE: Final = rb"(?:^|[\s\"'`(*?])(" + _DIGITS_OF_ONE + rb")[\"'`)*]{0,2}"
LINKS: Final = ("is", "as")
_CALLED: Final = rb" (?:" + "|".join(LINKS).encode() + rb") (?:your|the|my)"
_BEFORE: Final = compiled(_ALONE + _CALLED + rb"(?: [A-Za-z0-9-]{1,16}){0,4} ?\z")
_BEFORE_KANA: Final = compiled(_ALONE + rb" ?\?{1,12}\z")
_OPEN: Final = compiled(
    _ALONE + rb"(?: ?\?{0,24}| (?:i|a|is|as|(?:is|as) [a-z]{0,4})?|" + _CALLED + rb"(?: [A-Za-z0-9-]{1,16}){0,5} ?)\z"
)
_CLOSING: Final = " 」』】"
_PARTICLES: Final = ("が", "は")
_PARTED: Final = frozenset("、。")
_YOURS: Final = compiled(rb"(?i:your) [A-Z][A-Za-z0-9]{1,16}\z")
_COUNTED: Final = tuple("年月日円分秒時桁回人個件号階台本点字文万千百%")  # what a number is of
_BLANK: Final = 0x20
_ROW: Final = b"01234567890"
_INDIAN: Final = b"pin code"  # is what India calls the six digits of an address, too
_OF_ADDRESS: Final = 6


def detect(scan: Scan, at: int) -> Candidate | None:
    """The code that the name at `at` is one of: behind it, or before it."""
    if not has_digit(scan.octets[max(0, at - _BACK) : at + _BACK]) or not _names(scan, at):
        return None
    end = _LINKED.ends(scan.octets, at)
    if end < 0:
        end = _DIRECT.ends(scan.octets, at)
    found = read(scan, end, with_letters=_recovers(scan, at)) if end >= 0 else None
    if found and found.end - found.start == _OF_ADDRESS and _INDIAN in scan.octets[max(0, at - 3) : at + 8].lower():
        return None
    return found or before(scan, at)


def read(scan: Scan, at: int, *, with_letters: bool = False) -> Candidate | None:
    """The code that stands at `at`, where a name of one leads to."""
    found = _NUMBER.match(scan.octets, at) or (_GROUPS.match(scan.octets, at) if with_letters else None)
    return _checked(scan, *found.span(1)) if found else None


def before(scan: Scan, at: int, *, in_japanese: bool = False) -> Candidate | None:
    """The number that the name at `at` calls a code."""
    low = max(0, at - _BACK)
    before = scan.octets[low:at]
    if not in_japanese and b" is " not in before and b" as " not in before:
        return None
    found = (_BEFORE_KANA if in_japanese else _BEFORE).search(before)
    return _checked(scan, low + found.start(1), low + found.end(1)) if found else None


def _checked(scan: Scan, start: int, end: int) -> Candidate | None:
    if not is_code(scan.octets[start:end]) or scan.folded.startswith(_COUNTED, end):
        return None
    return Candidate(start, 4, end, CODE, 0.8)


def _names(scan: Scan, at: int) -> bool:
    """Whether it is the name of such a code, and not of another one."""
    if scan.octets[at] != _BLANK:
        return scan.begins(at)
    before = scan.before(at, 24)
    return before[before.rfind(b" ") + 1 :].endswith(_KINDS) or before.endswith(b"your") or _is_somebodys(scan, at)


def _is_somebodys(scan: Scan, at: int) -> bool:
    """`your Acme code`"""
    return _YOURS.search(scan.octets[max(0, at - 24) : at]) is not None


def _recovers(scan: Scan, at: int) -> bool:
    """Whether it is of those that have letters, too."""
    return scan.octets[at] in b"Rr" or scan.before(at, 24).endswith(_OF_RECOVERY)


def opening(view: View) -> int:
    """Where a number begins that may be called a code in the words behind it; the text's end if none does."""
    size = len(view.text)
    tail = view.octets[max(0, size - _BACK) :]
    stem = up_to_digit(tail)
    if not stem or len(stem) == len(tail) or not tail[len(stem) :].lstrip(b"\"'`)*").startswith((b" ", FOREIGN)):
        return size
    found = _OPEN.search(tail)
    if found is None or not is_code(found.group(1)):
        return size
    between = view.folded[size - len(tail) + found.end(1) :]
    return size - len(tail) + found.start(1) if between.isascii() or leads_to_name(between) else size


def leads_to_name(between: str, *, is_whole: bool = False) -> bool:
    """Whether what is between a number and a name in Japanese calls it that, or may, as far as it goes."""
    said = between.lstrip(_CLOSING)
    return (said.startswith(_PARTICLES) or (not said and not is_whole)) and not _PARTED & {*said}


def is_code(value: bytes) -> bool:
    """Whether somebody would have to guess it: digits that are not all the same, nor in a row."""
    digits = value.replace(b"-", b"")
    return has_digit(digits) and digits not in _ROW and digits not in _ROW[::-1] and len({*digits}) > 1


DETECTORS: Final[tuple[tuple[str, Detector], ...]] = tuple((gate, detect) for gate in _GATES)
