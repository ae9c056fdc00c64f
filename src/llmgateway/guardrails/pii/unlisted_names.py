"""Names of persons in Japanese that are in no list: by their shape, behind a label or before an honorific."""

from collections.abc import Iterable, Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import is_given
from llmgateway.guardrails.pii.japanese_names import is_han, is_labelled
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, groups, wide
from llmgateway.guardrails.pii.surnames import KANA_SURNAMES, SINGLE, SURNAMES
from llmgateway.guardrails.pii.words_of_names import (
    CHILDREN,
    DISH,
    LABELS,
    NOBODY,
    READINGS,
    ROLES,
    SURE,
    THINGS,
    TITLED,
)
from llmgateway.wire.view import CONTEXT, SEPARATOR

_KANA: Final = rf"[ァ-ヺ][{KATAKANA}]{{0,8}}"
_TWO: Final = rf"[{HAN}]{{1,4}} (?:[{HAN}]{{1,3}}|[ぁ-ん{KATAKANA}]{{2,5}})"
_FOREIGN: Final = rf"{_KANA}(?:・{_KANA}){{1,2}}"
_HALF: Final = "ｦ-ﾟ"  # katakana of half the width, as banks write it
_READING: Final = rf"{_KANA}[ ・]{_KANA}(?:・{_KANA})?|[{_HALF}]{{2,12}} [{_HALF}]{{2,12}}"
_LETTER: Final = rf"{HAN}{KATAKANA}"
_BEFORE: Final = compiled_wide(rf"(?:\A|[^{_LETTER}])({_TWO}|{_FOREIGN}|{_KANA}(?: {_KANA})?|[{HAN}]{{1,5}}) ?\z")
_LONGEST_BEFORE: Final = 32  # characters of it
_BEHIND: Final = compiled_wide(rf"[:=|「」】>)\t \n\"']({_TWO}|{_READING}|[{HAN}]{{3,5}})(?:[^{_LETTER}]|\z)")
_NAME: Final = compiled_wide(rf"({_TWO}|{_READING})(?:[^{_LETTER}]|\z)")
_LONGEST_TWO: Final = 20  # characters of it
OPEN: Final = (
    rf"(?:[{HAN}]{{1,5}}|[{HAN}]{{1,4}} [{HAN}ぁ-ん{KATAKANA}]{{0,5}}"
    rf"|{_KANA}(?:[ ・](?:{_KANA})?){{0,2}}|[ァ-ヺ][{KATAKANA}]{{9,12}}|[{_HALF}]{{1,12}}(?: [{_HALF}]{{0,12}})?)"
    rf" ?(?:さん?|さま|くん?|ち|ちゃ(?:んぽ?)?|と|と申|と名|様|氏|殿|容|容疑|先|教|選)?\z"
)
_LAST: Final = frozenset(
    "田川山野木本村井原島崎沢藤谷橋口岡松林森浦石尾倉津塚坂瀬池堀宮根越戸賀辺巻丸垣江河泉杉竹梅柳桐栗城嶋澤濱永吉富沼淵渕窪畑畠迫熊牧脇"
)
"""What most family names end with."""
_NO_LAST: Final = frozenset(
    "部課係室社店会局院校支株市県区町所者員様団体組合家屋園館場署人名店号課庫料金費率量値額表書票欄類用品"
)
_LAST_OF_GIVEN: Final = frozenset("子美郎太介香奈恵代江")
_LAST_CALLED: Final = frozenset("真之雄翔輝佑悟哉斗彦輔樹莉那")
_LAST_OF_KIN: Final = (_LAST_OF_GIVEN | frozenset("菜也哉斗彦輔樹衣佳那莉咲尋佑")) - {"代"}
_LAST_WRITTEN: Final = _LAST_OF_KIN | frozenset("海真之治雄夫男翔希輝志平馬佑悟")
_ACCOUNT: Final = 7  # digits
_ACCOUNTS: Final = ("普通", "当座", "貯蓄", "口座")
_OF_CHILDREN: Final = ("くん", "ちゃん")
_GIVES: Final = ("と申し", "と申す", "と名乗")
_WHOSE: Final = ("の", "、")  # behind what somebody is to whom
_KNOWN: Final = frozenset(SURNAMES)
_LONGEST: Final = 3  # characters of a family name in kanji, as nearly all are


