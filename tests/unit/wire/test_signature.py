"""Signed requests: vectors that other implementations can be checked against."""

import hashlib
import hmac

import pytest

from llmgateway.wire.signature import signature, signed

VECTORS = [
    ("shh", 0, b"", "v1=9f55d20caae37575181d1509c2d0aac04128ee09f06d9d92b82395033d933a9b"),
    (
        "shh",
        1790000000,
        b'{"version":1,"texts":[],"context":[]}',
        "v1=d351797397fe2d0fb29f26fec50f70e643a3870aa10b0f5d0aac6067e8e7e0e3",
    ),
    (
        "秘密",
        1790000000,
        b'{"text":"\xe6\x9d\xb1\xe4\xba\xac"}',
        "v1=d3642965d814eaafcffc25afe973c7c6321eac904632180630f03cc014d3200f",
    ),
    ("k" * 100, 4102444800, bytes(range(256)), "v1=d8d90c9b70975e18ccd450c7f8e79d27df55aefc833f5466719d3b34a4cd3dba"),
]


def by_hand(key, message):
    """HMAC as RFC 2104 has it, so that the vectors do not rest on one library alone."""
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0")) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key.ljust(64, b"\0")) + inner).hexdigest()


@pytest.mark.parametrize(("secret", "timestamp", "body", "expected"), VECTORS)
def test_the_vectors_hold(secret, timestamp, body, expected):
    assert signature(secret, timestamp, body) == expected
    assert expected == "v1=" + by_hand(secret.encode(), b"%d.%b" % (timestamp, body))


def test_headers_have_the_time_and_the_signature():
    assert signed("shh", 1790000000, b"{}") == {
        "x-llmgateway-timestamp": "1790000000",
        "x-llmgateway-signature": signature("shh", 1790000000, b"{}"),
    }


@pytest.mark.parametrize(("secret", "timestamp", "body"), [("shi", 7, b"{}"), ("shh", 8, b"{}"), ("shh", 7, b"{} ")])
def test_another_secret_time_or_body_has_another_signature(secret, timestamp, body):
    assert signature(secret, timestamp, body) != signature("shh", 7, b"{}")


def test_time_and_body_cannot_be_shifted_into_each_other():
    assert signature("shh", 17, b"9.x") != signature("shh", 179, b"x")
    assert hmac.compare_digest(signature("shh", 17, b"x"), signature("shh", 17, b"x"))
