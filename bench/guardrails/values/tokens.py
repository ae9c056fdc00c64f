"""Tokens of providers in their documented forms, made by chance: none was ever issued."""

import base64
import string
from collections.abc import Callable, Mapping
from typing import Final

from bench.guardrails.dice import ALNUM, BASE64, BASE64URL, LOWER_HEX, Dice
from bench.guardrails.labels import Labelled, whole

UPPER: Final = string.ascii_uppercase + string.digits
BASE32: Final = string.ascii_uppercase + "234567"
LOWER: Final = string.ascii_lowercase + string.digits
BECH32: Final = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

Maker = Callable[[Dice], str]


def _of(prefix: str, alphabet: str, length: int, suffix: str = "") -> Maker:
    return lambda dice: prefix + dice.characters(alphabet, length) + suffix


def _any(*makers: Maker) -> Maker:
    return lambda dice: dice.pick(makers)(dice)


def _openai(dice: Dice) -> str:
    size = dice.pick([20, 74])
    prefix = dice.pick(["sk-proj-", "sk-svcacct-", "sk-admin-"]) if size == 74 else "sk-"
    return (
        prefix + dice.characters(BASE64URL if size == 74 else ALNUM, size) + "T3BlbkFJ" + dice.characters(ALNUM, size)
    )


def _github_pat(dice: Dice) -> str:
    return f"github_pat_{dice.characters(ALNUM, 22)}_{dice.characters(ALNUM, 59)}"


def _slack(dice: Dice) -> str:
    team, user = dice.digits(12, first="123456789"), dice.digits(12, first="123456789")
    return dice.pick(
        [
            f"xoxb-{team}-{user}-{dice.characters(ALNUM, 24)}",
            f"xoxp-{team}-{user}-{user}-{dice.characters(LOWER_HEX, 32)}",
            f"xapp-1-A{dice.characters(UPPER, 10)}-{team}-{dice.characters(LOWER_HEX, 64)}",
        ]
    )


def _slack_hook(dice: Dice) -> str:
    place = f"T{dice.characters(UPPER, 8)}/B{dice.characters(UPPER, 10)}"
    return f"https://hooks.slack.com/services/{place}/{dice.characters(ALNUM, 24)}"


def _discord(dice: Dice) -> str:
    user = base64.b64encode(dice.digits(18, first="123456789").encode()).decode()
    return f"{user}.{dice.characters(ALNUM, 6)}.{dice.characters(BASE64URL, 38)}"


def _telegram(dice: Dice) -> str:
    return f"{dice.digits(10, first='5678')}:AA{dice.characters(BASE64URL, 33)}"


def _grafana(dice: Dice) -> str:
    return f"glsa_{dice.characters(ALNUM, 32)}_{dice.characters(LOWER_HEX, 8)}"


def _sendgrid(dice: Dice) -> str:
    return f"SG.{dice.characters(BASE64URL, 22)}.{dice.characters(BASE64URL, 43)}"


def _pypi(dice: Dice) -> str:
    return "pypi-AgEIcHlwaS5vcmc" + dice.characters(BASE64URL, dice.number(140, 160))


def _postman(dice: Dice) -> str:
    return f"PMAK-{dice.characters(LOWER_HEX, 24)}-{dice.characters(LOWER_HEX, 34)}"


def _sentry(dice: Dice) -> str:
    return (
        "sntrys_"
        + base64.b64encode(f'{{"iat":17{dice.digits(8)}.0'.encode()).decode().rstrip("=")
        + dice.characters(BASE64, 60)
    )


def _terraform(dice: Dice) -> str:
    return f"{dice.characters(ALNUM, 14)}.atlasv1.{dice.characters(BASE64URL, 67)}"


PROVIDERS: Final[Mapping[str, Maker]] = {
    "openai": _openai,
    "anthropic": _any(_of("sk-ant-api03-", BASE64URL, 93, "AA"), _of("sk-ant-admin01-", BASE64URL, 93, "AA")),
    "openrouter": _of("sk-or-v1-", LOWER_HEX, 64),
    "groq": _of("gsk_", ALNUM, 52),
    "huggingface": _of("hf_", string.ascii_letters, 34),
    "replicate": _of("r8_", ALNUM, 37),
    "perplexity": _of("pplx-", ALNUM, 48),
    "xai": _of("xai-", ALNUM, 80),
    "aws": _any(_of("AKIA", BASE32, 16), _of("ASIA", BASE32, 16)),
    "google": _any(_of("AIza", BASE64URL, 35), _of("GOCSPX-", BASE64URL, 28), _of("ya29.a0", BASE64URL, 120)),
    "github": _any(_of("ghp_", ALNUM, 36), _of("gho_", ALNUM, 36), _of("ghs_", ALNUM, 36), _github_pat),
    "gitlab": _any(_of("glpat-", BASE64URL, 20), _of("glrt-", BASE64URL, 20), _of("gldt-", BASE64URL, 20)),
    "slack": _any(_slack, _slack, _slack_hook),
    "stripe": _any(
        _of("sk_live_", ALNUM, 24), _of("rk_live_", ALNUM, 99), _of("sk_test_51", ALNUM, 97), _of("whsec_", ALNUM, 32)
    ),
    "sendgrid": _sendgrid,
    "twilio": _of("SK", LOWER_HEX, 32),
    "mailgun": _of("key-", LOWER_HEX, 32),
    "mailchimp": _any(_of("", LOWER_HEX, 32, "-us6"), _of("", LOWER_HEX, 32, "-us21")),
    "npm": _of("npm_", ALNUM, 36),
    "pypi": _pypi,
    "rubygems": _of("rubygems_", LOWER_HEX, 48),
    "dockerhub": _of("dckr_pat_", BASE64URL, 27),
    "digitalocean": _any(_of("dop_v1_", LOWER_HEX, 64), _of("doo_v1_", LOWER_HEX, 64)),
    "databricks": _of("dapi", LOWER_HEX, 32),
    "shopify": _any(_of("shpat_", LOWER_HEX, 32), _of("shpss_", LOWER_HEX, 32)),
    "square": _any(_of("EAAA", BASE64URL, 60), _of("sq0csp-", BASE64URL, 43)),
    "telegram": _telegram,
    "discord": _discord,
    "newrelic": _any(_of("NRAK-", UPPER, 27), _of("NRII-", BASE64URL, 32)),
    "grafana": _grafana,
    "vault": _of("hvs.CAESI", BASE64URL, 91),
    "terraform": _terraform,
    "doppler": _of("dp.pt.", ALNUM, 43),
    "linear": _of("lin_api_", ALNUM, 40),
    "notion": _any(_of("ntn_", ALNUM, 46), _of("secret_", ALNUM, 43)),
    "postman": _postman,
    "figma": _of("figd_", BASE64URL, 40),
    "atlassian": _of("ATATT3xFfGF0", BASE64URL, 180, "=" + "6A1B2C3D"),
    "planetscale": _any(_of("pscale_tkn_", BASE64URL, 43), _of("pscale_pw_", BASE64URL, 43)),
    "supabase": _of("sbp_", LOWER_HEX, 40),
    "sentry": _sentry,
    "age": _of("AGE-SECRET-KEY-1", BECH32, 58),
}


def provider_token(dice: Dice) -> Labelled:
    """One of any provider."""
    family = dice.pick(list(PROVIDERS))
    return whole(PROVIDERS[family](dice), f"secret.{family}")


def aws_key(dice: Dice) -> Labelled:
    return whole(PROVIDERS["aws"](dice), "secret.aws")


MAKERS: Final = {"token": provider_token, "aws_key": aws_key}
