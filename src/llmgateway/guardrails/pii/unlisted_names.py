"""Names of persons in Japanese that are in no list: by their shape, behind a label or before an honorific."""

from collections.abc import Iterable, Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import is_given, is_in_kana, is_rare, may_begin
from llmgateway.guardrails.pii.letters import is_han, is_letter
from llmgateway.guardrails.pii.name_labels import is_labelled
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, groups, wide
from llmgateway.guardrails.pii.surnames import FOREIGN, KANA_SURNAMES, ONE, SINGLE, SURNAMES
from llmgateway.guardrails.pii.words_of_names import (
    BEGUN_BEFORE,
    CHILDREN,
    DISH,
    LABELS,
    NOBODY,
    RANKS,
    READINGS,
    ROLES,
    SURE,
    THINGS,
    TITLED,
)
from llmgateway.wire.view import CONTEXT, SEPARATOR

_KIN_KANJI: Final = "子美郎太介香奈恵江菜也哉斗彦輔樹衣佳那莉咲尋佑"
_LAST_KANJI: Final = (
    "田川山野木本村井原島崎沢藤谷橋口岡松林森浦石尾倉津塚坂瀬池堀宮根越戸賀辺巻丸垣江河泉杉竹梅柳桐栗城嶋澤濱永吉富沼淵渕窪畑畠迫熊牧"
    "脇葉貝塙瀧髙縄里羽条﨑邉邊桑柄樋梨峰嶺峯"
)
_LAST: Final = frozenset(_LAST_KANJI)
"""What most family names end with."""
_KANA: Final = rf"[ァ-ヺ][{KATAKANA}]{{0,8}}"
_TWO: Final = rf"[{HAN}]{{1,4}} (?:[{HAN}]{{1,3}}|[ぁ-ん]{{2,5}}|[{KATAKANA}]{{2,6}})"
_FOREIGN: Final = rf"{_KANA}(?:・{_KANA}){{1,2}}"
_HALF: Final = "ｦ-ﾟ"  # katakana of half the width, as banks write it
_READING: Final = rf"{_KANA}[ ・]{_KANA}(?:・{_KANA})?|[{_HALF}]{{2,12}} [{_HALF}]{{2,12}}"
_LETTER: Final = rf"{HAN}{KATAKANA}"
_BEFORE: Final = compiled_wide(rf"(?:\A|[^{_LETTER}])({_TWO}|{_FOREIGN}|{_KANA}(?: {_KANA})?|[{HAN}]{{1,5}}) ?\z")
_LONGEST_BEFORE: Final = 32  # characters of it
_BEHIND: Final = compiled_wide(
    rf"[:=|「」】>)\t \n\"']({_TWO}|{_READING}|[{HAN}]{{3,5}}|[{HAN}][{_LAST_KANJI}{_KIN_KANJI}])(?:[^{_LETTER}]|\z)"
)
_NAME: Final = compiled_wide(rf"({_TWO}|{_READING})(?:[^{_LETTER}]|\z)")
_HOUR: Final = r"(?:\A|\n)\[?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\]?[ \t]"
_HOUR_SIZE: Final = 4  # characters of it up to its colon, with the end of a line and a bracket
_TURN_SIZE: Final = 16  # characters behind that colon, up to the end of a name
_TURN: Final = compiled_wide(rf"{_HOUR}([{HAN}]{{1,3}}|[ぁ-ん]{{2,6}}|[{KATAKANA}]{{2,6}})[ \t:]")
TURN_OPEN: Final = rf"{_HOUR}([{HAN}ぁ-ん{KATAKANA}]{{1,6}})\z"
_LONGEST_TWO: Final = 20  # characters of it
OPEN: Final = (
    rf"(?:[{HAN}]{{1,5}}|[{HAN}][ノツヶケ][{HAN}]{{0,4}}|[{HAN}]{{1,4}} [{HAN}ぁ-ん{KATAKANA}]{{0,5}}"
    rf"|{_KANA}(?:[ ・](?:{_KANA})?){{0,2}}|[ァ-ヺ][{KATAKANA}]{{9,12}}|[{_HALF}]{{1,12}}(?: [{_HALF}]{{0,12}})?)"
    r" ?(?:さん?|さま|くん?|ち|ちゃ(?:んぽ?)?|と|と申|と名|とい|という?|と言|\([昭平令西]?"
    r"|様|氏|殿|容|容疑|先|教|選)?\z"
)
_NO_LAST: Final = frozenset(
    "部課係室社店会局院校支株市県区町所者員様団体組合家屋園館場署人名店号課庫料金費率量値額表書票欄類用品"
)
_LAST_OF_GIVEN: Final = frozenset("子美郎太介香奈恵代江")
_LAST_CALLED: Final = frozenset("真之雄翔輝佑悟哉斗彦輔樹莉那")
_LAST_OF_KIN: Final = frozenset(_KIN_KANJI)
_LAST_WRITTEN: Final = _LAST_OF_KIN | frozenset("海真之治雄夫男翔希輝志平馬佑悟")
_LAST_SAYING: Final = _LAST_WRITTEN | frozenset("紗里陽乃緒穂貴康弘浩博則孝雅裕聡智亮望織音葵蓮凛")
_ACCOUNT: Final = 7  # digits
_ACCOUNTS: Final = ("普通", "当座", "貯蓄", "口座")
_OF_CHILDREN: Final = ("くん", "ちゃん")
_ENTHRONED: Final = frozenset("王宮門")  # with 様 they are nobody's name
_CALLED: Final = ("ちゃん", "くん", "さん", "君")
_RANKS: Final = frozenset(RANKS)
_TAILS: Final = ("", "ち", "ちゃ", "く", "さ")  # what an honorific begins with
_LONGEST_KANA: Final = 8  # characters of hiragana that are looked at
_HONOURING: Final = ("様", "さま", "さん", "氏", "先生")
_GIVES: Final = ("と申し", "と申す", "と名乗")
_BEHIND_KIN: Final = (" ", ":")
_BORN: Final = ("昭和", "平成", "令和", "西暦")
_NAMING: Final = ("といい", "と言い", "と申し", "という名")
_WHOSE: Final = ("の", "、")  # behind what somebody is to whom
_KNOWN: Final = frozenset(SURNAMES)
_FIRST_OF_MANY: Final = frozenset(name[0] for name in SURNAMES)
_LAST_OF_MANY: Final = frozenset(name[-1] for name in SURNAMES) - frozenset(
    "手人者員師士官長生家屋主部方行社店園院校所場子客様先達用事金会見下上中内外間前後代名物地国"
)
"""What stands first and last in family names, without what ends words for whoever does something."""
_LABELS: Final = LABELS.words | READINGS.words
_SHORT: Final = 2  # characters of most of them
_LONGEST: Final = 3  # characters of a family name in kanji, as nearly all are


