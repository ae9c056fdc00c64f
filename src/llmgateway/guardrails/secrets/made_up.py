"""Passwords that nothing has to name: they show by themselves what they are."""

from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from llmgateway.guardrails.secrets.scan import compiled
from llmgateway.guardrails.secrets.strength import HEX, has_digit, is_password_in_prose

_SEVERAL: Final = rb"(?:[A-Z][a-z]{2,9}[0-9]?[-_.]){1,4}"
_DRESSED_UP: Final = compiled(
    rb"[A-Z][A-Za-z]+[-_@#.]?[0-9]{2,4}(?:[#$%^&*][!#$%^&*]?|!!?)|"  # a word, a number, a sign
    rb"[A-Z][a-z]{2,}[@!$%&*](?:[0-9]{2,4}|[0-9]{2,4}[!#$%&*])|"
    + _SEVERAL
    + rb"[A-Z][a-z]{2,9}[0-9][-_.]"
    + rb"[A-Z][a-z]{2,9}[!]?|"  # words, and a digit with one
    rb"[A-Za-z0-9]{6}(?:-[A-Za-z0-9]{6}){2,3}|[A-Za-z0-9]{4}(?:-[A-Za-z0-9]{4}){2,3}"  # what browsers make up
)
_OF_SENTENCES: Final = b".,:;!\x1a"
_LONGEST_MADE_UP: Final = 32
_FEWEST_GROUPS: Final = 5  # of letters or digits
_SORTS: Final = bytes(
    ord(
        "0"
        if chr(each) in digits
        else "a"
        if chr(each) in ascii_lowercase
        else "A"
        if chr(each) in ascii_uppercase
        else "-"
    )
    for each in range(256)
)
_BEGINNINGS: Final = (b"aA", b"0A", b"-A", b"0a", b"-a", b"AAa", b"a0", b"A0", b"-0")  # of groups, but for the first
_CAMELS: Final = compiled(rb"[A-Z][a-z]{2,}")
_SIGNS_OF_ANY: Final = b"!@#$%^&*~+=_.-"
_MADE_UP_SIGN: Final = compiled(rb"[A-Za-z0-9]+[^\x1a]*[!#$%^&*~@\x1a][A-Za-z0-9]+[^\x1a]*")
_OF_THINGS: Final = compiled(rb"[a-z]{2,12}[_-][A-Za-z0-9]{8,}")  # as platforms number what they keep
_ENCODED: Final = compiled(rb"%[0-9A-F]{2}|@[A-Za-z0-9-]+\.|[A-Za-z]=[A-Za-z]")


def is_made_up(value: bytes) -> bool:
    """For what nothing names but the sentence it is in: letters and digits mixed as in no word, name or number."""
    value = value.rstrip(_OF_SENTENCES)
    if not 8 <= len(value) <= _LONGEST_MADE_UP or not has_digit(value) or value == value.upper():
        return False
    return _is_mixed(value, value.strip(_SIGNS_OF_ANY)) and is_password_in_prose(value)


def _is_mixed(value: bytes, core: bytes) -> bool:
    """Whether its letters and digits change as often as in no word; `core` is the value without signs around it."""
    if not core.strip(HEX + b"xX"):
        return False
    groups = _groups(core)
    if not core.isalnum():
        if value == value.lower() or not (groups * 2.3 >= len(core) or _MADE_UP_SIGN.takes(value)):
            return False
        return not _OF_THINGS.takes(value) and _ENCODED.place(value)[0] < 0
    if core == core.lower():
        return groups >= _FEWEST_GROUPS and groups * 3 >= len(core)
    return groups * 2.3 >= len(core) and sum(end - at for at, end in _CAMELS.spans(core)) * 2 < len(core)


def _groups(value: bytes) -> int:
    """How many words, numbers and rows of capitals it is put together of; a word may begin with a capital."""
    sorts = value.translate(_SORTS)
    return sorts[:1].isalnum() + sum(map(sorts.count, _BEGINNINGS))


def shows_by_itself(value: bytes) -> bool:
    """Whether it is a password without a word that says so."""
    return is_made_up(value) or is_dressed_up(value)


def is_dressed_up(value: bytes) -> bool:
    """A word, a number and a sign, as people make their passwords up, or groups of letters, as their browsers do."""
    may_be = value[:1].isupper() or b"-" in value
    return may_be and value != value.upper() and _DRESSED_UP.takes(value) and is_password_in_prose(value)
