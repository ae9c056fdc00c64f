"""What is around a name in Japanese and says that it is one: titles, roles, labels, and what somebody does."""

from typing import Final, NamedTuple

from llmgateway.guardrails.pii.letters import is_han, is_letter
from llmgateway.guardrails.pii.name_labels import LEADING_ON, LISTED, is_labelled
from llmgateway.guardrails.pii.surnames import LEADING, SINGLE, WORDS
from llmgateway.guardrails.pii.words_of_names import (
    ALL_SUFFIXES,
    DEPARTMENTS,
    DISH,
    DOING,
    HUMAN,
    MINE,
    OF_PERSONS,
    OFFICES,
    PARTIES,
    PARTS,
    PERSONAL,
    ROLES,
    SAID,
    SAID_OF_NAMES,
    SPOKEN,
    SUFFIXES,
    SURE,
)
from llmgateway.wire.view import CONTEXT, SEPARATOR

_GRADE: Final = 2  # characters
SHORTEST: Final = 2  # characters of a full name
AFTER: Final = 12  # characters behind a name that are looked at
_COMPANY: Final = 20  # characters of a company's name
_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
CELL_BEFORE: Final = frozenset(f"→\n\t|,\"'「『(;・>*=[`{_CIRCLED}")
CELL_AFTER: Final = frozenset(f"→\n\t|,\"'」』);<]`{_CIRCLED}")
_IN_BRACKETS: Final = frozenset("男女夫妻父母長次")
_OURS: Final = ("弊社の", "当社の", "弊所の", "当院の", "当店の", "うちの")
_OF_OURS: Final = frozenset("がはにへとをま")
_BY: Final = ("by ", "By ")
_MENTIONS: Final = (*_BY, "@", "Dr.", "Mr.", "Ms.", "Mrs.", "TODO(", "FIXME(")
_BEHIND_SPEAKER: Final = frozenset(("", "\n", ":", ">", "「", "\t"))
_OF_WHOM: Final = frozenset(
    ("住所", "電話", "生年", "昭和", "平成", "会員", "社員", "連絡", "携帯", "年齢", "旧姓", "本名", "以下")
)
_LINE_ENDS: Final = ("", "\n")
_LAST_WORDS: Final = (
    "お願いいたします。",
    "お願いします。",
    "お願い致します。",
    "お願い申し上げます。",
    "失礼いたします。",
)
_SAID_BEFORE: Final = tuple(f"{sign}\n" for sign in "。?!？！」")  # a sentence, on the line before a speaker's
TIME: Final = 5  # characters
_TOPIC: Final = frozenset("はがをに")
_LINKING: Final = frozenset("はがをとにの")
_SENTENCE: Final = frozenset("\n。、！？!?「『,. ")
_OF_ONESELF: Final = ("私、", "わたくし、", "小生、", "私こと", "私儀", "私こと、", "私儀、")
_OF_ONE: Final = ("まで", "が", "に", "へ", "は", "と", "より", "から", "です")  # behind a name of one character
_PUBLIC: Final = frozenset(
    "優勝敗登先打得主演出受栄首好美安高低強弱速遠近大小混晴雨雪開閉有多人最舞見存位広狭続隣発停始終通被中名金銀銅世日初会候対拠終起目乗属含接面閉冠浸停満混"
)
"""What begins words about those whom everybody knows, and about places."""
_TELLING: Final = frozenset(
    word[:2] for word in (*ALL_SUFFIXES.words, *SAID.words, *DOING.words, *HUMAN.words, *OF_PERSONS.words)
)
_TELLS: Final = frozenset("様氏殿君邸宅儀拝が(:「>< \t\n") | {"", SEPARATOR}
_LEADS: Final = LEADING_ON | frozenset("@].」告人者社当") | {"", SEPARATOR}
SAYING: Final = (":", "「", " ")
_DOES: Final = ("が", ":")
_APART: Final = (" ", "\n", ":", "・", "")
_GIVING: Final = ("より", "から")
_CALLED_AT: Final = ("0", "+")  # what a telephone number begins with
SHORT: Final = frozenset("様氏殿君邸宅拝")  # words go on with them: 氏名, 殿堂
_BEHIND_SHORT: Final = frozenset("宛方邸分専本宅家側")


class Name(NamedTuple):
    """`text[start:end]`, which may be a name: with a given name or without one, and with a blank between them."""

    start: int
    end: int
    surname: str
    is_full: bool
    is_spaced: bool


def may_tell(text: str, begin: int, end: int) -> bool:
    """Whether what is right beside a family name may say that it is one: most are looked at no longer."""
    pair, last = text[end : end + 2], text[begin - 1 : begin] if begin else ""
    if pair in _TELLING or pair[:1] in _TELLS or last in _LEADS:
        return True
    return last == "の" and ROLES.end(text, begin - 1)


