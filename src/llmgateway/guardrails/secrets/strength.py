"""Whether a value can be a secret: random enough, and no stand-in for one.

Documentation and code name secrets far more often than they hold them: `password: string`, `$API_KEY`,
`os.environ[...]`, `<your-key>`, `xxxx`. None of that is to be found.
"""

from binascii import a2b_base64
from string import ascii_letters, ascii_uppercase
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from llmgateway.guardrails.secrets.scan import compiled
from llmgateway.guardrails.secrets.wording import are_of_programs, has_several_signs, is_passphrase

_STAND_INS: Final = (
    *("example", "placeholder", "your_", "your-", "yourk", "yourt", "yours", "yourp", "youra", "redacted", "dummy"),
    *("sample", "changeme", "change_me", "change-me", "replace", "insert", "xxxx", "****", "....", "____", "----"),
    *("demodemo", "00000000", "11111111", "deadbeef", "foobar"),
    *("${", "{{", "$(", "%(", "#{", "_here", "-here", "env.", "env(", "getenv", "environ", "process.", "secrets."),
    *("env:", "file:", "vault:", "secretref", "lorem", "todo", "keyvault", "not-a-real", "fake"),
)
_ROWS: Final = ("abcdefgh", "0123456789", "1234567890", "987654321")
_NO_PASSWORDS: Final = frozenset(
    b"password passw0rd password1 password123 passwort passwd passphrase pass pwd secret secrets token string str "
    b"bytes text none null nil true false undefined required optional hidden masked empty default test test123 admin "
    b"root user guest postgres mysql redis mongo username value type input field here and or not is your the a an "
    b"p@ssw0rd mypassword mypass mysecret my_password my-password user1 pass1 abc123".split(b" ")
)
_NAME: Final = rb"[A-Za-z_][A-Za-z0-9_]*"
_CALL: Final = (
    rb"(?:[a-z_]+|[A-Z_]+|[A-Z][a-z]+)=[A-Za-z_].*|"
    + _NAME
    + rb"(?:(?:\.|::|->)"
    + _NAME
    + rb")*[(\[](?:.*[)\]].*|[A-Za-z_.]*)|"
    rb"[$%&@*!]{1,2}[({]?(?:[a-z_]{3,}|[A-Z_]{3,})[0-9]?[%)}]?|[({\[<]{1,2}[A-Za-z_ .:-]+[)}\]>]*"
)
_PATH: Final = rb"(?:[a-z][a-z0-9+]{1,8}:)?//.*|[a-z_][a-z0-9_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)+|[~.]?(?:/[a-z0-9._-]+)+/?"
_WORDS_AND_NUMBER: Final = compiled(rb"[a-z]{4,12}\.[A-Z][A-Za-z]{3,11}[0-9]{3,4}")  # few attributes end so
_SIZES: Final = (b"128", b"224", b"255", b"256", b"384", b"512", b"1024", b"1305", b"2048", b"4096")  # but for these
_CODE: Final = b"=([./"  # what calls and paths have in them, if they do not begin with one of the next
_CODE_HEADS: Final = tuple(bytes((each,)) for each in b"$%&@*!({[<")
_REFERENCE: Final = compiled(_CALL + rb"|" + _PATH)
_FILLED_IN: Final = compiled(rb"<[A-Za-z_ -]+>")
_OF_A_FORM: Final = compiled(
    rb"(?i:(?:my|new|old|user|db|the)?[_-]?(?:passw(?:or)?d|pass|pwd|secret|token|key)[_-]?[0-9]?)"
)
_TAIL: Final = b"0123456789_-"
_ENDS: Final = (b"passwd", b"password", b"pass", b"pwd", b"secret", b"token", b"key")
_BEGINNINGS: Final = (b"user", b"pass", b"my", b"your", b"some")
_JOINED_WORDS: Final = compiled(rb"[a-z]{3,10}(?:[-_.][a-z]{3,10}){2,7}(?:[-_.][0-9]{1,4})?")
_WORD_IN_ADDRESS: Final = 8  # letters
_TERM: Final = rb"[A-Z]{2,8}[-_]?[0-9]{1,4}|(?:sha|md|utf|base|aes|rsa|ed|oauth|bcrypt|argon|v|id|k)-?[0-9]{1,5}"
_WORDY: Final = compiled(  # digits stand behind words, or alone, and never before one
    rb"[^A-Za-z0-9]*(?:(?:(?:[A-Z]?[a-z]+|[A-Z]{2,})+[A-Z]?[0-9]{0,4}|[0-9]{1,4})(?:[^A-Za-z0-9]+|$))+|"
    rb"(?:[A-Z]+[a-z]{2,}[0-9]{0,2})+|[0-9.:,/_-]+"
)
_NO_WORD: Final = compiled(rb"[B-DF-HJ-NP-TV-XZ]+[b-df-hj-np-tv-xz]{2,}(?:[^a-z]|$)")  # `Kjg` has no vowel
_TURN: Final = compiled(rb"[a-z][A-Z]")
_TURNS: Final = 3  # from small letters to capitals, from which a value is no name with an abbreviation in it
_INNER_SIGN: Final = compiled(rb".*[A-Za-z][+*@$-]*[!#^%&][!#^%&+*@$-]*[A-Za-z].*")
_ANOTHER: Final = compiled(rb"[A-Za-z_.-]+=.*")
_DATE: Final = rb"[0-9]{2,4}[-/.][0-9]{1,2}[-/.][0-9]{2,4}.*|[0-9]{1,2}:[0-9]{2}.*|[0-9]+[a-zA-Z]{1,3}"
_NO_SECRET: Final = compiled(_TERM + rb"|" + _DATE)

