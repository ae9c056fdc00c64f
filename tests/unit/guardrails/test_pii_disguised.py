"""Values as programs, markup and people write them who want no program to read them; in streams as in whole texts."""

import random
from base64 import b64encode

import pytest
from tests.unit.guardrails.pii_texts import found, only, streamed

from llmgateway.guardrails.pii import escapes, markup, runs, said
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import View

CARD = "4111 1111 1111 1111"
ACCOUNT = "DE89 3704 0044 0532 0130 00"
ESCAPED = [
    ("email", "".join(f"&#{ord(sign)};" for sign in "jane@example.org")),
    ("email", "".join(f"\\x{ord(sign):02x}" for sign in "jane@example.org")),
    ("email", "jane\\u0040example.org"),
    ("email", "jane\\U00000040example.org"),
    ("email", "jane&commat;example&period;org"),
    ("email", "".join(f"%{ord(sign):02X}" for sign in "jane@example.org")),
    ("phone", "".join(f"&#x{ord(sign):x};" for sign in "(212) 555-0187")),
    ("phone", "".join(f"\\u{ord(sign):04x}" for sign in "+33 1 23 45 67 89")),
    ("payment_card", "".join(f"%{ord(sign):02X}" for sign in CARD)),
    ("payment_card", "".join(f"\\u{ord(sign):04x}" for sign in CARD)),
    ("iban", ACCOUNT.replace(" ", "%20")),
    ("iban", "".join(f"%{ord(sign):02X}" for sign in ACCOUNT)),
]
MARKED = [
    ("phone", "+1 212-**555**-0187"),
    ("phone", "(212) <b>555</b>-0187"),
    ("phone", "090-`1234`-5678"),
    ("phone", "+44 20 ~~7946~~ 0018"),
    ("payment_card", "4111 <span>1111</span> 1111 1111"),
    ("payment_card", "4111-1111-*1111*-1111"),
    ("email", "jane<!-- no robots -->@example.org"),
    ("email", "jane**@**example.org"),
    ("email", "jane\\@example.org"),
    ("email", "jane\\_doe@example.org"),
    ("email", "jane@<wbr>example.org"),
]
SAID = [
    ("phone", "plus four four two oh seven nine four six double oh one eight"),
    ("phone", "two one two, five five five, oh one eight seven"),
    ("payment_card", "Four One One One dash One One One One dash One One One One dash One One One One"),
    ("us_ssn", "five-three-six-nine-zero-four-three-nine-nine"),
]
OTHERS = [
    ("email", "jаne@exаmple.org"),  # with Cyrillic letters
    ("email", "jane☆example.org"),
    ("email", "jane【at】example.org"),
    ("email", "jane（あっと）example（どっと）org"),  # noqa: RUF001 - full width
    ("email", "jane-at-example-dot-org"),
    ("email", 'jane"@example.org'),
    ("email", "jane.doe7 @example.org"),
    ("email", "jane.doe7@ example.org"),
    ("payment_card", "4111·1111·1111·1111"),
    ("payment_card", "4111 . 1111 . 1111 . 1111"),
    ("phone", "06 . 4271 . 5998"),
    ("phone", "+49 . 1517 . 7767756"),
    ("payment_card", "4 1 1 1  1 1 1 1  1 1 1 1  1 1 1 1"),
    ("payment_card", "4 1 1 1 - 1 1 1 1 - 1 1 1 1 - 1 1 1 1"),
    ("iban", ACCOUNT.replace(" 0532", "\n0532")),
    ("email", b"jane@example.org".hex()),
    ("phone", b"(212) 555-0187".hex()),
    ("payment_card", CARD.encode().hex().upper()),
    ("iban", b64encode(ACCOUNT.encode()).decode()),
]
LABELS = {"phone": "phone", "us_ssn": "my SSN", "payment_card": "card"}
ALL = [*ESCAPED, *MARKED, *SAID, *OTHERS]


@pytest.mark.parametrize(("kind", "value"), ALL)
def test_a_value_is_found_however_its_signs_are_written(kind, value):
    assert only(f"Please note: {LABELS.get(kind, 'it')} {value}, thanks") == (kind, value)


@pytest.mark.parametrize(
    "text",
    [
        "the four of us, one or two days, five nights and six meals for seven",
        "one two three four five six",  # too few for a number
        "%20d %-30s %5.2f 100%25 and %34%35",
        "a&lt;b&gt;c &amp; 1&nbsp;234&nbsp;567",
        "x = 2*3*4*5*6*7*8*9 ** 10",
        "tds: <td>123</td><td>456</td><td>7890</td>",
        "C:\\new\\x41\\u2014",
        "meet @example.com today, or @ example.com",
        "看板は【dot】です。星は☆です",
        "цена@рынок",  # Russian, and no address
        "deadbeef" * 8,
        b"hello, world! 12".hex(),
        "Level scale: 3 4 5 6 7 8 9 1 2 3, sort 9 8 7 6 5 4 3 2 1 0",
        "look-at-example.com",
    ],
)
def test_what_only_looks_like_it_is_none(text):
    assert found(text) == []


@pytest.mark.parametrize("module", [escapes, markup, said])
def test_what_is_read_is_as_long_as_what_is_written(module):
    for _, value in ALL:
        octets = f"({value})".encode("ascii", "replace")
        assert len(module.plain(octets)) == len(octets)
    assert module.plain(b"nothing of it") == b"nothing of it"


@pytest.mark.parametrize(
    ("octets", "read"),
    [
        (b"%2B %2b %20 %40 %30", b"+ +   @ %30"),
        (b"%34%31%31%31 %34%31%31", b"4111 %34%31%31"),
        (b"&#52; &#x34; &commat; &lt; &#9; &#300;", b"4 4 @ &lt; &#9; &#300;"),
        (b"\\u0034 \\x34 \\U00000034 \\u0134 \\n", b"4 4 4 \\u0134 \\n"),
    ],
)
def test_the_signs_that_escapes_stand_for(octets, read):
    assert escapes.plain(octets).replace(runs.GAP, b"") == read


def test_the_digits_that_words_stand_for():
    digits = said.plain(b"(plus one two, triple oh-four five Six seven) eight")
    assert digits.replace(runs.GAP, b"") == b"(+120004567) eight"


def test_more_than_half_of_an_escape_is_never_left():
    text = f"card {''.join(f'&#{ord(sign)};' for sign in CARD)}!"
    ((_, piece),) = found(text)
    assert text.endswith(f"{piece}!")


@pytest.mark.parametrize("seed", range(40))
def test_in_pieces_as_in_the_whole(seed):
    dice, guardrail = random.Random(seed), PiiGuardrail({})
    parts = [f"{LABELS.get(kind, 'to')} {value}" for kind, value in dice.sample(ALL, 5)]
    parts = [part[: dice.choice([len(part), dice.randint(0, len(part))])] for part in parts]
    text = "".join(part + dice.choice(["", " ", ", ", ".\n", "1", " x ", "。", "<b>", "**"]) for part in parts)
    whole = [(each.start, each.end, each.kind) for each in guardrail.find(View(text))]
    assert streamed(guardrail, text, [dice.randint(1, 7) for _ in range(31)]) == whole


@pytest.mark.parametrize("kind_and_value", ALL, ids=lambda each: each[1][:24])
def test_each_by_single_characters(kind_and_value):
    kind, value = kind_and_value
    text, guardrail = f"so: {LABELS.get(kind, 'it')} {value} is it", PiiGuardrail({})
    assert streamed(guardrail, text, [1]) == [(each.start, each.end, each.kind) for each in guardrail.find(View(text))]
