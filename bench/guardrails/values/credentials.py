"""Secrets that have no provider: passwords, keys in blocks, signed tokens, credentials inside addresses."""

import base64
import json
import string
from collections.abc import Callable
from typing import Final

from bench.guardrails.dice import ALNUM, BASE64, BASE64URL, LOWER_HEX, Dice
from bench.guardrails.labels import Label, Labelled, inside, whole
from bench.guardrails.words import WORDS

_BLOCKS: Final = [
    ("RSA PRIVATE KEY", "MIIEpAIBAAKCAQEA"), ("PRIVATE KEY", "MIIEvQIBADANBgkq"), ("EC PRIVATE KEY", "MHcCAQEEI"),
    ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAA"), ("ENCRYPTED PRIVATE KEY", "MIIFLTBXBgkqhkiG"),
]  # fmt: skip
_SCHEMES: Final = [
    ("postgresql://", 5432), ("postgres://", 5432), ("mysql://", 3306), ("mongodb+srv://", 0), ("redis://", 6379),
    ("amqp://", 5672), ("https://", 0), ("mongodb://", 27017), ("ftp://", 0), ("mysql+pymysql://", 3306),
]  # fmt: skip


def password(dice: Dice) -> Labelled:
    """As people choose them, and as generators make them."""
    return whole(_password(dice), "secret.password")


def _password(dice: Dice) -> str:
    return dice.pick(_PASSWORDS)(dice)


def _generated(dice: Dice) -> str:
    chosen = [
        dice.pick(string.ascii_lowercase),
        dice.pick(string.ascii_uppercase),
        dice.pick(string.digits),
        dice.pick("!#$%&*+?@^_-"),
    ]
    chosen += list(dice.characters(ALNUM + "!#$%*_-", dice.number(6, 14)))
    dice.chance.shuffle(chosen)
    middle = "".join(chosen).strip("!#$%&*+?@^_-")
    return middle + dice.pick(["", "!", "#", "$"])


_PASSWORDS: Final[list[Callable[[Dice], str]]] = [
    _generated,
    _generated,
    lambda dice: dice.pick(WORDS["passwords"]).capitalize() + str(dice.number(1970, 2026)) + dice.pick("!@#$"),
    lambda dice: (
        dice.pick(WORDS["passwords"]).capitalize()
        + "-"
        + dice.pick(WORDS["passwords"])
        + "-"
        + str(dice.number(10, 99))
    ),
    lambda dice: dice.pick(WORDS["passwords"]).replace("o", "0").replace("a", "@").capitalize() + dice.digits(4),
    lambda dice: dice.characters(ALNUM, dice.number(12, 20)),
]


def opaque(dice: Dice) -> Labelled:
    """A key that nothing but its name gives away."""
    maker = dice.pick(
        [
            lambda: dice.characters(LOWER_HEX, 32),
            lambda: dice.characters(LOWER_HEX, 40),
            lambda: dice.characters(LOWER_HEX, 64),
            lambda: dice.characters(BASE64, 40),
            lambda: dice.characters(BASE64, 43) + "=",
            lambda: dice.characters(BASE64URL.replace("-", ""), 48),
        ]
    )
    return whole(maker(), "secret.generic")


def aws_secret(dice: Dice) -> Labelled:
    return whole(dice.characters(BASE64, 40), "secret.aws")


def storage_key(dice: Dice) -> Labelled:
    """A connection string of Azure's storage with its key."""
    account = dice.characters(string.ascii_lowercase, 9)
    before = f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey="
    return inside(
        before, dice.characters(BASE64, 86) + "==", ";EndpointSuffix=core.windows.net", "secret.azure", wide=True
    )


def jwt(dice: Dice) -> Labelled:
    header = {"alg": dice.pick(["HS256", "RS256"]), "typ": "JWT"}
    claims = {
        "sub": dice.digits(9),
        "iat": 1_700_000_000 + dice.number(0, 10**8),
        "scope": dice.pick(["read", "read write"]),
    }
    parts = [_b64(json.dumps(each, separators=(",", ":"))) for each in (header, claims)]
    return whole(".".join([*parts, dice.characters(BASE64URL, 43)]), "secret.jwt")


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def private_key(dice: Dice) -> Labelled:
    """A whole block; its body alone is right, too."""
    name, begins = dice.pick(_BLOCKS)
    body = begins + dice.characters(BASE64, dice.number(6, 20) * 64 - len(begins) - 2) + "=="
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    before = f"-----BEGIN {name}-----\n"
    text = f"{before}{lines}\n-----END {name}-----"
    return Labelled(
        text, (Label(0, len(text), "secret.private_key", wider=((len(before), len(before) + len(lines)),)),)
    )


def connection(dice: Dice) -> Labelled:
    """An address with a user's password in it. The password is what matters; who takes more is right, too."""
    scheme, port = dice.pick(_SCHEMES)
    word = _password(dice).replace("@", "_").replace("#", "_").replace("?", "_").replace("%", "_")
    user = dice.pick(["app", "admin", "svc_report", "root", "deploy", "user01"])
    host = dice.pick(
        ["db.internal", "10.0.3.14", "pg-main.example.net", "cluster0.ab1cd.mongodb.net", "cache", "files.example.com"]
    )
    host += f":{port}" if port else ""
    before, after = f"{scheme}{user}:", f"@{host}/{dice.pick(['orders', 'prod', 'app?ssl=true', ''])}"
    text = before + word + after
    start, end = len(before), len(before) + len(word)
    wider = (
        (len(scheme), end),
        (len(scheme), end + 1 + len(host)),
        (0, len(text)),
        (0, end + 1 + len(host)),
        (len(scheme), len(text)),
    )
    return Labelled(text, (Label(start, end, "secret.connection", wider=wider),))


def settings_string(dice: Dice) -> Labelled:
    """Pairs with semicolons, as database drivers of some systems take them."""
    before = f"Server={dice.pick(['sql01', 'db.corp.example'])};Database=sales;User Id=svc;Password="
    return inside(before, _generated(dice).replace(";", "x"), ";Encrypt=true", "secret.connection", wide=True)


def basic(dice: Dice) -> Labelled:
    """What follows `Basic ` in a header."""
    return whole(
        base64.b64encode(f"{dice.pick(['api', 'admin'])}:{_password(dice)}".encode()).decode(), "secret.basic_auth"
    )


MAKERS: Final = {
    "password": password,
    "opaque": opaque,
    "aws_secret": aws_secret,
    "storage_key": storage_key,
    "jwt": jwt,
    "private_key": private_key,
    "connection": connection,
    "settings_string": settings_string,
    "basic": basic,
}
