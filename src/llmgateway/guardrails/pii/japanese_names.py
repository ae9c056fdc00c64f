"""Names of persons in Japanese. Where a family name begins is told by a list of them, that it is one by what is around.

A family name alone is a name beside an honorific, a title, a label, or what introduces somebody; with a given name
behind it, also where it stands by itself: in a cell, a line, in quotes. In the flow of a sentence it is left alone, for
there most names are those of places, companies, and of people whom everybody knows. Names that are in no list are
found behind labels and before honorifics only.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from llmgateway.guardrails.pii.given_names import BEGINNINGS, may_begin, sizes
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, wide
from llmgateway.guardrails.pii.surnames import LEADING, SINGLE, SURNAMES, WORDS
from llmgateway.guardrails.pii.words_of_names import (
    AFTER_HAN,
    ALL_SUFFIXES,
    ATLAS,
    BEGUN_BEFORE,
    DEPARTMENTS,
    DISH,
    DOING,
    LABELS,
    LATIN_LABELS,
    MINE,
    NOT_LATIN_LABELS,
    OF_PERSONS,
    OFFICES,
    PARTICLES,
    PARTS,
    PERSONAL,
    ROLES,
    SAID,
    SAID_OF_NAMES,
    SUFFIXES,
    SURE,
)
from llmgateway.guardrails.pii.wordset import WordSet
from llmgateway.wire.view import CONTEXT, SEPARATOR

_AGE: Final = 4  # characters of a comma and the age behind it
_LONGER: Final = frozenset(SURNAMES)
_SHORTEST: Final = 2  # characters of a full name
_AFTER: Final = 12  # characters behind a name that are looked at
_COMPANY: Final = 20  # characters of a company's name
_LINKS: Final = " :=|「『【】[(\t\"'`*-→"
_LISTED: Final = "、,・/と&"
_OTHERS: Final = compiled_wide(  # of a list of names
    rf"(?:[{HAN}{KATAKANA}ぁ-おか-のひ-ん ]{{1,10}}[{_LISTED}] *){{1,8}}\z"
)
_BEFORE_LIST: Final = (*_LINKS, "は")
_LEADING: Final = frozenset(f"{_LINKS}{_LISTED}はが)>\n")
_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_CELL_BEFORE: Final = frozenset(f"→\n\t|,\"'「『(;・>*=[`{_CIRCLED}")
_CELL_AFTER: Final = frozenset(f"→\n\t|,\"'」』);<]`{_CIRCLED}")
_IN_BRACKETS: Final = frozenset("男女夫妻父母長次")
_MENTIONS: Final = ("@", "Dr.", "Mr.", "Ms.", "Mrs.", "TODO(", "FIXME(")
_BEHIND_SPEAKER: Final = frozenset(("", "\n", ":", ">", "「"))
_LINE_ENDS: Final = ("", "\n")
_LAST_WORDS: Final = (
    "お願いいたします。",
    "お願いします。",
    "お願い致します。",
    "お願い申し上げます。",
    "失礼いたします。",
)
_SAID_BEFORE: Final = tuple(f"{sign}\n" for sign in "。?!？！」")  # a sentence, on the line before a speaker's
_TIME: Final = 5  # characters
_LINKING: Final = frozenset("はがをとにの")
_SENTENCE: Final = frozenset("\n。、！？!?「『,. ")
_PHRASES: Final = (
    ALL_SUFFIXES.words | SAID.words | OF_PERSONS.words | DOING.words | PARTICLES.words | OFFICES.words | {DISH}
)
_BEGUN: Final = frozenset(phrase[:size] for phrase in _PHRASES for size in range(1, len(phrase)))
_OF_ONESELF: Final = ("私、", "わたくし、", "小生、")
_GIVING: Final = ("より", "から")
_CALLED_AT: Final = ("0", "+")  # what a telephone number begins with
_SHORT: Final = frozenset("様氏殿君邸宅拝")  # words go on with them: 氏名, 殿堂
_BEHIND_SHORT: Final = frozenset("宛方邸分専本宅家側")


_FOLLOWING: Final = BEGINNINGS | {word[0] for word in AFTER_HAN.words | PARTICLES.words}


class Name(NamedTuple):
    """`text[start:end]`, which may be a name: with a given name or without one, and with a blank between them."""

    start: int
    end: int
    surname: str
    is_full: bool
    is_spaced: bool


def find_known(text: str, known: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where names stand in a folded text that begin with a family name; `known`: where these stand."""
    for begin, end in known:
        name = _read(text, begin, end)
        if name is not None and _is_person(text, name):
            yield name.start, name.end


