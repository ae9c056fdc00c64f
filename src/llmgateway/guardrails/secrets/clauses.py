"""Passwords that show by themselves what they are, beside a word that is about logging in: `use X to log in`.

Letters of both sizes and digits, as nobody mixes them but for that. A word in the same sentence is enough for one,
before it or behind it; one with words behind it waits in streams until the sentence has told what it is.
"""

from collections.abc import Iterable, Iterator, Set
from typing import Final

from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD, found_value, is_striking_password
from llmgateway.guardrails.secrets.made_up import is_made_up, shows_by_itself
from llmgateway.guardrails.secrets.scan import FOREIGN, Candidate, Scan, compiled
from llmgateway.guardrails.secrets.strength import has_digit, is_token, up_to_digit
from llmgateway.wire.expression import Expression, Span, begun
from llmgateway.wire.view import CONTEXT, SEPARATOR, View

GATES: Final = (  # a question mark is one of `Scan`
    *("passw", "passphrase", "passcode", "pw", "log in", "log on", "logged in", "sign in", "login", "creds"),
    *("credential", "unlock", "admin account", "pass\x1a", "reset it to ", "changed it to ", "set it to "),
)
RANK: Final = 4  # of what words behind a value tell, and of whatever is less sure
_BACK: Final = 128  # characters of a value and the words between it and the word
_AHEAD: Final = 40  # characters of the word itself, and behind it, that decide
_LENGTH_OF_KEY: Final = 16
_LONGEST_WORD: Final = 10
_COLON: Final = 0x3A
_SIGN: Final = rb"[A-Za-z0-9!@#$%^&*~+=_.\x1a-]"
_VALUE: Final = rb"(?:^|[\s\"'`(\[,:?/])([A-Za-z0-9]" + _SIGN + rb"{6,30}[A-Za-z0-9!@#$%^&*~+=_-])[\"'`)*_]{0,2}"
LINKING: Final = ("is", "was", "to", "at", "as", "when", "if", "for", "in", "into", "on", "works", "and then")
_LINKS: Final = b"(?:" + "|".join(LINKING).encode() + b")"
_KANA: Final = rb" ?\?{1,14}"
_BEFORE: Final = compiled(_VALUE + rb" " + _LINKS + rb" [a-z' ]{0,64}\z")
_BEFORE_KANA: Final = compiled(_VALUE + _KANA + rb"\z")
_OPEN: Final = compiled(
    _VALUE
    + rb"(?: (?:"
    + begun(LINKING).encode()
    + rb"|"
    + _LINKS
    + rb" [A-Za-z' -]{0,100})?| ?\?{1,24})\z"  # kana, and a word that has at most ten of them
)
_COMPOUND: Final = compiled(  # the word is only the first of a longer name
    rb"(?i:passw(?:or)?ds?|passphrases?|passcodes?|pwd|pw|log-?in|credentials?)(?:-[a-z]| (?i:"
    rb"manager|hash|hashes|hashing|contact|policy|policies|reset|field|file|generator|safe|store|database|strength|"
    rb"checker|protection|protected|recovery|expiry|rotation|history|length|rules?|form|button|module|service|errors?|"
    rb"failed|failures?|attempts?|flow|tokens?|name|id|session|events?|handler|hint|vault|app)\b)"
)
_SHORT: Final = compiled(rb"(?i:pwd?)(?:s\b|\b)")
_STOP: Final = compiled(rb"[.!;\x1a]\s|\n|\x1f")
_CLOCK: Final = rb"[0-9]{1,2}:[0-9]{2}"
_SPEAKER: Final = compiled(
    rb"\n(?:\[?" + _CLOCK + rb"(?::[0-9]{2})?\]? )?[A-Za-z?][A-Za-z.? _-]{0,20}"
    rb"(?:: {0,2}| {1,3}" + _CLOCK + rb"(?: ?[AP]M)?\n)"
)
_LETTER: Final = rb"[A-Za-z!@#$%^&*~+=_.\x1a-]"
_RUN: Final = compiled(rb"(?:[0-9]|[A-Za-z!@#$%^&~+=.]" + _LETTER + rb"{0,30}[0-9])" + _SIGN + rb"{1,31}")
_BORDERS: Final = frozenset(b" \t\n\"'`([,:?/*_")
_PAST: Final = (b"", b" ", b"\n", FOREIGN, b"'", b'"', b"`")  # what no value goes on with
_OF_WORDS: Final = b"abcdefghijklmnopqrstuvwxyz '"
_NO_ENDS: Final = (b"", b"\n", b".", b",", b":", b";", b"(", b"/", b"\x1f")
_SHORTEST: Final = 8
_LONGEST: Final = 36  # characters of a value and what is around it
_MOST_KANA: Final = 16
_ASKING: Final = ("?", "ください", "教えて", "でしたっけ", "分かり", "わかり", "please", "pls")
_FULL_STOP: Final = "。"
_PARTED: Final = (_FULL_STOP, "、", SEPARATOR)
_OF_OTHERS: Final = """
user username name account id uid userid customer ticket order device host hostname server commit build version member
tenant as session request model serial part number no
ユーザ ユーザー ユーザー名 ユーザ名 ログイン名 アカウント アカウント名 型番 品番 番号 ホスト サーバー
サーバ 会員番号
"""
_OTHERS: Final = tuple(_OF_OTHERS.split())  # whose names may look like a password
_ADDRESS: Final = b"://"
_PARTING: Final = " :=#はがも「\"'`(*"