def find_labelled(text: str, low: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Names behind a label, in a folded text; `raw`: what is behind `low`, as UTF-8."""
    for _, begin, end in groups(_BEHIND, raw, low):
        if _is_behind_label(text, begin, end):
            yield begin, end
        elif text[begin:end].partition(" ")[0] in LABELS.words:
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
        if text[end - 1] == "の" or text[at:end] in CHILDREN:
            yield from _of_kin(text, end)
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


def _of_kin(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """A given name behind whose it is, as in `娘の美咲は` and `長女美咲に`: if it is written as few words are."""
    end = begin
    while end - begin <= _LONGEST and is_han(text[end : end + 1]):
        end += 1
    name = text[begin:end]
    if len(name) > 1 and name[-1] in _LAST_OF_KIN and is_given(name):
        yield begin, end


def _is_called(text: str, begin: int, stop: int, at: int, end: int) -> bool:
    """Whether `text[begin:stop]` is a name, before what calls somebody at `text[at:end]`."""
    name = text[begin:stop]
    if len(name) == 1 or text.startswith(DISH, at):
        return len(name) == 1 and _is_of_a_child(text, name, at)
    if text[at] == "と":
        return text.startswith(_GIVES, at) and stop == at and _is_said(name)
    if not is_han(text[end : end + 1]) and _is_full(name):
        return True
    if text.startswith(TITLED, at):
        return False
    if is_han(text[end : end + 1]) or (len(name) > _LONGEST and " " not in name and is_han(name[0])):
        return False
    return _is_honoured(name) or _is_given_to(text, begin, stop)


def _is_of_a_child(text: str, name: str, at: int) -> bool:
    """Whether one character is a given name, as in `光くん`."""
    return text.startswith(_OF_CHILDREN, at) and not text.startswith(DISH, at) and name not in SINGLE and is_given(name)


def _is_honoured(name: str) -> bool:
    surname, blank, given = name.partition(" ")
    if "ァ" <= name[0] <= "ヺ":
        return "・" in name or surname in KANA_SURNAMES
    if blank:
        return _is_surname(surname) and (is_given(given) or surname[-1] in _LAST)
    if len(name) == _LONGEST and name[1] in _LAST and is_given(name[2]):
        return name[0] not in NOBODY
    return name[-1] in _LAST and name not in THINGS and name[0] not in NOBODY


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


def _is_said(name: str) -> bool:
    if " " in name or "・" in name:
        return True
    return name[-1] not in _NO_LAST


def _is_behind_label(text: str, begin: int, end: int) -> bool:
    name = text[begin:end]
    before = text[max(0, begin - CONTEXT) : begin].rpartition(SEPARATOR)[2]
    if "ァ" <= name[0] <= "ヺ" or "ｦ" <= name[0] <= "ﾟ":
        return is_labelled(before, READINGS) or _is_behind_account(before)
    surname, blank, given = name.partition(" ")
    if blank:
        return _is_surname(surname) and _is_behind_blank(given) and is_labelled(before)
    if _is_full(name):
        return is_labelled(before)
    if name[-1] in _NO_LAST or name in THINGS:
        return False
    return is_labelled(before, SURE) and any(map(_is_whole, _cut(name)))


def _cut(name: str) -> Iterator[tuple[str, str]]:
    return ((name[:size], name[size:]) for size in range(1, min(len(name), _LONGEST + 1)))


def _is_whole(parts: tuple[str, str]) -> bool:
    """Whether a family name and a given name make it, one of which is known."""
    surname, given = parts
    return (len(given) > 1 and is_given(given)) or (len(surname) > 1 and surname in _KNOWN and given not in THINGS)


def _is_behind_blank(given: str) -> bool:
    """Whether it may be a given name there, not the next label: `売主 伊藤茂 買主`."""
    return given not in THINGS and given not in LABELS.words and given[-1] not in _NO_LAST


def _is_behind_account(before: str) -> bool:
    """Whether it is the holder's name, as in `普通 1234567 ヤマダ タロウ`."""
    number = before.rstrip(" :、,(")[-_ACCOUNT:]
    return len(number) == _ACCOUNT and number.isdigit() and any(word in before for word in _ACCOUNTS)


def _is_surname(word: str) -> bool:
    return len(word) <= _LONGEST and word[-1] not in _NO_LAST and word not in THINGS and word not in ROLES.words