def _read(text: str, begin: int, end: int) -> Name | None:
    """The name that a family name begins, as long as it can be; nothing where it is a part of another word."""
    following = text[end : end + 1]
    if following not in _FOLLOWING and ("ぁ" <= following <= "ん" or is_letter(following)):
        return None
    if begin and _is_inside(text, begin, end):
        return None
    surname = text[begin:end]
    if len(surname) == 1 and text[begin : begin + 2] in _LONGER:
        return None
    is_spaced = following == " "
    at = end + is_spaced
    for size in sizes(text, at):
        if _ends(text, at + size) and text[begin : at + size] not in ATLAS:
            return Name(begin, at + size, surname, is_full=True, is_spaced=is_spaced)
    return Name(begin, end, surname, is_full=False, is_spaced=False) if _ends(text, end) else None


def _is_inside(text: str, begin: int, end: int) -> bool:
    """Whether a word has begun before it that is not what somebody is, as in `営業部長山田`."""
    if not begin or not is_letter(text[begin - 1]):
        return False
    return end - begin == 1 or not BEGUN_BEFORE.end(text, begin)


def is_letter(character: str) -> bool:
    """Whether a name goes on with it: kanji or katakana."""
    return is_han(character) or "ァ" <= character <= "ヺ" or character == "ー"


def is_han(character: str) -> bool:
    return "一" <= character <= "鿿" or character == "々"


def _ends(text: str, at: int) -> bool:
    """Whether a word ends there."""
    following = text[at : at + 1]
    if is_letter(following):
        return AFTER_HAN.begin(text, at)
    return not "ぁ" <= following <= "ん" or PARTICLES.begin(text, at)


def _is_person(text: str, name: Name) -> bool:
    before = text[max(0, name.start - CONTEXT) : name.start].rpartition(SEPARATOR)[2]
    after = text[name.end : name.end + _AFTER].partition(SEPARATOR)[0]
    if OFFICES.begin(after):
        return False
    if _is_set_apart(name, before) or _is_honoured(name, after.lstrip(" ") if after[:1] == " " else after):
        return True
    if _is_short(name, before) and not (name.is_full and is_labelled(before)):
        return False
    if is_labelled(before) or _is_introduced(name, before, after):
        return True
    return _is_full_name(name, before, after) if name.is_full else _is_family_name(name, before, after)


def _is_set_apart(name: Name, before: str) -> bool:
    """Whether a blank is between family name and given name: in `花の島 知夫`, `まち海津 心の` none is."""
    if not name.is_spaced or not "ぁ" <= before[-1:] <= "ん":
        return name.is_spaced
    return name.surname not in (SINGLE if before[-1] in _LINKING else WORDS)


def _is_short(name: Name, before: str) -> bool:
    """Whether many words look like it: a full name of two characters, or a family name of one in a list."""
    if name.is_full:
        return name.end - name.start == _SHORTEST
    return name.surname in SINGLE and before[-1:] in _LISTED


def _is_full_name(name: Name, before: str, after: str) -> bool:
    return name.surname not in LEADING and (_is_of_a_role(before) or _is_told(after) or _is_alone(before, after))


def _is_family_name(name: Name, before: str, after: str) -> bool:
    if len(name.surname) == 1:
        return False
    if after[:1] in _LINE_ENDS and _is_signed(before):
        return True
    return _is_one_of(name, before, after) or (name.surname not in WORDS and _is_somebody(before, after))