def candidates(scan: Scan, places: Iterable[int], known: Set[int]) -> Iterator[Candidate]:
    """The passwords in the sentences of the words at `places`; what begins at `known` is found already."""
    for at in places:
        if scan.octets[at + 1] in b"wW" and not (scan.begins(at) and _SHORT.ends(scan.octets, at) >= 0):
            continue
        for found in (_behind(scan, at, known), _before(scan, at)):
            if found:
                yield found


def behind(scan: Scan, at: int, _: int) -> Candidate | None:
    """The one behind a word in Japanese."""
    return _behind(scan, at, frozenset())


def before(scan: Scan, at: int, end: int) -> Candidate | None:
    """The one before a word in Japanese."""
    low = max(0, at - _LONGEST - _MOST_KANA)
    stem = scan.octets[low:at].rstrip(FOREIGN)
    if len(stem) == at - low or not _may_show(stem) or scan.octets[at:end].strip(FOREIGN) or end - at > _LONGEST_WORD:
        return None
    return _checked(scan, _BEFORE_KANA, low, at)


def key(scan: Scan, at: int, _: int = 0) -> Candidate | None:
    """The key in the line that answers one which asks for it."""
    begin = _answer(scan, at, min(at + CONTEXT, len(scan.octets)))
    return found_value(scan, begin, at, GENERIC, _is_long) if begin >= 0 else None


def asked(scan: Scan, at: int) -> Candidate | None:
    """The same, where there is a question mark: in English few ask without."""
    return key(scan, at) if scan.octets.find(b"\x1a", at, at + CONTEXT) >= 0 else None


def _answer(scan: Scan, at: int, last: int) -> int:
    """Where the answer begins to the line that `at` is in; -1 if no other speaker gives one before `last`."""
    line = scan.octets.find(b"\n", at, last)
    return _SPEAKER.ends(scan.octets, line, last) if line >= 0 else -1


def _behind(scan: Scan, at: int, known: Set[int]) -> Candidate | None:
    last = min(at + CONTEXT, len(scan.octets))
    if not has_digit(scan.octets[at:last]):
        return None
    stop = _STOP.place(scan.octets, at, last)[0]
    if stop < 0:
        return _among(scan, at, range(at + 1, last), known)
    found, answer = _among(scan, at, range(at + 1, stop), known), _answer(scan, at, last)
    if found or answer < 0:
        return found
    said = found_value(scan, answer, at, PASSWORD, is_striking_password) if _asks(scan, at, answer) else None
    return said or _among(scan, at, range(answer, last), known)


def _asks(scan: Scan, at: int, end: int) -> bool:
    return any(each in scan.folded[at:end] for each in _ASKING)


