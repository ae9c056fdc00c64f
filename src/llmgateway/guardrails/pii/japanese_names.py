"""Names of persons in Japanese. Where a family name begins is told by a list of them, that it is one by what is around.

A family name alone is a name beside an honorific, a title, a label, or what introduces somebody; with a given name
behind it, also where it stands by itself: in a cell, a line, in quotes. In the flow of a sentence it is left alone, but
before what people do to each other, for there most names are those of places, companies, and of people whom everybody
knows. Names that are in no list, and given names that are written as few are, are found behind labels and before
honorifics only.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from llmgateway.guardrails.pii.given_names import BEGINNINGS, is_rare, may_begin, sizes
from llmgateway.guardrails.pii.letters import is_han, is_letter
from llmgateway.guardrails.pii.name_labels import is_labelled
from llmgateway.guardrails.pii.name_signs import (
    AFTER,
    CELL_AFTER,
    CELL_BEFORE,
    SAYING,
    SHORT,
    SHORTEST,
    TIME,
    Name,
    around,
    is_of_a_role,
    is_person,
    is_told,
    may_tell,
)
from llmgateway.guardrails.pii.surnames import SURNAMES, WORDS
from llmgateway.guardrails.pii.words_of_names import (
    AFTER_HAN,
    ALL_SUFFIXES,
    ATLAS,
    BEGUN_BEFORE,
    DEPARTMENTS,
    DISH,
    DOING,
    LABELS,
    OF_PERSONS,
    OFFICES,
    PARTICLES,
    ROLES,
    SAID,
    SPOKEN,
    SUFFIXES,
    SURE,
    THINGS,
)

_PLACED: Final = frozenset("区県府郡町村駅銀") - {word[0] for word in AFTER_HAN.words}
"""What is no person's, right behind a family name: most of these are in addresses and of banks."""
_MARKETS: Final = frozenset((*(f"市{each}" for each in "東西南北中港緑旭内立の民区役と、"), "信用", "信金"))
_BEGINS_MARKET: Final = frozenset("市信")
_RARE: Final = 3  # characters of a given name in kanji
_AGE: Final = 4  # characters of a comma and the age behind it
_LONGER: Final = frozenset(SURNAMES)
_OTHERS_NAMES: Final = _LONGER - WORDS  # behind a blank it is somebody else: `工藤　江原先生の`
_NOT_GIVEN: Final = (
    _OTHERS_NAMES | LABELS.words | ROLES.words | BEGUN_BEFORE.words | THINGS | DEPARTMENTS | {"市", "千", "一"}
)
_PHRASES: Final = (
    ALL_SUFFIXES.words | SAID.words | OF_PERSONS.words | DOING.words | PARTICLES.words | OFFICES.words | {DISH}
)
_BEGUN: Final = frozenset(phrase[:size] for phrase in _PHRASES for size in range(1, len(phrase)))
_LONGEST_SPOKEN: Final = 9  # characters of a sign and a first word
_FOLLOWING: Final = BEGINNINGS | {word[0] for word in AFTER_HAN.words | PARTICLES.words}