def find_labelled(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Names behind a label, in a folded text; `raw`: what is behind `low`, as UTF-8."""
    for _, begin, end in groups(_BEHIND, raw, low):
        if _is_behind_label(text, begin, end):
            yield begin, end
        elif 0 < (blank := text.find(" ", begin, end)) == begin + _SHORT and _is_behind_label(text, begin, blank):
            yield begin, blank
        elif text[begin:end].partition(" ")[0] in _LABELS:
            yield from _behind_blank(text, begin, end)


def _behind_blank(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The name behind a label that looks like a family name before the real one: `契約者 諸星 勇気`."""
    begin = text.find(" ", begin, end) + 1
    raw = wide(text[begin : begin + _LONGEST_TWO])
    found = _NAME.match(raw) if begin else None
    if found is not None and _is_behind_label(text, begin, stop := begin + len(raw[: found.end(1)].decode())):
        yield begin, stop


def find_called(text: str, calls: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Names before an honorific, and those that somebody gives; `calls`: where these words stand."""
    for at, end in calls:
        if text[end - 1] in "のは" or text[at:end] in CHILDREN:
            yield from _of_kin(text, end)
            continue
        if text[at:end] in _RANKS:
            if _is_ranked(text, at, end):
                yield at - _SHORT, at
            continue
        if text.startswith(_CALLED, at) and "ぁ" <= text[at - 1 : at] <= "ん":
            yield from _in_hiragana(text, at)
            continue
        low = max(0, at - _LONGEST_BEFORE)
        raw = wide(text[low:at])
        found = _BEFORE.search(raw)
        if found is None:
            continue
        begin = low + len(raw[: found.start(1)].decode())
        stop = begin + len(found.group(1).decode())
        if _is_called(text, begin, stop, at, end):
            yield begin, stop


def _is_ranked(text: str, at: int, end: int) -> bool:
    """Whether a family name of two kanji stands before a title."""
    if (
        at < _SHORT
        or text[at - 1] not in _LAST
        or is_letter(text[at - _SHORT - 1 : at - _SHORT] if at > _SHORT else "")
    ):
        return False
    return is_han(text[at - _SHORT]) and not is_han(text[end : end + 1]) and _looks_like_one(text[at - _SHORT : at])


def _in_hiragana(text: str, at: int) -> Iterator[tuple[int, int]]:
    """A given name in hiragana before `ちゃん` and the like, behind a sign or a blank."""
    begin = _hiragana_before(text, at)
    if at - begin > (_SHORT if text.startswith("さん", at) else 1) and is_in_kana(text[begin:at]):
        yield begin, at


def _hiragana_before(text: str, at: int) -> int:
    """Where the hiragana begins that ends there and may be a name; its end if that is none."""
    begin = at
    while begin and "ぁ" <= text[begin - 1] <= "ん":
        begin -= 1
        if at - begin > _LONGEST_KANA:
            return at
    return at if begin and (is_han(text[begin - 1]) or "ァ" <= text[begin - 1] <= "ー") else begin


def open_given(text: str) -> int:
    """Where a given name in hiragana begins, at the end of a text, that more of it may honour."""
    end = len(text)
    if not "ぁ" <= text[-1:] <= "ん":
        return end
    begin = _hiragana_before(text, end)
    word = text[begin:]
    return begin if word and any(_is_begun(word, tail) for tail in _TAILS if word.endswith(tail)) else end


def _is_begun(word: str, tail: str) -> bool:
    name = word.removesuffix(tail)
    return is_in_kana(name) or (not tail and may_begin(name))


def _of_kin(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """A given name behind whose it is, as in `娘の美咲は` and `長女美咲に`: if it is written as few words are."""
    end = begin
    if text[end : end + 1] in _BEHIND_KIN and text[begin - 1] not in "のは":
        begin = end = end + 1
    while end - begin <= _LONGEST and is_han(text[end : end + 1]):
        end += 1
    name = text[begin:end]
    if text[end : end + 1] == "(" and (text[end + 1 : end + 2].isdigit() or text.startswith(_BORN, end + 1)):
        if is_given(name) or is_rare(name):
            yield begin, end
    elif (text.startswith(_NAMING, end) and is_given(name)) or (
        len(name) > 1 and name[-1] in _LAST_OF_KIN and is_given(name)
    ):
        yield begin, end


def _is_called(text: str, begin: int, stop: int, at: int, end: int) -> bool:
    """Whether `text[begin:stop]` is a name, before what calls somebody at `text[at:end]`."""
    name = text[begin:stop]
    if len(name) == 1 or text.startswith(DISH, at):
        return len(name) == 1 and (_is_of_a_child(text, name, at) or _is_one(text, name, at, end))
    if text[at] == "と":
        return text.startswith(_GIVES, at) and stop == at and _is_said(name)
    if not is_han(text[end : end + 1]) and _is_full(name):
        return True
    if name[:_SHORT] in BEGUN_BEFORE.words or text.startswith(TITLED, at) or is_han(text[end : end + 1]):
        return False
    if len(name) > _LONGEST and " " not in name and is_han(name[0]):
        return False
    return _is_honoured(name) or _is_given_to(text, begin, stop)


def _is_one(text: str, name: str, at: int, end: int) -> bool:
    """Whether one character is a family name, as in `朴さん`."""
    if name not in ONE or (name in _ENTHRONED and text[at] == "様"):
        return False
    return text.startswith(_HONOURING, at) and not is_han(text[end : end + 1])


def _is_of_a_child(text: str, name: str, at: int) -> bool:
    """Whether one character is a given name, as in `光くん`."""
    return text.startswith(_OF_CHILDREN, at) and not text.startswith(DISH, at) and name not in SINGLE and is_given(name)


def _is_honoured(name: str) -> bool:
    surname, blank, given = name.partition(" ")
    if "ァ" <= name[0] <= "ヺ":
        return "・" in name or surname in KANA_SURNAMES or surname in FOREIGN
    if blank:
        if given in _KNOWN:
            return False
        return _is_surname(surname) and (is_given(given) or surname[-1] in _LAST or is_rare(given))
    if len(name) == _LONGEST and name[1] in _LAST and is_given(name[2]):
        return name[0] not in NOBODY
    if name in THINGS or name[0] in NOBODY:
        return False
    return name[-1] in _LAST or (len(name) == _SHORT and name[0] in _FIRST_OF_MANY and name[1] in _LAST_OF_MANY)


def _is_full(name: str) -> bool:
    """Whether it is a family name with a given name that is written as few words are."""
    if len(name) <= _LONGEST or not is_han(name[0]) or name[0] in NOBODY or name[-1] not in _LAST_WRITTEN:
        return False
    return any(is_given(name[-size:]) for size in (2, 3) if len(name) > size + 1)


def _is_given_to(text: str, begin: int, end: int) -> bool:
    """Whether it is a given name: before `くん` or `ちゃん`, or behind whose it is, as in `姉の桃子さん`."""
    if not is_given(text[begin:end]):
        return False
    if text[end - 1] in _LAST_OF_GIVEN or (text[end - 1] in _LAST_CALLED and end - begin > 1):
        return True
    return text.startswith(_OF_CHILDREN, end) or (text[begin - 1 : begin] in _WHOSE and ROLES.end(text, begin - 1))


def find_turns(text: str, low: int) -> Iterator[tuple[int, int]]:
    """Given names of who says something in a log, behind the hour that a line begins with."""
    at = text.find(":", low)
    while at >= 0:
        if text[at - 1 : at].isdigit() and (at < _HOUR_SIZE or "\n" in text[at - _HOUR_SIZE : at]):
            yield from _in_turn(text, max(0, at - _HOUR_SIZE), at + _TURN_SIZE)
        at = text.find(":", at + 1)


def _in_turn(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    for _, begin, end in groups(_TURN, wide(text[low:high]), low):
        name = text[begin:end]
        if text[begin - 1] == text[end] == "\t":
            if is_given(name) or is_rare(name):
                yield begin, end
        elif is_given(name) and (len(name) == 1 or name[-1] in _LAST_SAYING or not is_han(name[-1])):
            yield begin, end


def _is_said(name: str) -> bool:
    if " " in name or "・" in name:
        return True
    return name[-1] not in _NO_LAST


def _is_behind_label(text: str, begin: int, end: int) -> bool:
    name = text[begin:end]
    if name in _KNOWN:
        return False  # it has been judged
    before = text[max(0, begin - CONTEXT) : begin].rpartition(SEPARATOR)[2]
    if "ァ" <= name[0] <= "ヺ" or "ｦ" <= name[0] <= "ﾟ":
        return is_labelled(before, READINGS) or _is_behind_account(before)
    surname, blank, given = name.partition(" ")
    if blank:
        return _is_surname(surname) and _is_behind_blank(given) and is_labelled(before)
    if _is_full(name):
        return is_labelled(before)
    if len(name) <= _LONGEST and _looks_like_one(name):
        return is_labelled(before)
    return _is_written_as_one(name) and is_labelled(before, SURE)


def _is_written_as_one(name: str) -> bool:
    """Whether a known family name or a given name is in it, and no word for a thing."""
    return name[-1] not in _NO_LAST and name not in THINGS and any(map(_is_whole, _cut(name)))


def _looks_like_one(name: str) -> bool:
    """Whether some kanji are written as most family names are, as many given names, or as both."""
    if name[0] in NOBODY or name in THINGS or name in _LABELS or name in ROLES.words:
        return False
    if len(name) == _LONGEST:
        if name[-1] in _LAST_OF_KIN and is_given(name):
            return True
        return name[0] in ONE and name[-1] in _LAST_WRITTEN and is_given(name[1:])
    return name[1] in _LAST or (name[1] in _LAST_OF_KIN and is_given(name))


def _cut(name: str) -> Iterator[tuple[str, str]]:
    return ((name[:size], name[size:]) for size in range(1, min(len(name), _LONGEST + 1)))


def _is_whole(parts: tuple[str, str]) -> bool:
    """Whether a family name and a given name make it, one of which is known."""
    surname, given = parts
    return (len(given) > 1 and is_given(given)) or (len(surname) > 1 and surname in _KNOWN and given not in THINGS)


def _is_behind_blank(given: str) -> bool:
    """Whether it may be a given name there, not the next label: `売主 伊藤茂 買主`."""
    if "ぁ" <= given[0] <= "ん":
        return is_in_kana(given)
    return given not in THINGS and given not in LABELS.words and given not in ROLES.words and given[-1] not in _NO_LAST


def _is_behind_account(before: str) -> bool:
    """Whether it is the holder's name, as in `普通 1234567 ヤマダ タロウ`."""
    number = before.rstrip(" :、,(\t|/")[-_ACCOUNT:]
    return len(number) == _ACCOUNT and number.isdigit() and any(word in before for word in _ACCOUNTS)


def _is_surname(word: str) -> bool:
    return len(word) <= _LONGEST and word[-1] not in _NO_LAST and word not in THINGS and word not in ROLES.words
