"""Numbers with many digits are judged as texts are, with the names that they have, and nothing else about them changes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.numbers import has_numbers
from llmgateway.guarding.numbers import numbers as numbers_of
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.unread import arguments
from llmgateway.wire.jsontexts import literals

CARD = 4111111111111111


def sifted(body, *links, stage=Stage.REQUEST, notes=None, placeholders=None) -> bytes:
    sieve = Sieve(chain(*(links or (numbers(),))), stage, notes or Notes(), placeholders or Placeholders())
    return sieve.json(body if isinstance(body, bytes) else json.dumps(body).encode())


def texts(body: bytes) -> list[str]:
    return [each.text for each in numbers_of(body, literals(body), [])]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": 1234567}', ["a: 1234567"]),
        (b'{"a": -1234567}', ["a: 1234567"]),
        (b'{"a": 123456, "b": 0.1234567, "c": 12.5, "d": true}', []),
        (b'{"a": 4.111111111111111e15, "b": 4111111111111111.0}', ["a: 4111111111111111", "b: 4111111111111111"]),
        (b'{"a": 1234567.25}', ["a: 1234567.25"]),
        (b'{"a": 1e-30, "b": 1e999, "c": 1E+9}', ["c: 1000000000"]),
        (b'{"enum": [1234567, 7654321, "x", 2345678]}', ["enum: 1234567", "enum: 7654321", "2345678"]),
        (
            b'[{"a": [[1, 1234567], [2345678]]}, 3456789, {"b": {}}, 4567890]',
            ["a: 1234567", "2345678", "3456789", "4567890"],
        ),
        (b'{"a": [], "b": [1], "c": {"seed": [1, 1234567]}, "d": 1234567}', ["d: 1234567"]),
        (b'{"a" :\n[ 1234567]}', ["a: 1234567"]),
        (b"[1234567]", ["1234567"]),
        (b'{"a": "1234567", "1234567": 1}', []),
        (b'{"seed": 1234567, "created": 1764355776, "expires_at": 1764355776123}', []),
        (b'{"created": 41111111111111111, "x": {"seeds": 1234567}}', ["created: 41111111111111111", "seeds: 1234567"]),
        (b'{"a": ' + b"1" * 5000 + b"}", []),
    ],
)
def test_which_numbers_are_looked_at_and_how(body, expected):
    assert texts(body) == expected
    if expected:
        assert has_numbers(body)


WHERE = {
    "a tool's schema": {"tools": [{"function": {"name": "f", "parameters": {"properties": {"n": {"enum": [CARD]}}}}}]},
    "a default": {"tools": [{"input_schema": {"properties": {"n": {"default": CARD}}}}]},
    "in the place of a text": {"messages": [{"role": "user", "content": CARD}]},
    "an input": {"input": CARD},
    "metadata": {"metadata": {"account": CARD}},
    "an event of a session": {"type": "session.update", "session": {"tools": [{"parameters": {"const": CARD}}]}},
    "a member that nobody knows": {"documents": [{"rows": [[1, CARD, 2]]}]},
}


@pytest.mark.parametrize("where", WHERE)
def test_a_number_goes_on_as_what_stands_for_it(where):
    notes = Notes()
    body = json.dumps(WHERE[where]).encode()
    assert sifted(body, notes=notes) == body.replace(str(CARD).encode(), b'"[NUMBER]"')
    assert [row["count"] for row in notes.rows()] == [1]
    with pytest.raises(Blocked):
        sifted(body, numbers(Action.BLOCK))
    assert sifted(body, numbers(Action.FLAG)) == body


def test_the_name_says_what_a_number_is_and_is_not_replaced_for_it():
    assert sifted(b'{"account 5551234": 1234567}', word("5551234: 123")) == b'{"account 5551234": "[WORD]"}'
    notes = Notes()
    assert json.loads(sifted(b'{"account": 1234567}', word("account"), notes=notes)) == {"[WORD]": 1234567}
    assert [row["count"] for row in notes.rows()] == [1]


def test_values_come_back_as_texts():
    placeholders = Placeholders()
    assert sifted({"n": CARD}, numbers(restore=True), placeholders=placeholders) == b'{"n": "<NUMBER_1>"}'
    assert placeholders.values == {"number_1": str(CARD)}


def test_replies_have_their_own_numbers():
    body = json.dumps({"usage": {"x": CARD}, "choices": []}).encode()
    assert sifted(body, stage=Stage.REPLY) == body


def test_ordinary_numbers_cost_nothing():
    assert not has_numbers(b'{"max_tokens": 4096, "temperature": 0.7123456789, "n": [1, 2, 300000], "top_p": 1e-9}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":' + b" " * 400_000 + b"[" + b"1," * 40_000 + b"1234567]}",
        b'{"m":[' + b",".join([b'{"input":{},"n":1234567}'] * 20_000) + b"]}",
        b'{"' + b"n" * 400_000 + b'":[' + b",".join([b"1234567"] * 40_000) + b"]}",
    ],
    ids=["blanks behind a name", "arguments of calls", "a long name"],
)
def test_many_numbers_take_no_longer_each_than_few(body):
    found = literals(body)
    began = time.process_time()
    assert 0 < sum(len(each.text) for each in numbers_of(body, found, arguments(body, found))) < 40_000 * 300
    assert time.process_time() - began < 5  # a tenth of a second; more than a minute where each looks at all others


PLACES = st.recursive(
    st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4),
)


@given(document=st.dictionaries(st.text(max_size=5), PLACES, max_size=5))
def test_no_long_number_goes_on_wherever_it_stands(document):
    said = json.loads(sifted(document))

    def left(value) -> list:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [value] if type(value) is int else [each for one in inner for each in left(one)]

    assert all(abs(each) < 10**6 for each in left(said))