def is_person(text: str, name: Name) -> bool:
    before, after = around(text, name)
    if OFFICES.begin(after):
        return False
    if _is_set_apart(name, before) or _is_honoured(name, after.lstrip(" ") if after[:1] == " " else after):
        return True
    if _is_short(name, before) and not (name.is_full and is_labelled(before)):
        return False
    if is_labelled(before) or _is_introduced(name, before, after):
        return True
    return _is_full_name(name, before, after) if name.is_full else _is_family_name(name, before, after)


def around(text: str, name: Name) -> tuple[str, str]:
    """What is before a name and behind it, of the same text."""
    before = text[max(0, name.start - CONTEXT) : name.start].rpartition(SEPARATOR)[2]
    return before, text[name.end : name.end + AFTER].partition(SEPARATOR)[0]


def _is_set_apart(name: Name, before: str) -> bool:
    """Whether a blank is between family name and given name: in `花の島 知夫`, `まち海津 心の` none is."""
    if not name.is_spaced or not "ぁ" <= before[-1:] <= "ん":
        return name.is_spaced
    return name.surname not in (SINGLE if before[-1] in _LINKING else WORDS)


def _is_short(name: Name, before: str) -> bool:
    """Whether many words look like it: a full name of two characters, or a family name of one in a list."""
    if name.is_full:
        return name.end - name.start == SHORTEST
    return name.surname in LEADING and before[-1:] in LISTED


def _is_full_name(name: Name, before: str, after: str) -> bool:
    if name.surname in LEADING:
        return False
    if after[:1] in _TOPIC and (_is_listed(before) or _is_numbered(before)):
        return True
    return is_of_a_role(before) or is_told(after) or _is_alone(before, after)


def _is_family_name(name: Name, before: str, after: str) -> bool:
    last, first = before[-1:], after[:1]
    if first in SAYING and _is_speaker(before, after):
        return True
    if first in _LINE_ENDS and _is_signed(before):
        return name.surname not in LEADING
    if last == "@" and first == " " and before[-2:-1] in _APART:
        return True
    if len(name.surname) == 1:
        return last == "の" and after.startswith(_OF_ONE) and PERSONAL.end(before[:-1])
    if (first == "(" and _is_of_department(after)) or _is_one_of(name, before, after):
        return True
    return _is_place_called(before, after) if name.surname in WORDS else _is_somebody(before, after)


def _is_place_called(before: str, after: str) -> bool:
    """Whether a family name that is one of a place, too, is of somebody there: does what no place does, or writes."""
    first = after[:1]
    if HUMAN.begin(after) or (first == " " and before[-1:] == " " and HUMAN.begin(after, 1)):
        return True
    if first in _OF_OURS and before.endswith(_OURS):
        return True
    return before.endswith(_BY) or (first == "\t" and before[-1:] == "\t" and _is_behind_time(before))


def _is_speaker(before: str, after: str) -> bool:
    """Whether a line of what is said begins with it, as in `楠「はい」`."""
    return _begins_turn(before) and SPOKEN.begin(after[1:].lstrip(" 「"))


def _is_honoured(name: Name, after: str) -> bool:
    suffixes = SUFFIXES if name.surname in WORDS and not name.is_full else ALL_SUFFIXES
    if not suffixes.begin(after):
        return False
    if after.startswith(DISH):
        return False
    return after[0] not in SHORT or not is_han(after[1:2]) or after[1] in _BEHIND_SHORT


def _is_introduced(name: Name, before: str, after: str) -> bool:
    """Whether somebody says the name, as in `佐藤です` or `弊社の佐藤と申します`."""
    if not SAID.begin(after):
        return False
    if before[-1:] == "の" and (ROLES.end(before[:-1]) or "会社" in before[-_COMPANY:]):
        return True
    if before and before[-1] not in _SENTENCE and before[-1] not in "のは":
        return name.is_full and name.surname not in LEADING and not is_letter(before[-1])
    return name.is_full or SAID_OF_NAMES.begin(after) or (name.surname not in WORDS and name.surname not in SINGLE)


def is_of_a_role(before: str) -> bool:
    if before.endswith(_OF_ONESELF):
        return True
    stem = before.rstrip(" の(、")
    return ROLES.end(stem) or SURE.end(stem)


def _is_one_of(name: Name, before: str, after: str) -> bool:
    """Whether a family name stands beside what somebody is, as in `担当の佐藤が`."""
    if is_letter(after[:1]):
        return False
    if name.surname in WORDS:
        return before.endswith(PARTIES) or (before[-1:] in ("の", " ") and PERSONAL.end(before[:-1]))
    return before.endswith(MINE) or (before[-1:] in ("の", " ") and ROLES.end(before[:-1]))