def _is_honoured(name: Name, after: str) -> bool:
    suffixes = SUFFIXES if name.surname in WORDS and not name.is_full else ALL_SUFFIXES
    if not suffixes.begin(after):
        return False
    if after.startswith(DISH):
        return False
    return after[0] not in _SHORT or not is_han(after[1:2]) or after[1] in _BEHIND_SHORT


def is_labelled(before: str, labels: WordSet = LABELS) -> bool:
    """Whether what follows stands behind a label: `氏名:`, `<td>氏名</td><td>`, `"name": "`, `出席者は佐藤、`."""
    if before[-1:] not in _LEADING:
        return False
    if before.rstrip(" ")[-1:] not in _LISTED:
        return _is_label(before, labels)
    if not any(sign in before for sign in _BEFORE_LIST):
        return False
    raw = wide(before)
    others = _OTHERS.search(raw)
    head = raw[: others.start()].decode() if others else ""
    return head[-1:] in _BEFORE_LIST and _is_label(head, labels)


def _is_label(before: str, labels: WordSet) -> bool:
    stem = _without_tags(before)
    if stem is before and stem[-1:] in ("は", "が") and len(before) > 1:
        stem = before[:-1]
        return labels.end(stem)
    if stem == before and stem[-1:] != ")":
        return False
    bare = stem.removesuffix(")").rpartition("(")[0].rstrip() if stem.endswith(")") else stem
    if labels.end(bare):
        return True
    latin = stem[-12:].lower()
    return labels is LABELS and LATIN_LABELS.end(latin) and not NOT_LATIN_LABELS.end(latin)


def _without_tags(before: str) -> str:
    """What is before the signs and tags that lead from a label to its value."""
    stem = before.rstrip(_LINKS)
    while stem.endswith(">"):
        stem = stem[: max(0, stem.rfind("<"))].rstrip(_LINKS)
    return stem.removesuffix("\n").rstrip(_LINKS) if stem.endswith("\n") else stem


def _is_introduced(name: Name, before: str, after: str) -> bool:
    """Whether somebody says the name, as in `佐藤です` or `弊社の佐藤と申します`."""
    if not SAID.begin(after):
        return False
    if before[-1:] == "の" and (ROLES.end(before[:-1]) or "会社" in before[-_COMPANY:]):
        return True
    if before and before[-1] not in _SENTENCE and before[-1] not in "のは":
        return False
    return name.is_full or SAID_OF_NAMES.begin(after) or (name.surname not in WORDS and name.surname not in SINGLE)


def _is_of_a_role(before: str) -> bool:
    if before.endswith(_OF_ONESELF):
        return True
    stem = before.rstrip(" の(、")
    return ROLES.end(stem) or SURE.end(stem)


def _is_one_of(name: Name, before: str, after: str) -> bool:
    """Whether a family name stands beside what somebody is, as in `担当の佐藤が`."""
    if is_letter(after[:1]):
        return False
    if name.surname in WORDS:
        return before[-1:] in ("の", " ") and PERSONAL.end(before[:-1])
    return before.endswith(MINE) or (before[-1:] in ("の", " ") and ROLES.end(before[:-1]))


def _is_somebody(before: str, after: str) -> bool:
    """Whether a family name stands where those of people do: as a line, a speaker or a mention, or doing something."""
    if before.endswith(_MENTIONS) or DOING.begin(after) or _is_of_department(after):
        return True
    if after[:1] in ("が", ":") and (_is_listed(before) or _is_numbered(before)):
        return True
    if after[:1] == "(" and after[1:2] in _CALLED_AT and after[2:3].isdigit():
        return True
    if after[:1] == " " and before.endswith(_SAID_BEFORE) and ("ぁ" <= after[1:2] <= "ん" or is_letter(after[1:2])):
        return True
    if _begins_turn(before) or _is_behind_time(before):
        return after[:1] in _BEHIND_SPEAKER or _is_time(after) or (after[:1] == "が" and _is_behind_time(before))
    return before[-1:] == "」" and after[:1] == "「"


def _is_signed(before: str) -> bool:
    """Whether a line behind the last words of a letter begins there."""
    return before[-1:] == "\n" and before.rstrip("\n ").endswith(_LAST_WORDS)


