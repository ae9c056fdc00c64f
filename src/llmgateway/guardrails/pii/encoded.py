"""Numbers in base64, where nothing else is in it: what it says must be one of a kind by its form alone."""

from binascii import a2b_base64
from typing import Final

from llmgateway.guardrails.pii import forms, networks
from llmgateway.guardrails.pii.runs import Run
from llmgateway.wire.view import View

LEADS: Final = b"IKLMNO"  # what each fourth character is, if only digits and what stands between them are encoded


def kind(encoded: bytes) -> str:
    """What kind the number is of that `encoded` (letters and digits) says; nothing if it says none."""
    if len(encoded) % 4 == 1 or encoded[::4].translate(None, LEADS):
        return ""
    number = a2b_base64(encoded + b"=" * (-len(encoded) % 4))
    if not number.isascii():
        return ""
    view = View(number.decode("ascii"))
    run = Run(view, number, 0, len(number))
    return next((each.kind for each in (*forms.find(run, 0), *networks.find(view, number, 0)) if run.covers(each)), "")
