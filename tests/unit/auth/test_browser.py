"""Tokens for browsers: good for one exchange until they expire, and not to be made without the secret."""

import random

import pytest

from llmgateway.auth.browser import PREFIX, is_token, issue, signing_key, verify
from llmgateway.config.snapshot import Scores, Secret
from llmgateway.domain.errors import GatewayError

KEY = signing_key(Scores(), b"s" * 32)
EXCHANGE = "0190a0b0-0000-7000-8000-00000000002a"


def refused(key: bytes, token: bytes, now: float = 0.0) -> bool:
    with pytest.raises(GatewayError) as raised:
        verify(key, token, now)
    return raised.value.code == "invalid_api_key"


def test_a_token_names_its_exchange_until_it_expires():
    token = issue(KEY, EXCHANGE, 1_000.9).encode()
    assert token.startswith(PREFIX.encode())
    assert is_token(token)
    assert verify(KEY, token, 999.9) == EXCHANGE
    assert refused(KEY, token, 1_000.0)


def test_no_byte_of_it_can_be_changed():
    token = issue(KEY, EXCHANGE, 1_000.0)
    chance = random.Random(3)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at in range(len(PREFIX), len(token) - 1):  # the last letter has bits that say nothing
        other = chance.choice([letter for letter in letters if letter != token[at]])
        assert refused(KEY, (token[:at] + other + token[at + 1 :]).encode())


@pytest.mark.parametrize("cut", [0, 5, 6, 20, 60, 75])
def test_a_part_of_it_is_none(cut):
    assert refused(KEY, issue(KEY, EXCHANGE, 1_000.0)[:cut].encode())


@pytest.mark.parametrize("token", [b"lgwf_", b"lgwf_\xff", b"lgwf_!!!!", b"lgwf_" + b"A" * 500, b"lgw_something"])
def test_what_is_none_is_refused(token):
    assert refused(KEY, token)


def test_another_secret_or_none_makes_no_good_ones():
    token = issue(signing_key(Scores(), b"t" * 32), EXCHANGE, 1_000.0).encode()
    assert refused(KEY, token)
    assert signing_key(Scores(), b"") == b""
    assert refused(b"", issue(b"", EXCHANGE, 1_000.0).encode())


def test_the_configured_secret_goes_first():
    scores = Scores(token_secret=Secret("x" * 32))
    assert signing_key(scores, b"s" * 32) == signing_key(scores, b"") != KEY


def test_other_credentials_are_no_tokens():
    assert not is_token(None)
    assert not is_token(b"lgw_key")