def _is_listed(before: str) -> bool:
    """Whether it is the first word behind a bullet."""
    return before[-1:] == "・" and before[-2:-1] in ("", "\n")


def _is_of_department(after: str) -> bool:
    """Whether where somebody works is behind the name, as in `佐藤(総務)`."""
    inside, closing, _ = after[1:].partition(")")
    return after[:1] == "(" and bool(closing) and (inside in DEPARTMENTS or inside[-1:] in PARTS)


def _begins_turn(before: str) -> bool:
    """Whether a line begins there, or what somebody says in a log: `[10:18] 佐藤`."""
    return before[-1:] in ("", "\n", "]") or before[-2:] == "] "


def _is_time(after: str) -> bool:
    """Whether the hour is behind it, as in `佐藤 10:05`."""
    hour, sign, minute = after.lstrip(" ")[:_TIME].partition(":")
    return after[:1] == " " and bool(sign) and hour.isdigit() and minute[:2].isdigit()


def _is_behind_time(before: str) -> bool:
    """Whether the hour is before it, as in `10:32 佐藤「`."""
    return before[-1:] == " " and before[-4:-3] == ":" and before[-3:-1].isdigit()


def _is_told(after: str) -> bool:
    """Whether what follows is about a person: an age, a reading, a booking."""
    rest = after.lstrip(" ")
    if rest[:1] == "(":
        return rest[1:2].isdigit() or "ぁ" <= rest[1:2] <= "ヺ" or rest[1:2] in _IN_BRACKETS
    if rest[:1] in ("、", "・"):
        return rest[1:2].isdigit() and rest[2:5].lstrip("0123456789")[:1] in ("歳", "才")
    return (
        (rest[:1] == "<" and rest[1:2] != "/") or OF_PERSONS.begin(rest) or (rest[:2] in _GIVING and DOING.begin(rest))
    )


def _is_alone(before: str, after: str) -> bool:
    """Whether it has a line, a cell, or quotes for itself."""
    left, right = before.rstrip(" ")[-1:], after.lstrip(" ")[:1]
    if right == ":" and _begins_turn(before):
        return True
    if _stands_free(before, after):
        return True
    if left == ":" or (before[-1:] == " " and (before[-2:-1].isdigit() or (after[:1] == " " and after[1:2].isdigit()))):
        return True
    if left and left not in _CELL_BEFORE and not _is_numbered(before):
        return False
    return not right or right in _CELL_AFTER


def _stands_free(before: str, after: str) -> bool:
    """Whether blanks set it apart, as nothing else does in Japanese: `1組　佐藤太郎　鈴木一郎`."""
    return before[-1:] in (" ", "\n", "") and after[:1] in (" ", "\n", "", "(")


def _is_numbered(before: str) -> bool:
    stem = before.rstrip(" ")
    return stem[-1:] in (".", "-", ")") and (stem[-2:-1].isdigit() or stem[-2:-1] in ("", "\n"))


def open_known(text: str, known: Iterable[tuple[int, int]]) -> int:
    """Where the first name begins that more of the text may make one, or no longer one; the text's end if none does."""
    return min((begin for begin, end in known if _may_change(text, begin, end)), default=len(text))


def _may_change(text: str, begin: int, end: int) -> bool:
    if _is_inside(text, begin, end):
        return False
    is_spaced = text[end : end + 1] == " "
    at = end + is_spaced
    if may_begin(text[at:]):
        return True
    ends = [end, *(at + size for size in sizes(text, at))]
    return any(_is_begun(text[place:].lstrip(" ")) for place in ends if len(text) - place <= _AFTER)


def _is_begun(after: str) -> bool:
    """Whether it may become a phrase that tells something of the name before it."""
    if not after or after in _BEGUN or after in ("(", "<", *_SHORT) or (after[0].isdigit() and len(after) < _TIME):
        return True
    if after[0] == "(" and ")" not in after:
        return True
    return after[0] in "、・" and len(after) <= _AGE and (len(after) == 1 or after[1:].isdigit())
