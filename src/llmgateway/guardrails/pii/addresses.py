"""Addresses in Japan: a block of numbers, and before it a town, with or without its prefecture."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.prefectures import PREFECTURES
from llmgateway.guardrails.pii.runs import HAN, KATAKANA, NO_DIGITS, compiled_wide, wide
from llmgateway.wire.expression import begun
from llmgateway.wire.view import View

KIND: Final = "jp_address"
_BACK: Final = 40  # characters from a prefecture to the block of numbers
_BACK_OCTETS: Final = 4 * _BACK
LONGEST_BLOCK: Final = 40
_ROOM: Final = 28
LONGEST: Final = _BACK + LONGEST_BLOCK + _ROOM
_CITY: Final = "市区町村郡"
_MARKS: Final = frozenset(_CITY)  # every address has one of them
_MARKS_WIDE: Final = tuple(mark.encode() for mark in _CITY)
_PLACE: Final = f"{HAN}ヶケヵ"
_HIRAGANA: Final = (
    "ぁ-うぇ-かき-しすせ-だち-つてと-なぬ-のば-もゃゅゆょ-わん"  # no particle that stands before a number
)
_TOWN: Final = rf"{_PLACE}{KATAKANA}{_HIRAGANA}"
_HILL: Final = "が[丘関浜原谷崎島池野]"
_KANA_NAMES: Final = (
    "つくば さいたま いわき うるま ひたちなか みどり さくら あわら かほく たつの むつ いすみ みやま うきは えびの"
    " にかほ つがる あま つくばみらい かすみがうら みなかみ ときがわ まんのう かつらぎ"
)
_KANA: Final = _KANA_NAMES.split()
_KANA_CITY: Final = f"(?:{'|'.join(_KANA)})"
_KANA_TOWN_NAMES: Final = (
    "みなとみらい おもろまち ひばり つつじ すすきの あざみ あさひ ときわ しらさぎ ゆり たま さつき"
)
_KANA_TOWNS: Final = _KANA_TOWN_NAMES.split()
_KANA_TOWN: Final = f"(?:{'|'.join(_KANA_TOWNS)}|し?{_HILL}|[上下入]る)"  # and where a house is in Kyoto
_DIGIT: Final = "0-9〇一二三四五六七八九十百"
_SUFFIX: Final = "丁目|番地の?|番|号"
_JOINT: Final = rf"(?:(?:{_SUFFIX}) ?|[-ー]|の)"
_LAST: Final = rf"(?:{_SUFFIX})(?:-[0-9]{{1,4}})?"  # a room may stand behind it
_LETTER: Final = f"[{HAN}ぁ-ん{KATAKANA}] ?"  # of a town's name
_BLOCK: Final = compiled_wide(rf"{_LETTER}[{_DIGIT}]+(?:(?:{_JOINT}[{_DIGIT}]+)+(?:{_LAST})?|{_LAST})|{_LETTER}[0-9]+")
_PREFECTURE: Final = f"(?:{'|'.join(PREFECTURES)})"
_STREETS: Final = r"(?:[東西南北]*[0-9]+条通?[東西南北]*)?"
_BEFORE: Final = compiled_wide(
    rf"(?:{_PREFECTURE} ?(?:(?:[{_TOWN}]|{_HILL})+[{_CITY}] ?)+(?:[{_TOWN}]|{_HILL})*"
    rf"|(?:(?:[{_PLACE}]+|{_KANA_CITY})[{_CITY}] ?)+"
    rf"(?:{_KANA_TOWN}|[{_PLACE}の{KATAKANA}])*)"
    rf"{_STREETS} ?\z"
)
_CITY_NAME: Final = 4  # characters of a city's name, where nothing else says where it begins
_LABELS: Final = (
    "現住所",
    "本籍",
    "転居先",
    "集荷先",
    "address",
    "Address",
    "住所",
    "所在地",
    "本社",
    "本店",
    "勤務先",
    "宛先",
    "送付先",
    "届け先",
    "自宅",
    "実家",
    "届先",
    "在住",
)
_LABEL: Final = 12  # characters of a label and what is behind it
_AFTER_LABEL: Final = " :=>|\"'\t\n"
_WARD: Final = compiled_wide(f"[^{_CITY}]{{1,6}}(?:市[^{_CITY}]{{1,4}}区|郡[^{_CITY}]{{1,6}}[町村])[^{_CITY}]")
_PARTICLES: Final = (*"でにはをもへやがとの、。", "から", "まで")
_MAYOR: Final = r"長(?:[選室会公職賞杯]| ?\z)"  # towns are called like him, too
_PUBLIC: Final = compiled_wide(rf"[{_CITY}](?:内|民|立|営|役所|議|{_MAYOR})")
_HOUSE: Final = compiled_wide(rf"[{_DIGIT}]+(?:[-ー]|丁目|番地|の[{_DIGIT}]+の)")
_COUNTED: Final = compiled_wide(rf"[{HAN}ぁ-うぇおきくけこ-つてなぬねび-ほみ-もゃ-よら-ん{KATAKANA}A-Za-z0-9%./:-]")
_BUILDING: Final = compiled_wide(
    rf"( ?[{HAN}{KATAKANA}・A-Za-zのが]+(?: [{HAN}{KATAKANA}A-Za-z]+)? ?"
    r"[#-]?(?:[0-9]{1,4}(?:号室|号棟|号|階|F)|[0-9]{3,4}))"
    r"(?:[^-0-9/.:A-Za-z年月日円時]|\z)"
    r"|( ?[0-9]{1,4}(?:号室|階|F))"
)
_REST: Final = "A-Za-z0-9〇 ・#-"  # of numbers, buildings and rooms
_IN_A_NAME: Final = f"が[{HAN}{KATAKANA}A-Za-z0-9]"  # of a town or a building, as in `桜が台ハイツ`
OPEN: Final = (
    rf"{_PREFECTURE}(?: ?\z|[{_TOWN}](?:[{_TOWN}{_REST}]|{_IN_A_NAME}|が\z)*\z)"
    rf"|(?:[{_PLACE}]|{_KANA_CITY})*[{_CITY}](?:{_KANA_TOWN}|{_IN_A_NAME}|[{_PLACE}の{KATAKANA}{_REST}])*"
    rf"(?:しが?|が|{begun(_KANA_TOWNS)})?\z|(?:[{_PLACE}]|{_KANA_CITY})*(?:[{_PLACE}]|{begun(_KANA)})\z"
)


def find(view: View, low: int, raw: bytes, start: int) -> Iterator[Finding]:
    """Addresses with a number in them, up to a room if there is one: those that may end after `start`."""
    folded = view.folded
    if all(folded.find(mark, low) < 0 for mark in _CITY):
        return
    marks = _marks(raw)
    settled = len(wide(folded[low : max(low, start - _ROOM)]))
    seen, at = 0, low
    for letter, after in _BLOCK.spans(raw, marks[0]):
        if after <= settled or letter - marks[bisect_right(marks, letter) - 1] > _BACK_OCTETS:
            continue
        at, seen = at + len(raw[seen:letter].decode()), letter
        begin, end = at + 1, at + len(raw[letter:after].decode())
        begin += folded[begin] == " "
        if end - begin <= LONGEST_BLOCK:
            opens = _start(folded, begin)
            if opens < begin and _is_house(folded, begin, end, opens):
                yield Finding(opens, _with_room(view, end), KIND, 0.9)


def _marks(raw: bytes) -> list[int]:
    """Where the characters are that every address has one of, in octets."""
    places = []
    for mark in _MARKS_WIDE:
        at = raw.find(mark)
        while at >= 0:
            places.append(at)
            at = raw.find(mark, at + len(mark))
    places.sort()
    return places


def _start(folded: str, block: int) -> int:
    """Where the address begins whose numbers begin at `block`; `block` itself if there is none."""
    before = folded[max(0, block - _BACK) : block]
    if before.endswith(_PARTICLES) or _MARKS.isdisjoint(before):
        return block
    raw = wide(before)
    begin, _ = _BEFORE.place(raw)
    if begin < 0 or _PUBLIC.place(raw, begin)[0] >= 0:
        return block
    found = raw[begin:].decode()
    return block - len(found) + _lead(found)


def _lead(found: str) -> int:
    """How much of what was found comes before the address: a label, or words that ran into a city's name; all of it
    where the label stands behind every city, as in `渋谷区在住2-3人`.
    """
    if found.startswith(PREFECTURES):
        return 0
    lead = max((found.find(each) + len(each) for each in _LABELS if each in found), default=0)
    city = min((at for mark in _CITY if (at := found.find(mark, lead + 1)) >= 0), default=-1)
    return max(lead, city - _CITY_NAME) if city >= 0 else len(found)


def _is_house(folded: str, begin: int, end: int, start: int) -> bool:
    """Whether a number is one of a house: in parts or with its unit, or alone right after the town of an address."""
    if folded[begin] == "0":  # a telephone number
        return False
    if _HOUSE.ends(wide(folded[begin:end])) >= 0:
        return True
    if not folded[begin:end].isdigit() or _COUNTED.ends(wide(folded[end : end + 1])) >= 0:
        return False
    return folded.startswith(PREFECTURES, start) or _is_labelled(folded, start) or _is_in_ward(folded[start:begin])


def _is_labelled(folded: str, start: int) -> bool:
    return folded[max(0, start - _LABEL) : start].rstrip(_AFTER_LABEL).endswith(_LABELS)


def _is_in_ward(place: str) -> bool:
    """Whether a town stands before the number, and before that a city and its ward, or a county and its town."""
    return _WARD.ends(wide(place)) >= 0


def _with_room(view: View, end: int) -> int:
    """Where an address ends that has a building and a room after its numbers."""
    if not view.octets[end : end + _ROOM].strip(NO_DIGITS):
        return end
    match = _BUILDING.match(wide(view.folded[end : end + _ROOM]))
    if not match:
        return end
    building: bytes = match.group(1) or match.group(2)
    return end + len(building.decode())
