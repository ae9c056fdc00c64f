"""Tokens that are known by their own form, whatever stands around them."""

import pytest
from tests.support.made_up import ALNUM, BASE64, CAPITALS, HEX, LETTERS, WORD, Dice, encoded

from llmgateway.guardrails.secrets.forms import FORMS
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.view import View

DICE = Dice(7)
TOKENS = [
    ("openai", "sk-" + DICE.of(48)),
    ("openai", "sk-proj-" + DICE.of(64, WORD)),
    ("openai", "sk-svcacct-" + DICE.of(90, WORD)),
    ("anthropic", "sk-ant-api03-" + DICE.of(93, WORD) + "AA"),
    ("anthropic", "sk-ant-admin01-" + DICE.of(80, WORD)),
    ("openrouter", "sk-or-v1-" + DICE.of(64, HEX)),
    ("google", "AIza" + DICE.of(35, WORD)),
    ("google", "GOCSPX-" + DICE.of(28, WORD)),
    ("google", "ya29." + DICE.of(120, WORD)),
    ("google", "1//0" + DICE.of(60, WORD)),
    ("huggingface", "hf_" + DICE.of(34, LETTERS)),
    ("huggingface", "api_org_" + DICE.of(34, LETTERS)),
    ("groq", "gsk_" + DICE.of(52)),
    ("xai", "xai-" + DICE.of(80)),
    ("perplexity", "pplx-" + DICE.of(48)),
    ("replicate", "r8_" + DICE.of(37)),
    ("nvidia", "nvapi-" + DICE.of(64, WORD)),
    ("fireworks", "fw_" + DICE.of(24)),
    ("cerebras", "csk-" + DICE.of(48)),
    ("langsmith", "lsv2_pt_" + DICE.of(32, HEX) + "_" + DICE.of(10, HEX)),
    ("pinecone", "pcsk_" + DICE.of(6) + "_" + DICE.of(60)),
    ("tavily", "tvly-" + DICE.of(32)),
    ("elevenlabs", "sk_" + DICE.of(48, HEX)),
    ("llmgateway", "lgw_" + DICE.of(38)),
    ("aws", "AKIA" + DICE.of(16, CAPITALS)),
    ("aws", "ASIA" + DICE.of(16, CAPITALS)),
    ("github", "ghp_" + DICE.of(36)),
    ("github", "gho_" + DICE.of(36)),
    ("github", "ghs_" + DICE.of(36)),
    ("github", "github_pat_" + DICE.of(22) + "_" + DICE.of(59)),
    ("gitlab", "glpat-" + DICE.of(20, WORD)),
    ("gitlab", "glrt-" + DICE.of(20, WORD)),
    ("slack", f"xoxb-{DICE.digits(12)}-{DICE.digits(12)}-{DICE.of(24)}"),
    ("slack", f"xapp-1-A{DICE.of(10, CAPITALS)}-{DICE.digits(13)}-{DICE.of(64, HEX)}"),
    ("slack", f"https://hooks.slack.com/services/T{DICE.of(8, CAPITALS)}/B{DICE.of(10, CAPITALS)}/{DICE.of(24)}"),
    ("discord", f"https://discord.com/api/webhooks/{DICE.digits(18)}/{DICE.of(68, WORD)}"),
    ("stripe", "sk_live_" + DICE.of(24)),
    ("stripe", "rk_live_" + DICE.of(24)),
    ("stripe", "whsec_" + DICE.of(32)),
    ("sendgrid", f"SG.{DICE.of(22, WORD)}.{DICE.of(43, WORD)}"),
    ("mailgun", "key-" + DICE.of(32, HEX)),
    ("npm", "npm_" + DICE.of(36)),
    ("pypi", "pypi-AgEIcHlwaS5vcmc" + DICE.of(150, WORD)),
    ("docker", "dckr_pat_" + DICE.of(27, WORD)),
    ("digitalocean", "dop_v1_" + DICE.of(64, HEX)),
    ("shopify", "shpat_" + DICE.of(32, HEX)),
    ("linear", "lin_api_" + DICE.of(40)),
    ("notion", "ntn_" + DICE.of(46)),
    ("notion", "secret_" + DICE.of(43)),
    ("databricks", "dapi" + DICE.of(32, HEX)),
    ("databricks", "dapi" + DICE.of(32, HEX) + "-2"),
    ("doppler", "dp.pt." + DICE.of(43)),
    ("vault", "hvs." + DICE.of(92, WORD)),
    ("square", "sq0atp-" + DICE.of(22, WORD)),
    ("square", "EAAA" + DICE.of(60, WORD)),
    ("atlassian", "ATATT3xFfGF0" + DICE.of(180, WORD)),
    ("grafana", f"glsa_{DICE.of(32)}_{DICE.of(8, HEX)}"),
    ("newrelic", "NRAK-" + DICE.of(27, CAPITALS)),
    ("planetscale", "pscale_tkn_" + DICE.of(43, WORD)),
    ("postman", f"PMAK-{DICE.of(24, HEX)}-{DICE.of(34, HEX)}"),
    ("figma", "figd_" + DICE.of(40, WORD)),
    ("supabase", "sbp_" + DICE.of(40, HEX)),
    ("netlify", "nfp_" + DICE.of(40)),
    ("tailscale", f"tskey-auth-{DICE.of(12)}-{DICE.of(32)}"),
    ("heroku", "HRKU-" + DICE.of(60, WORD)),
    ("contentful", "CFPAT-" + DICE.of(43, WORD)),
    ("hubspot", "pat-na1-" + DICE.uuid()),
    ("brevo", f"xkeysib-{DICE.of(64, HEX)}-{DICE.of(16)}"),
    ("rubygems", "rubygems_" + DICE.of(48, HEX)),
    ("age", "AGE-SECRET-KEY-1" + DICE.of(58, CAPITALS)),
    ("pulumi", "pul-" + DICE.of(40, HEX)),
    ("plaid", "access-sandbox-" + DICE.uuid()),
    ("artifactory", "AKCp" + DICE.of(69)),
    ("twilio", "SK" + DICE.of(32, HEX)),
    ("telegram", f"{DICE.digits(10)}:AA{DICE.of(33, WORD)}"),
    ("discord", f"MTA{'5NDE0'}MTk1{DICE.of(15)}.{DICE.of(6, WORD)}.{DICE.of(38, WORD)}"),
    ("mailchimp", DICE.of(32, HEX) + "-us17"),
    ("terraform", f"{DICE.of(14)}.atlasv1.{DICE.of(67, WORD)}"),
    ("azure", f"{DICE.of(3)}8Q~{DICE.of(34)}"),
    ("jwt", DICE.jwt()),
    ("jwt", DICE.jwt({"typ": "JWT", "alg": "none"})),
    ("jwt", DICE.jwt({"kid": DICE.of(60), "alg": "ES256"})),
    ("jwt", DICE.jwt({"x": "other"}, {"sub": "17"})),
]
AROUND = [
    "{}",
    "Use {} from now on.",
    "本番では{}を使ってください。",
    "「{}」",
    '{{"v":"{}"}}',
    "KEY={}\nOTHER=1",
    "<td>{}</td>",
    "a, {}, b",
    "https://x.test/cb?v={}&state=1",
    "line one\\n{}\\nline three",
]


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind.removeprefix("secret."), text[each.start : each.end]) for each in Secrets({}).find(View(text))]


