"""Tokens of platforms that are known by their own form, whatever stands around them."""

import pytest
from tests.support.made_up import ALNUM, CAPITALS, HEX, WORD, Dice

from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.guardrails.secrets.platforms import PLATFORMS
from llmgateway.wire.view import View

DICE = Dice(11)
LOW = "abcdefghijklmnopqrstuvwxyz0123456789"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
TOKENS = [
    ("adobe", "p8e-" + DICE.of(32, LOW)),
    ("alibaba", "LTAI5t" + DICE.of(18)),
    ("artifactory", "cmVmd" + DICE.of(59)),
    ("atlassian", "BBDC-" + DICE.of(44)),
    ("aws", "bedrock-api-key-" + DICE.of(80)),
    ("azure", DICE.of(52) + "JQQJ99" + DICE.of(26)),
    ("braintree", "access_token$production$" + DICE.of(16, LOW) + "$" + DICE.of(32, HEX)),
    ("buildkite", "bkua_" + DICE.of(40, HEX)),
    ("clickhouse", "4b1d" + DICE.of(38)),
    ("clojars", "CLOJARS_" + DICE.of(60, LOW)),
    ("cloudflare", "v1.0-" + DICE.of(24, HEX) + "-" + DICE.of(146, HEX)),
    ("cursor", "key_" + DICE.of(64, HEX)),
    ("duffel", "duffel_live_" + DICE.of(43)),
    ("dynatrace", "dt0s16." + DICE.of(8, CAPITALS) + "." + DICE.of(64, CAPITALS)),
    ("e2b", "e2b_" + DICE.of(40, HEX)),
    ("easypost", "EZAK" + DICE.of(54)),
    ("firecrawl", "fc-" + DICE.of(32, HEX)),
    ("flutterwave", "FLWSECK_TEST-" + DICE.of(32, HEX) + "-X"),
    ("flyio", "fm1r_" + DICE.of(90)),
    ("frameio", "fio-u-" + DICE.of(64, WORD)),
    ("gitlab", "GR1348941" + DICE.of(20)),
    ("gitlab", "glffct-" + DICE.of(20)),
    ("harness", "pat." + DICE.of(22) + "." + DICE.of(24, HEX) + "." + DICE.of(20)),
    ("infracost", "ico-" + DICE.of(32)),
    ("intercom", "dG9rOj" + DICE.of(52) + "="),
    ("intra42", "s-s4t2ud-" + DICE.of(64, HEX)),
    ("jina", "jina_" + DICE.of(60)),
    ("mapbox", "sk.eyJ1Ijoi" + DICE.of(40) + "." + DICE.of(22)),
    ("maxmind", DICE.of(6) + "_" + DICE.of(29) + "_mmk"),
    ("microsoft", f"webhookb2/{UUID}@{UUID}/IncomingWebhook/" + DICE.of(32, HEX) + f"/{UUID}"),
    ("modal", "ak-" + DICE.of(22)),
    ("neon", "napi_" + DICE.of(64, LOW)),
    ("nuget", "oy2" + DICE.of(43, LOW)),
    ("onepassword", "A3-" + "-".join(DICE.of(size, CAPITALS) for size in (6, 11, 5, 5, 5))),
    ("openshift", "sha256~" + DICE.of(43)),
    ("posthog", "phx_" + DICE.of(43)),
    ("prefect", "pnu_" + DICE.of(36)),
    ("readme", "rdme_" + DICE.of(70, LOW)),
    ("render", "rnd_" + DICE.of(28)),
    ("resend", "re_" + DICE.of(8) + "_" + DICE.of(24)),
    ("runpod", "rpa_" + DICE.of(40, CAPITALS)),
    ("scalingo", "tk-us-" + DICE.of(48)),
    ("settlemint", "sm_pat_" + DICE.of(16)),
    ("shippo", "shippo_live_" + DICE.of(40, HEX)),
    ("slack", "xoxc-" + DICE.of(60)),
    ("sonar", "squ_" + DICE.of(40, HEX)),
    ("sourcegraph", "sgp_" + DICE.of(16, HEX) + "_" + DICE.of(40, HEX)),
    ("tencent", "AKID" + DICE.of(32)),
    ("together", "tgp_v1_" + DICE.of(43)),
    ("vercel", "vcp_" + DICE.of(56)),
    ("voyage", "pa-" + DICE.of(43)),
    ("wandb", "wandb_v1_" + DICE.of(60)),
    ("yandex", "AQVN" + DICE.of(36)),
]
AROUND = ["{}", "use {} for it", "`{}`", "キー（{}）を漏らした", "「{}」です。", "see {}, please", "- {}\n- next"]


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in Secrets({}).find(View(text))]


@pytest.mark.parametrize(("family", "token"), TOKENS)
def test_a_token_is_found_whole_wherever_it_stands(family, token):
    for around in AROUND:
        assert found(around.format(token)) == [(f"secret.{family}", token)]


@pytest.mark.parametrize(("family", "token"), TOKENS)
def test_a_token_inside_a_longer_word_is_none(family, token):
    kinds = [kind for kind, _ in found(f"x{token}")]
    assert f"secret.{family}" not in kinds


def test_each_form_is_tried():
    assert {family for family, _ in TOKENS} >= {form.family for form in PLATFORMS}


@pytest.mark.parametrize(
    "text",
    [
        "key_" + "-".join(["first", "second", "third"]),
        "vcp_configuration_of_the_deployment_in_words",
        "pa-" + "-".join(["some", "slug", "of", "a", "page", "with", "many", "small", "words"]),
        "re_compile_the_regular_expression_again_and_again",
        "sha256~" + "x" * 43,
        "as-implemented-in-the-paper",
        "fc-router-configuration-of-the-cluster",
        "LTAI" + "A" * 20,
        "modal ak-47 and as-is",
        f"sha256:{DICE.of(64, HEX)}",
        f"rnd_{'seed' * 8}",
    ],
)
def test_names_are_no_tokens(text):
    assert found(text) == []


def test_the_alphabets_are_those_of_the_forms():
    assert set(LOW) < set(ALNUM)
