"""Numbers in base64 and in hexadecimal, where nothing else is in it: each must be one of a kind by its form alone."""

from binascii import a2b_base64, unhexlify
from typing import Final

from llmgateway.guardrails.pii import forms, ibans, networks
from llmgateway.guardrails.pii.runs import Run
from llmgateway.wire.view import View

LEADS: Final = b"IKLMNOQRSTUVWXYZ"  # what each fourth character is, if only digits, capitals and blanks are encoded
_HALVES: Final = b"234567"  # the first halves of printable ASCII
_HEXADECIMAL: Final = b"0123456789ABCDEFabcdef"


def kind(encoded: bytes) -> str:
    """What kind the number is of that `encoded` (letters and digits) says; nothing if it says none."""
    if len(encoded) % 4 == 1 or encoded[::4].translate(None, LEADS):
        return ""
    return of(a2b_base64(encoded + b"=" * (-len(encoded) % 4)))


def of(number: bytes) -> str:
    """What kind all of it is; nothing if it is none."""
    if not number.isascii():
        return ""
    view = View(number.decode("ascii"))
    run = Run(view, number, 0, len(number))
    found = (*forms.find(run, 0), *networks.find(view, number, 0), *ibans.find(view, number, 0))
    return next((each.kind for each in found if run.covers(each)), "")


def from_hexadecimal(encoded: bytes) -> bytes:
    """The printable ASCII that `encoded` (letters and digits) says; nothing if it says other things."""
    if len(encoded) % 2 or encoded[::2].translate(None, _HALVES) or encoded[1::2].translate(None, _HEXADECIMAL):
        return b""
    return unhexlify(encoded)
