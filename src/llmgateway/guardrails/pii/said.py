"""Numbers whose digits are written as English words, `four one five, five five five …`: read in as many characters."""

import re
from typing import Final

from llmgateway.guardrails.pii.runs import GAP, compiled, fits, replaced
from llmgateway.wire.expression import begun

_NAMES: Final = "zero one two three four five six seven eight nine"
_DIGITS: Final = {**{name: str(digit) for digit, name in enumerate(_NAMES.split())}, "oh": "0"}
_TIMES: Final = {"double": 2, "triple": 3}
_PLUS: Final = "plus"
_FEWEST: Final = 7  # digits of a number
_WORD: Final = f"(?:(?:{'|'.join(_TIMES)}) )?(?:{'|'.join(_DIGITS)})"
_SEPARATORS: Final = ("dash", "hyphen", "space")
_SIGNS: Final = "[ ,.-]"
_BETWEEN: Final = rf"{_SIGNS}{{1,3}}(?:(?:{'|'.join(_SEPARATORS)}) )?"
_NUMBER: Final = compiled(rf"(?i)\b(?:{_PLUS} )?{_WORD}(?:{_BETWEEN}{_WORD}){{{_FEWEST - 1},}}\b".encode())
SIGN: Final = rf"(?i:\b{_WORD}{_BETWEEN}{_WORD}{_BETWEEN}{_WORD}\b)".encode()
"""The pattern of what every one of these numbers has in it."""
_REPEATED: Final = re.compile(f"(?:{'|'.join(_TIMES)}) (?:{'|'.join(_DIGITS)})".encode())
_SAID: Final = [(word.encode(), sign.encode().ljust(len(word), GAP)) for word, sign in {**_DIGITS, _PLUS: "+"}.items()]
_ELSE: Final = bytes(each if each in b"+0123456789" else GAP[0] for each in range(256))
_NEXT: Final = (
    rf"(?:(?:(?:{'|'.join(_SEPARATORS)}) )?(?:(?:{'|'.join(_TIMES)}) )?(?:{begun(_DIGITS)})?"
    rf"|{begun((*_TIMES, *_SEPARATORS))})"
)
OPEN: Final = (
    rf"(?i:(?:{_PLUS} |(?:{_PLUS} )?(?:{_WORD}{_BETWEEN})+){_NEXT}|[0-9+][0-9\x7f]*\x7f{_SIGNS}{{0,3}}{_NEXT})".encode()
)
"""The pattern of what may go on as one."""


def plain(octets: bytes, low: int = 0) -> bytes:
    """The same with a digit for each word from `low` on, and characters that count for nothing behind it."""
    spans = [span for span in _NUMBER.spans(octets, low) if fits(octets, *span)]
    return replaced(octets, spans, _digits)


def _digits(words: bytes) -> bytes:
    """The digits that words say; the plus before them."""
    words = _REPEATED.sub(_repeated, words.lower())
    for word, sign in _SAID:
        words = words.replace(word, sign)
    return words.translate(_ELSE)


def _repeated(found: "re.Match[bytes]") -> bytes:
    """As many digits as are meant, in the place of `double two`."""
    times, word = found[0].decode().split()
    return (_DIGITS[word] * _TIMES[times]).encode().ljust(len(found[0]), GAP)