def _among(scan: Scan, at: int, part: range, known: Set[int]) -> Candidate | None:
    """The first in a part of the text that can be nothing else."""
    for start, end in _runs(scan, part):
        if start in known:
            return None
        if end - start < _SHORTEST or scan.octets[start - 1] not in _BORDERS:
            continue
        if start not in scan.shown:
            scan.shown[start] = _shown(scan, start, end)
        found = scan.shown[start]
        if found and scan.folded.find(_FULL_STOP, at, start) < 0:
            return found
    return None


def _shown(scan: Scan, start: int, end: int) -> Candidate | None:
    """The password that such a run begins with, whichever word is beside it."""
    run = scan.octets[start:end]
    if scan.octets[end : end + 1] in _PAST and run == run.upper():  # a number, a name in capitals
        return None
    found = None if _is_of_another(scan, start) else found_value(scan, start, start, PASSWORD, shows_by_itself)
    if found is None or (_is_loud(scan.octets[start : found.end]) and scan.octets[start - 2] != _COLON):
        return None
    return found._replace(start=start)


def _runs(scan: Scan, part: range) -> Iterator[Span]:
    """What may be one. Sentences of words that are close together have runs in common: each is looked for once."""
    at, last = part.start, part.stop
    while at <= last:
        found = scan.runs.get(at)
        if found is None or found[1] >= last:
            found = _RUN.place(scan.octets, at, last)
            if found[0] < 0:
                return
            if found[1] < last:  # and is whole
                scan.runs[at] = found
        yield found
        at = found[1]


def _is_of_another(scan: Scan, start: int) -> bool:
    """Whether what stands before it says that it is a name, a number of something, or a part of an address."""
    before = scan.octets[max(0, start - CONTEXT) : start]
    if _ADDRESS in before[before.rfind(b" ") + 1 :]:
        return True
    return scan.folded[max(0, start - 16) : start].rstrip(_PARTING).lower().endswith(_OTHERS)


def _is_loud(value: bytes) -> bool:
    """Whether it may be a name with a number that a sentence ends with: `Office365!`"""
    return value.endswith(b"!") and not value.endswith(b"!!") and not is_made_up(value)


def _is_long(value: bytes) -> bool:
    return len(value) >= _LENGTH_OF_KEY and is_token(value)


def _before(scan: Scan, at: int) -> Candidate | None:
    low = max(0, at - _BACK)
    stem = scan.octets[low:at].rstrip(_OF_WORDS)
    if not _may_end(stem) or _COMPOUND.ends(scan.octets, at) >= 0:
        return None
    return _checked(scan, _BEFORE, max(low, low + len(stem) - _LONGEST), at)


def _checked(scan: Scan, pattern: Expression, low: int, at: int) -> Candidate | None:
    found = pattern.search(scan.octets[low:at])
    if found is None or not scan.takes(shows_by_itself, found.group(1)):
        return None
    start, end = low + found.start(1), low + found.end(1)
    between = scan.folded[end:at]
    if any(each in between for each in _PARTED) or _is_of_another(scan, start):
        return None
    return Candidate(start, 5, end, PASSWORD, 0.7)


def _may_end(stem: bytes) -> bool:
    """A quick look: whether a value with a digit may end where there are only words behind."""
    return stem[-1:] not in _NO_ENDS and has_digit(stem[-_LONGEST:])


def _may_show(stem: bytes) -> bool:
    """A quick look: whether what shows by itself may be there."""
    return has_digit(stem) or b"-" in stem


def opening(view: View) -> int:
    """Where such a value begins that words may follow which are about logging in; the text's end if none does."""
    size = len(view.text)
    low = max(0, size - _BACK - _AHEAD)
    tail = view.octets[low:]
    stem = up_to_digit(tail)
    if not stem or b"\n" in tail[len(stem) :]:
        return size
    found = _OPEN.search(Scan(view).octets[low:])
    if found is None or not shows_by_itself(found.group(1)):
        return size
    is_parted = any(each in view.folded[low + found.end(1) :] for each in _PARTED)
    return size if is_parted else low + found.start(1)