def _is_somebody(before: str, after: str) -> bool:
    """Whether a family name stands where those of people do: as a line, a speaker or a mention, or doing something."""
    if DOING.begin(after) or before.endswith(_MENTIONS):
        return True
    first = after[:1]
    if first == " ":
        return _is_before_blank(before, after)
    if first in _DOES and (_is_listed(before) or _is_numbered(before) or _is_doing(after)):
        return True
    if first == "(":
        return _is_called_at(after[1:])
    return _is_in_turn(before, after) or (before[-1:] == "」" and first == "「")


def _is_before_blank(before: str, after: str) -> bool:
    """Whether a blank is between it and what tells: what somebody does, a number, what is said."""
    if before[-1:] == " " and HUMAN.begin(after, 1):
        return True
    if before[-1:] in _APART and _is_called_at(after[1:]):
        return True
    if before.endswith(_SAID_BEFORE) and ("ぁ" <= after[1:2] <= "ん" or is_letter(after[1:2])):
        return True
    return _is_in_turn(before, after)


def _is_doing(after: str) -> bool:
    """Whether a verb in kanji is behind it that is said of people hardly anybody knows."""
    return after[:1] == "が" and is_han(after[1:2]) and after[1] not in _PUBLIC


def _is_in_turn(before: str, after: str) -> bool:
    """Whether it is of who speaks, in a log."""
    if not (_begins_turn(before) or _is_behind_time(before)):
        return False
    return after[:1] in _BEHIND_SPEAKER or _is_time(after) or (after[:1] == "が" and _is_behind_time(before))


def _is_called_at(after: str) -> bool:
    """Whether a telephone number is behind it, as in `佐藤 (090)1234`."""
    number = after.removeprefix("(")
    return number[:1] in _CALLED_AT and number[1:2].isdigit()


def _is_signed(before: str) -> bool:
    """Whether a line behind the last words of a letter begins there."""
    return before[-1:] == "\n" and before.rstrip("\n ").endswith(_LAST_WORDS)


def _is_listed(before: str) -> bool:
    """Whether it is the first word behind a bullet."""
    return before[-1:] == "・" and before[-2:-1] in ("", "\n")


def _is_of_department(after: str) -> bool:
    """Whether where somebody works is behind the name, as in `佐藤(総務)`."""
    inside, closing, _ = after[1:].partition(")")
    return bool(closing) and (inside in DEPARTMENTS or inside.endswith(PARTS) or _is_grade(inside))


def _is_grade(inside: str) -> bool:
    """Whether it is how far somebody is at a university, as in `佐藤(M2)`."""
    return len(inside) == _GRADE and inside[0] in "BMD" and inside[1].isdigit()


def _begins_turn(before: str) -> bool:
    """Whether a line begins there, or what somebody says in a log: `[10:18] 佐藤`."""
    return before[-1:] in ("", "\n", "]") or before[-2:] == "] "


def _is_time(after: str) -> bool:
    """Whether the hour is behind it, as in `佐藤 10:05`."""
    hour, sign, minute = after.lstrip(" ")[:TIME].partition(":")
    return after[:1] == " " and bool(sign) and hour.isdigit() and minute[:2].isdigit()


def _is_behind_time(before: str) -> bool:
    """Whether the hour is before it, as in `10:32 佐藤「`."""
    return before[-1:] in (" ", "\t") and before[-4:-3] == ":" and before[-3:-1].isdigit()


def is_told(after: str) -> bool:
    """Whether what follows is about a person: an age, a reading, a booking."""
    rest = after.lstrip(" ")
    if rest[:1] == "(":
        return rest[1:2].isdigit() or "ぁ" <= rest[1:2] <= "ヺ" or rest[1:2] in _IN_BRACKETS or rest[1:3] in _OF_WHOM
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
    if left and left not in CELL_BEFORE and not _is_numbered(before):
        return right == "「" and before[-1:] == " "
    return not right or right in CELL_AFTER or right == "「"


def _stands_free(before: str, after: str) -> bool:
    """Whether blanks set it apart, as nothing else does in Japanese: `1組　佐藤太郎　鈴木一郎`."""
    return before[-1:] in (" ", "\n", "") and after[:1] in (" ", "\n", "", "(")


def _is_numbered(before: str) -> bool:
    stem = before.rstrip(" ")
    return stem[-1:] in (".", "-", ")") and (stem[-2:-1].isdigit() or stem[-2:-1] in ("", "\n"))