DIGITS: Final = b"0123456789"
_NO_DIGITS: Final = bytes(sorted(set(range(256)) - set(DIGITS)))
HEX: Final = b"0123456789abcdefABCDEF"
_ALNUM: Final = DIGITS + ascii_letters.encode()
_CAPITALS: Final = ascii_uppercase.encode()
_VOWELS: Final = b"aeiou"
_NO_LETTERS: Final = bytes(each for each in range(256) if not chr(each).isalpha() or each > 127)
_STAND_IN_WORDS: Final = BytesAhoCorasick([each.encode() for each in _STAND_INS])
_STAND_INS_AND_ROWS: Final = BytesAhoCorasick([each.encode() for each in (*_STAND_INS, *_ROWS)])

_ARMOUR: Final = 52  # characters of base64 that hold what a key's first line says


def variety(value: bytes) -> int:
    """How many different characters there are in the part that counts: a quick stand-in for its entropy."""
    return len(set(value[:64]))


def _is_stand_in(value: bytes) -> bool:
    """Whether the value only stands where a secret would: letters or digits in a row say as much."""
    return variety(value) < 4 or bool(_STAND_INS_AND_ROWS.find_matches_as_indexes(value.lower()))


def _says_it_is_none(value: bytes) -> bool:
    """The same of what has the form of a secret: a row says nothing there, for whoever makes one up means one."""
    return bool(_STAND_IN_WORDS.find_matches_as_indexes(value.lower()))


def is_random(value: bytes) -> bool:
    """For tokens with a form of their own: letters and digits mixed, and no words."""
    return _classes(value) >= 2 and variety(value) >= 9 and not _says_it_is_none(value) and not _is_wordy(value)


def is_varied(value: bytes) -> bool:
    """For tokens whose form alone is sure: anything that is not written out by hand."""
    return variety(value) >= 7 and not _says_it_is_none(value)


def is_private_key(value: bytes) -> bool:
    """Whether it is the armour of a private key in base64, as Kubernetes keeps its files."""
    return b"PRIVATE KEY" in a2b_base64(value[:_ARMOUR])


def is_uuid(value: bytes) -> bool:
    """Whether the value has the form of an identifier, which most UUIDs are."""
    return len(value) == 36 and value.count(b"-") == 4 and not value.replace(b"-", b"").strip(HEX)


def is_token(value: bytes) -> bool:
    """For what is called a key, a token or a secret."""
    if len(value) < 8 or _classes(value) < 2 or variety(value) < _least_variety(len(value)):
        return False
    return not (_is_wordy(value) or _is_stand_in(value) or _is_reference(value))


def is_password(value: bytes) -> bool:
    """For what is called a password, where it is assigned."""
    lowered = value.lower()
    if len(value) < 5 or lowered in _NO_PASSWORDS or (_ends_a_name(lowered) and _OF_A_FORM.takes(value)):
        return False
    if value.isdigit():
        return len(value) >= 6 and variety(value) >= 4
    if is_passphrase(value):
        return True
    return (has_digit(value) or _is_jumbled(value)) and not (_is_stand_in(value) or _is_reference(value))


