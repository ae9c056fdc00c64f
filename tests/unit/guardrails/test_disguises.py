"""Values and words that are written with other characters than they are read with: whole and in pieces."""

import pytest

from llmgateway import plugins
from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.wire.alphabets import PLAIN

OPTIONS = {"pii": {}, "secrets": {}, "denylist": {"words": ["project nightingale"]}}
CHAIN = Chain(Link(name, plugins.load("guardrail", name)(given), Action.REDACT) for name, given in OPTIONS.items())
VALUES = {
    "mail ada.lovelace@example.com now": "mail [EMAIL] now",
    "card 4111 1111 1111 1111 now": "card [PAYMENT_CARD] now",
    "the project nightingale now": "the [DENYLIST] now",
    "ghp_aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4": "[SECRET_GITHUB]",
}
UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u180e\u200b\u200f\u202e\u2060\u2063\u3164\ufe00\ufe0f\ufeff\U000e0001\U000e0041\U000e0100"
)


def ways(code):
    """Sets of characters that start there: letters of mathematics, digits."""
    return {ord(said): chr(at) for at, said in PLAIN.items() if code <= at < code + 52}


def given(text, size):
    hold = HoldBack(CHAIN, Notes(), Placeholders())
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(joined(hold.feed(piece)) for piece in pieces) + joined(hold.finish())


@pytest.mark.parametrize("unseen", UNSEEN, ids=lambda each: f"{ord(each):x}")
def test_what_nobody_sees_hides_nothing(unseen):
    for value in VALUES:
        core = value[len("mail ") : -len(" now")]
        for text in (value.replace(core, unseen.join(core)), value.replace(core, core[:7] + unseen + core[7:])):
            assert "[" in given(text, 1000)
            assert len({given(text, size) for size in (1, 2, 5, 1000)}) == 1


@pytest.mark.parametrize("start", [0x1D400, 0x1D5A0, 0x24B6, 0x1D7D8, 0x1D7F6, 0x0660, 0x0966], ids=hex)
def test_other_letters_and_digits_say_what_they_say(start):
    for value, expected in VALUES.items():
        text = value.translate(ways(start))
        if text != value and "ghp" not in value:
            kind = expected[expected.index("[") : expected.index("]") + 1]
            for size in (1, 3, 1000):
                assert kind in given(text, size), text


def test_numbers_of_a_list_and_footnotes_are_no_part_of_a_number():
    assert given("①090-1234-5678②03-1234-5678", 1000) == "①[PHONE]②[PHONE]"
    assert given("call 212-555-0187² now", 1000) == "call [PHONE]² now"