def find_known(text: str, known: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where names stand in a folded text that begin with a family name; `known`: where these stand."""
    for begin, end in known:
        following = text[end : end + 1]
        if following not in _FOLLOWING:
            if following in _PLACED or "ぁ" <= following <= "ん" or (end - begin == 1 and is_letter(following)):
                continue
        elif following in _BEGINS_MARKET and text[end : end + 2] in _MARKETS:
            continue
        if begin and _is_inside(text, begin, end):
            continue
        name = _read(text, begin, end, following)
        if name is not None and (name.is_full or following != " "):
            if (name.is_full or may_tell(text, begin, end)) and is_person(text, name):
                yield name.start, name.end
        else:
            rare = _with_rare(text, begin, end, following)
            if rare is not None and _is_rare_person(text, rare):
                yield rare.start, rare.end
            elif name is not None and is_person(text, name):
                yield name.start, name.end


def _read(text: str, begin: int, end: int, following: str) -> Name | None:
    """The name that a family name begins, as long as it can be; nothing where it is a part of another word."""
    if following not in _FOLLOWING and is_letter(following):
        return None
    surname = text[begin:end]
    if len(surname) == 1 and surname + following in _LONGER:
        return None
    is_spaced = following == " "
    at = end + is_spaced
    for size in sizes(text, at):
        if is_spaced and text[at : at + size] in _OTHERS_NAMES:
            continue
        if _ends(text, at + size) and (name := text[begin : at + size]) not in ATLAS and name not in _LONGER:
            return Name(begin, at + size, surname, is_full=True, is_spaced=is_spaced)
    return Name(begin, end, surname, is_full=False, is_spaced=False) if _ends(text, end) else None


def _with_rare(text: str, begin: int, end: int, following: str) -> Name | None:
    """The name with a given name that is written as few are: what is around has to say more of it."""
    is_spaced = following == " "
    at = end + is_spaced
    if not is_spaced and (end - begin == 1 or (begin and is_letter(text[begin - 1])) or AFTER_HAN.begin(text, at)):
        return None
    if not is_han(text[at : at + 1]):
        return None
    size = 1 + is_han(text[at + 1 : at + 2])
    size += size == SHORTEST and is_han(text[at + SHORTEST : at + _RARE])
    for stop in range(at + size, at, -1):
        if not _ends(text, stop):
            continue
        given = text[at:stop]
        if is_rare(given) and given not in _NOT_GIVEN and not AFTER_HAN.end(given):
            return Name(begin, stop, text[begin:end], is_full=True, is_spaced=is_spaced)
    return None


def _is_rare_person(text: str, name: Name) -> bool:
    before, after = around(text, name)
    if len(name.surname) == 1 or (name.surname in WORDS and not name.is_spaced):
        return is_labelled(before, SURE)
    if OFFICES.begin(after):
        return False
    rest = after.removeprefix(" ")
    if SUFFIXES.begin(rest) and (rest[0] not in SHORT or not is_han(rest[1:2])):
        return True
    if is_labelled(before) or is_of_a_role(before) or (rest[:1] == "(" and is_told(rest)):
        return True
    return name.is_spaced and before[-1:] in CELL_BEFORE and (after[:1] in CELL_AFTER or after[:2] == "  ")


def _is_inside(text: str, begin: int, end: int) -> bool:
    """Whether a word has begun before it that is not what somebody is, as in `営業部長山田`."""
    if not is_letter(text[begin - 1]):
        return False
    return end - begin == 1 or not BEGUN_BEFORE.end(text, begin)


def _ends(text: str, at: int) -> bool:
    """Whether a word ends there."""
    following = text[at : at + 1]
    if is_letter(following):
        return AFTER_HAN.begin(text, at)
    return not "ぁ" <= following <= "ん" or PARTICLES.begin(text, at)


def open_known(text: str, known: Iterable[tuple[int, int]]) -> int:
    """Where the first name begins that more of the text may make one, or no longer one; the text's end if none does."""
    return min((begin for begin, end in known if _may_change(text, begin, end)), default=len(text))


def _may_change(text: str, begin: int, end: int) -> bool:
    if begin and _is_inside(text, begin, end):
        return False
    is_spaced = text[end : end + 1] == " "
    at = end + is_spaced
    rest = text[at:]
    if may_begin(rest) or (len(rest) <= _RARE and all(map(is_han, rest))):
        return True
    ends = [end, *(at + size for size in sizes(text, at)), *_rare_ends(text, at)]
    return any(_is_begun(text[place:].lstrip(" ")) for place in ends if len(text) - place <= AFTER)


def _rare_ends(text: str, at: int) -> Iterator[int]:
    for place in range(at, min(at + _RARE, len(text))):
        if not is_han(text[place]):
            return
        yield place + 1


def _is_begun(after: str) -> bool:
    """Whether it may become a phrase that tells something of the name before it."""
    if not after or after in _BEGUN or after in ("(", "<", "+", *SHORT) or (after[0].isdigit() and len(after) < TIME):
        return True
    if after == "が" or (after[0] == "(" and ")" not in after):
        return True
    if after[0] in SAYING and len(after) <= _LONGEST_SPOKEN and SPOKEN.may_begin(after[1:].lstrip(" 「")):
        return True
    return after[0] in "、・" and len(after) <= _AGE and (len(after) == 1 or after[1:].isdigit())
