"""What looks like a value and is none: dates, order numbers, hashes, versions, prices."""

import uuid
from collections.abc import Callable
from typing import Final

from stdnum import ean

from bench.guardrails.dice import ALNUM, BASE64, LOWER_HEX, Dice, grouped
from bench.guardrails.labels import Labelled, plain, whole
from bench.guardrails.words import WORDS


def _date(dice: Dice) -> str:
    year, month, day = dice.number(2019, 2026), dice.number(1, 12), dice.number(1, 28)
    forms = {
        "en": ["{0}-{1:02}-{2:02}", "{1:02}/{2:02}/{0}", "{2}.{1}.{0}", "{2} March {0}", "{0}{1:02}{2:02}"],
        "ja": [
            "{0}年{1}月{2}日",
            "{0}/{1:02}/{2:02}",
            "{0}-{1:02}-{2:02}",
            "令和6年{1}月{2}日",
            "{1}月{2}日",
            "{0}.{1}.{2}",
        ],
    }
    return dice.pick(forms[dice.language]).format(year, month, day)


def _time(dice: Dice) -> str:
    hour, minute = dice.number(0, 23), dice.number(0, 59)
    return f"{hour}時{minute}分" if dice.language == "ja" and dice.happens(0.4) else f"{hour:02}:{minute:02}"


def _stamp(dice: Dice) -> str:
    day = f"20{dice.number(22, 26)}-{dice.number(1, 12):02}-{dice.number(1, 28):02}"
    moment = f"{dice.number(0, 23):02}:{dice.number(0, 59):02}:{dice.number(0, 59):02}"
    return f"{day}{dice.pick(['T', ' '])}{moment}{dice.pick(['Z', '.' + dice.digits(3), '+09:00'])}"


def _money(dice: Dice) -> str:
    forms = {
        "en": lambda: dice.pick([f"${dice.number(3, 9999):,}.{dice.digits(2)}", f"EUR {dice.number(10, 90_000):,}"]),
        "ja": lambda: dice.pick(
            [f"{dice.number(100, 9_999_999):,}円", f"¥{dice.number(100, 990_000):,}", f"{dice.number(1, 900)}万円"]
        ),
    }
    return forms[dice.language]()


def _order(dice: Dice) -> str:
    return dice.shaped(
        dice.pick(["ORD-########", "#%%-#######-#######", "PO-20##-####", "SO########", "A-%#####", "1#########"])
    )


def _version(dice: Dice) -> str:
    parts = [str(dice.number(0, 30)) for _ in range(dice.pick([2, 3, 3, 3]))]
    return dice.pick(["", "v"]) + ".".join(parts) + dice.pick(["", "", "-rc1", "+build.7"])


def _isbn(dice: Dice) -> str:
    digits = f"978{dice.pick(['0', '4', '3'])}{dice.digits(8)}"
    digits += ean.calc_check_digit(digits)
    return dice.pick([digits, grouped(digits, (3, 1, 4, 4, 1), "-")])


def _jan(dice: Dice) -> str:
    digits = dice.pick(["45", "49"]) + dice.digits(10)
    return digits + ean.calc_check_digit(digits)


def _parcel(dice: Dice) -> str:
    return dice.shaped(dice.pick(["%###-####-####", "%###########", "1Z###AA%##########"]))


def _build(dice: Dice) -> str:
    """A version of four numbers that no address could have."""
    return f"{dice.number(6, 11)}.{dice.number(0, 9)}.{dice.number(10_000, 29_999)}.{dice.number(300, 9999)}"


_MAKERS: Final[dict[str, Callable[[Dice], str]]] = {
    "date": _date,
    "time": _time,
    "stamp": _stamp,
    "money": _money,
    "order": _order,
    "version": _version,
    "build": _build,
    "isbn": _isbn,
    "jan": _jan,
    "parcel": _parcel,
    "number": lambda dice: str(dice.number(2, 999)),
    "count": lambda dice: f"{dice.number(1000, 999_999):,}",
    "percent": lambda dice: f"{dice.number(0, 99)}.{dice.number(0, 9)}{dice.pick(['%', ' %'])}",
    "epoch": lambda dice: dice.shaped(dice.pick(["17########", "17###########"])),
    "sha": lambda dice: dice.characters(LOWER_HEX, dice.pick([7, 8, 40, 64])),
    "uuid": lambda dice: str(uuid.UUID(int=dice.chance.getrandbits(128), version=4)),
    "blob": lambda dice: dice.characters(BASE64, dice.number(20, 60) * 4),
    "request_id": lambda dice: dice.pick(["req_", "chatcmpl-", "trace-", "evt_"]) + dice.characters(ALNUM, 24),
    "part": lambda dice: dice.shaped(dice.pick(["AA-####-##", "%##-##-####A", "AAA%##", "##-%###/B", "A###-AA##"])),
    "mac": lambda dice: dice.shaped("hh:hh:hh:hh:hh:hh"),
    "colour": lambda dice: dice.shaped("#") + dice.shaped("hhhhh"),
    "place": lambda dice: f"{dice.number(24, 45)}.{dice.digits(6)}, {dice.number(122, 145)}.{dice.digits(6)}",
    "word": lambda dice: dice.pick(WORDS["things"][dice.language]),
    "handle": lambda dice: "@" + dice.fake.user_name(),
    "ticket": lambda dice: dice.shaped(dice.pick(["INC0######", "OPS-%###", "#%####", "CASE-20##-####"])),
    "room": lambda dice: dice.shaped(dice.pick(["B-%##", "%F-#", "%##"])),
    "score": lambda dice: f"{dice.number(0, 9)}-{dice.number(0, 9)}",
    "size": lambda dice: f"{dice.number(2, 900)}x{dice.number(2, 900)}x{dice.number(2, 90)}",
}


def _maker(make: Callable[[Dice], str]) -> Callable[[Dice], Labelled]:
    return lambda dice: plain(make(dice))


def company(dice: Dice) -> Labelled:
    """Many are named after persons, who may be found."""
    return whole(dice.fake.company(), "person").optional()


MAKERS: Final = {"company": company, **{name: _maker(make) for name, make in _MAKERS.items()}}
