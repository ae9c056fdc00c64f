"""Makes callers' keys. A key is shown once; the configuration holds its SHA-256 alone.

Form: `lgw_`, 32 random characters of base 62 (190 bits), 6 of checksum, so that scanners for leaked secrets and
people who pasted half of it can tell a whole key from a broken one without asking the gateway.
"""

import secrets
from hashlib import sha256
from string import ascii_letters, digits
from typing import Final
from zlib import crc32

PREFIX: Final = "lgw_"
_ALPHABET: Final = digits + ascii_letters
_RANDOM: Final = 32
_CHECK: Final = 6

# Published, so that the example can be tried at once. Worth nothing anywhere else.
DEMO_KEY: Final = "lgw_demoDemoDemoDemoDemoDemoDemoDemo3HlMMm"


def mint_key() -> str:
    """Make a new key from the operating system's randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{PREFIX}{body}{_checksum(body)}"


def is_whole(key: str) -> bool:
    """Tell whether `key` has the form of one minted here, with nothing missing or mistyped."""
    body, check = key[len(PREFIX) : -_CHECK], key[-_CHECK:]
    return key.startswith(PREFIX) and len(body) == _RANDOM and check == _checksum(body)


def hash_of(key: str) -> str:
    """What `hash` in [keys.NAME] must say for this key."""
    return f"sha256:{sha256(key.encode()).hexdigest()}"


def _checksum(body: str) -> str:
    number, text = crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