def is_password_in_address(value: bytes) -> bool:
    """For what stands where an address has a password: a word may be one, if it is none that stands for one."""
    lowered = value.lower()
    if has_several_signs(value) and _JOINED_WORDS.takes(value) and not are_of_programs(value):
        return True
    if len(value) < _WORD_IN_ADDRESS or not value.isalpha() or _ends_a_name(lowered) or lowered.startswith(_BEGINNINGS):
        return is_password(value)
    return lowered not in _NO_PASSWORDS and not _is_stand_in(value)


def _ends_a_name(lowered: bytes) -> bool:
    """Whether the value ends as what forms call it does."""
    return lowered.rstrip(_TAIL).endswith(_ENDS)


def is_password_in_prose(value: bytes) -> bool:
    """For what follows a mention of a password: it must look like one by itself."""
    if len(value) < 6 or not is_password(value):
        return False
    if (value[:1].isdigit() or value[-1:].isdigit()) and _NO_SECRET.takes(value):
        return False
    if not (has_digit(value) or _has_odd_capitals(value) or _is_signed(value)):
        return is_passphrase(value)
    return _has_letter(value)


def is_other_assignment(value: bytes) -> bool:
    """Whether a value behind a blank is the next thing that is assigned, as in `BAD_PASSWORD attempts=3`."""
    return _ANOTHER.takes(value)


def _has_letter(value: bytes) -> bool:
    return value.lower() != value.upper()


def _classes(value: bytes) -> int:
    """How many of these it has: lower case, capitals (but at its head), digits, other signs between."""
    has_capitals = value[1:] != value[1:].lower() or (value != value.lower() and not value[1:].islower())
    signs = value.translate(None, _ALNUM)
    has_signs = bool(signs) and not value.translate(None, b"-_").isalpha()
    return (value != value.upper()) + has_capitals + has_digit(value) + has_signs


def has_digit(value: bytes) -> bool:
    return len(value.translate(None, DIGITS)) < len(value)


def up_to_digit(octets: bytes) -> bytes:
    """They as far as their last digit; nothing if they have none."""
    return octets.rstrip(_NO_DIGITS) if has_digit(octets) else b""


def _least_variety(length: int) -> int:
    """The fewest different characters that a random value of this length has."""
    return 5 if length < 16 else 8 if length < 24 else 9


def _is_reference(value: bytes) -> bool:
    """Whether it is code that fetches the value, or a place where it is."""
    is_code = len(value.translate(None, _CODE)) < len(value) or value.startswith(_CODE_HEADS)
    is_code = is_code and (value.endswith(_SIZES) or not _WORDS_AND_NUMBER.takes(value))
    return (is_code and _REFERENCE.takes(value)) or (b"<" in value and _FILLED_IN.place(value)[0] >= 0)


def _is_wordy(value: bytes) -> bool:
    """Words with numbers between: a name, a model, a version; no key."""
    if not _WORDY.takes(value):
        return False
    letters = value.lower().translate(None, _NO_LETTERS)
    if _has_odd_capitals(value) or _has_no_word(value):
        return False
    return (len(letters) - len(letters.translate(None, _VOWELS))) * 6 >= len(letters)


def _is_jumbled(value: bytes) -> bool:
    """No digit, and yet no word: capitals inside without a word behind each, or signs between."""
    return len(value) >= 8 and ((_classes(value) >= 2 and not _is_wordy(value)) or _is_signed(value))


def _is_signed(value: bytes) -> bool:
    """Whether a sign stands between letters, large ones and small ones, that stands between no words."""
    return value.lower() != value != value.upper() and _INNER_SIGN.takes(value)


def _has_no_word(value: bytes) -> bool:
    """Whether it goes from small letters to capitals, and not where words begin."""
    return _NO_WORD.place(value)[0] >= 0 and sum(1 for _ in _TURN.spans(value)) >= _TURNS


def _has_odd_capitals(value: bytes) -> bool:
    """More capitals among small letters than a name of several words has."""
    letters = value.translate(None, _NO_LETTERS)
    capitals = len(letters) - len(letters.translate(None, _CAPITALS))
    return len(letters) >= 8 and len(letters) > capitals >= 0.45 * len(letters)