@pytest.mark.parametrize(("family", "token"), TOKENS, ids=[f"{family}-{token[:8]}" for family, token in TOKENS])
@pytest.mark.parametrize("around", AROUND)
def test_a_token_is_found_whole_wherever_it_stands(family, token, around):
    assert found(around.format(token)) == [(family, token)]


@pytest.mark.parametrize(("family", "token"), TOKENS, ids=[f"{family}-{token[:8]}" for family, token in TOKENS])
def test_a_token_inside_a_longer_word_is_none(family, token):
    head = token.split(".")[0]
    if not head.startswith("https:"):
        assert (family, token) not in found("Q7" + token)


@pytest.mark.parametrize(
    ("family", "token"),
    [
        ("openai", "sk-1234567890abcdef1234567890abcdef"),
        ("openai", "sk-proj-abcdEFGH1234567890abcdEFGH1234567890"),
        ("anthropic", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"),
        ("github", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("aws", "AKIAABCDEFGHIJKLMNOP"),
        ("slack", "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx"),
    ],
)
def test_a_token_that_somebody_made_up_to_see_whether_it_is_found_is_found(family, token):
    assert found(f"my key is {token}, keep it") == [(family, token)]


@pytest.mark.parametrize("family", sorted({form.family for form in FORMS}))
def test_every_family_is_among_the_kinds(family):
    assert f"secret.{family}" in Secrets.kinds


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-style-pipelines-for-everyone",
        "sk-your-api-key-goes-here-please",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-ant-api03-...",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAIOSFODNN7EXAMPLE",
        "lgw_demoDemoDemoDemoDemoDemoDemoDemo3HlMMm",
        "hf_model_name and hf_hub_download",
        "npm_config_registry npm_package_version npm_lifecycle_event",
        "key-value-store key-0000",
        "xoxb-your-token-here",
        "risk-adjusted task-oriented desk-bound ask-me-anything-2024-conference",
        "SG.1 is short",
        "glsa_short dapi deadline",
        "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        encoded({"page": 3, "cursor": "abc", "size": 20}),
    ],
)
def test_names_and_stand_ins_are_no_tokens(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        DICE.uuid(),
        DICE.of(40, HEX),
        "sha256:" + DICE.of(64, HEX),
        "call_" + DICE.of(24),
        "chatcmpl-" + DICE.of(29),
        "msg_01" + DICE.of(22),
        "data:image/png;base64,iVBORw0KGgo" + DICE.of(900, BASE64),
        "AC" + DICE.of(32, HEX),
        "v=spf1 include:_spf.test.org ~all",
        DICE.of(3000, ALNUM),
        DICE.of(3000, "0123456789"),
        "." * 3000,
    ],
)
def test_identifiers_and_hashes_alone_are_no_secrets(text):
    assert found(f"See {text} for more.") == []


@pytest.mark.parametrize("size", [300, 700, 5000])
def test_a_sure_token_is_found_to_its_end_however_long(size):
    token = "sk-" + DICE.of(size)
    assert found(f"a {token} b") == [("openai", token)]


def test_a_long_token_hides_what_stands_inside_it():
    token = "hvs." + DICE.of(400) + "-ghp_" + DICE.of(36)
    assert found(f"({token})")[0] == ("vault", token)


def test_a_long_header_of_a_jwt_is_enough():
    token = encoded({"alg": "RS256", "x5c": [DICE.of(900)]}) + "." + encoded({"sub": 1}) + "." + DICE.of(300, WORD)
    assert found(f"token {token}.")[0][0] == "jwt"


def test_the_surer_of_two_forms_gives_the_name():
    key = "sk-ant-api03-" + DICE.of(93, WORD)
    assert found(f"api_key = {key}") == [("anthropic", key)]
    assert found(f"Authorization: Bearer {key}") == [("anthropic", key)]
