"""Documents that two parsers may read differently are written anew."""

import pytest

from llmgateway.wire.jsoncodec import decode, encode, unambiguous

PLAIN = [b'{"a":1}', b'{ "a" : "b\\"c" }', b'{"a":{"a":1}}', b"[1.0]", '{"a":"日"}'.encode(), b'{"a":"\\u65e5"}']


@pytest.mark.parametrize("written", PLAIN)
def test_what_has_one_reading_stays_byte_for_byte(written):
    assert unambiguous(written, decode(written)) is written


TWICE = [
    b'{"a":"x","a":"y"}',
    b'{"a":"x","\\u0061":1}',
    b'{"b":[{"a":1,"a":2}]}',
    b'{"a":"x","a":"\\u0022\\u0022\\u0022\\u0022"}',  # as many quotes as the member that is not read
    b'{"a":1,"a":"\\u0022\\u0022"}',
]


@pytest.mark.parametrize("written", TWICE)
def test_a_member_that_comes_twice_comes_once(written):
    assert unambiguous(written, decode(written)) == encode(decode(written))
