"""Whether a value can be a secret: random enough, and no stand-in for one.

Documentation and code name secrets far more often than they hold them: `password: string`, `$API_KEY`,
`os.environ[...]`, `<your-key>`, `xxxx`. None of that is to be found.
"""

from collections.abc import Callable
from math import log2
from typing import Final

from llmgateway.guardrails.secrets.scan import compiled

_STAND_INS: Final = (
    *("example", "placeholder", "your_", "your-", "yourk", "yourt", "yours", "yourp", "youra", "redacted", "dummy"),
    *("sample", "changeme", "change_me", "change-me", "replace", "insert", "xxxx", "****", "....", "____", "----"),
    *("demodemo", "abcdefgh", "0123456789", "1234567890", "987654321", "00000000", "11111111", "deadbeef", "foobar"),
    *("<", "${", "{{", "$(", "%(", "#{", "_here", "-here", "env.", "env(", "getenv", "environ", "process.", "secrets."),
    *("env:", "file:", "vault:", "secretref", "lorem", "todo", "keyvault", "not-a-real", "fake"),
)
_NO_PASSWORDS: Final = frozenset(
    b"password passw0rd password1 password123 passwort passwd passphrase pass pwd secret secrets token string str "
    b"bytes text none null nil true false undefined required optional hidden masked empty default test test123 admin "
    b"root user guest postgres mysql redis mongo username value type input field here and or not is your the a an "
    b"p@ssw0rd mypassword mypass mysecret my_password my-password user1 pass1 abc123".split(b" ")
)
_CALL: Final = compiled(rb"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|->)[A-Za-z_][A-Za-z0-9_]*)*[(\[].*|[$%&@*].?[A-Za-z_]+%?|")
_PATH: Final = compiled(
    rb"(?:[a-z][a-z0-9+]{1,8}:)?//.*|[a-z_][a-z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)+|[~.]?(?:/[A-Za-z0-9._-]+)+/?"
)
_TERM: Final = compiled(
    rb"[A-Z]{2,8}[-_]?[0-9]{1,4}|(?:sha|md|utf|base|aes|rsa|ed|oauth|bcrypt|argon|v|id|k)-?[0-9]{1,5}"
)
_WORDY: Final = compiled(rb"[^A-Za-z0-9]*(?:(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}|[a-z])[0-9]{0,4}[^A-Za-z0-9]*)+|[0-9.:,/_-]+")
_DATE: Final = compiled(rb"[0-9]{2,4}[-/.][0-9]{1,2}[-/.][0-9]{2,4}.*|[0-9]{1,2}:[0-9]{2}.*|[0-9]+[a-zA-Z]{1,3}")

Judge = Callable[[bytes], bool]


def entropy(value: bytes) -> float:
    """Shannon's, in bits a character."""
    size = len(value)
    return -sum(count / size * log2(count / size) for count in map(value.count, set(value)))


def is_stand_in(value: bytes) -> bool:
    """Whether the value only stands where a secret would."""
    text = value.decode("ascii", "replace").lower()
    return any(each in text for each in _STAND_INS) or len(set(text)) < 4


def is_random(value: bytes) -> bool:
    """For tokens with a form of their own: letters and digits mixed, and no words."""
    return _classes(value) >= 2 and entropy(value) >= 2.8 and not is_stand_in(value) and not _is_wordy(value)


def is_varied(value: bytes) -> bool:
    """For tokens whose form alone is sure: anything that is not written out by hand."""
    return entropy(value) >= 2.5 and not is_stand_in(value)


def is_token(value: bytes) -> bool:
    """For what is called a key, a token or a secret."""
    if len(value) < 8 or _is_reference(value) or is_stand_in(value):
        return False
    return _classes(value) >= 2 and entropy(value) >= _floor(len(value)) and not _is_wordy(value)


def is_password(value: bytes) -> bool:
    """For what is called a password, where it is assigned."""
    if len(value) < 5 or _is_reference(value) or is_stand_in(value) or value.lower() in _NO_PASSWORDS:
        return False
    if value.isdigit():
        return len(value) >= 6
    return _classes(value) >= 2 or _is_jumbled(value)


def is_password_in_prose(value: bytes) -> bool:
    """For what follows a mention of a password: it must look like one by itself."""
    if len(value) < 6 or not is_password(value) or _TERM.fullmatch(value) or _DATE.fullmatch(value):
        return False
    return any(map(_DIGITS.__contains__, value)) and not value.isdigit() and _has_letter(value)


_DIGITS: Final = frozenset(b"0123456789")


def _has_letter(value: bytes) -> bool:
    return value.lower() != value.upper()


def _classes(value: bytes) -> int:
    """How many of these it has: lower case, upper case, digits, others."""
    kinds = {0 if 97 <= each <= 122 else 1 if 65 <= each <= 90 else 2 if 48 <= each <= 57 else 3 for each in value}
    if kinds == {0, 1} and value[1:].islower():
        return 1
    return len(kinds - {3}) + (3 in kinds and not value.replace(b"-", b"").replace(b"_", b"").isalpha())


def _floor(length: int) -> float:
    """The least entropy of a random value of this length."""
    return 2.5 if length < 16 else 2.8 if length < 24 else 3.0


def _is_reference(value: bytes) -> bool:
    """Whether it is code that fetches the value, or a place where it is."""
    return bool(_CALL.fullmatch(value) or _PATH.fullmatch(value) or value.startswith((b"$", b"%", b"@{", b"{", b"[")))


def _is_wordy(value: bytes) -> bool:
    """Words with numbers between: a name, a model, a version; no key."""
    if not _WORDY.fullmatch(value):
        return False
    letters = sum(map(_VOWELS.__contains__, value.lower()))
    return value.isdigit() or not _has_letter(value) or letters * 6 >= len(value)


_VOWELS: Final = frozenset(b"aeiou")


def _is_jumbled(value: bytes) -> bool:
    """Letters alone that are no word: capitals inside, and hardly a vowel."""
    return len(value) >= 8 and not _WORDY.fullmatch(value) and not value.islower()
