"""Keys: enough randomness, a checksum that catches slips, and the hash that the gateway compares with."""

import hashlib
import math

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.minting import DEMO_KEY, hash_of, is_whole, mint_key
from llmgateway.config.values import digest


def test_a_key_is_random_and_whole() -> None:
    keys = {mint_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(is_whole(key) and key.startswith("lgw_") and key.isascii() and len(key) == 42 for key in keys)
    assert 32 * math.log2(62) > 160


@given(st.integers(4, 41), st.characters(codec="ascii"))
def test_a_mistyped_key_is_not_whole(at: int, character: str) -> None:
    if DEMO_KEY[at] != character:
        assert not is_whole(DEMO_KEY[:at] + character + DEMO_KEY[at + 1 :])


def test_a_shortened_key_is_not_whole() -> None:
    assert is_whole(DEMO_KEY)
    assert not any(is_whole(DEMO_KEY[:length]) for length in range(len(DEMO_KEY)))
    assert not is_whole(DEMO_KEY + "x")


def test_the_hash_is_what_the_configuration_reads() -> None:
    assert digest(hash_of(DEMO_KEY)) == hashlib.sha256(DEMO_KEY.encode()).digest()
