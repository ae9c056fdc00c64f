"""Values that are secrets because of what they are called."""

import base64

import pytest
from tests.support.made_up import BASE64, HEX, Dice

from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.view import SEPARATOR, View

DICE = Dice(11)
PASSWORDS = ["Tr7!vk9Qm", "hunter2", "Summer2024!", "p(7&Ym!xR", "correct-horse-4711", "kT5mQ8wz"]
KEYS = [DICE.of(32), DICE.of(40, BASE64), DICE.of(32, HEX), DICE.of(24), DICE.of(64, HEX)]


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind.removeprefix("secret."), text[each.start : each.end]) for each in Secrets({}).find(View(text))]


@pytest.mark.parametrize("value", PASSWORDS)
@pytest.mark.parametrize(
    "around",
    [
        "password: {}",
        "Password: {}\nBest regards",
        "DB_PASSWORD={}",
        "DB_PASS={}",
        'db_password = "{}"',
        '{{"user": "bob", "password": "{}"}}',
        "dbPassword: '{}'",
        "pwd={}",
        "ID: bob / PW: {}",
        "<password>{}</password>",
        "Server=db;Uid=sa;Pwd={};Encrypt=True",
        "**Password:** {}",
        "- **password**: `{}`",
        "passphrase: {}",
        '{{"name": "DB_PASSWORD", "value": "{}"}}',
        "--password={} --verbose",
        "The password is {}",
        "the password for the staging server is {} and the user is bob",
        "We changed the root password to {} yesterday.",
        "sshpass -p '{}' ssh bob@host",
        "define('DB_PASSWORD', '{}');",
        "process.env.DB_PASSWORD || '{}'",
        '{{"key":"DB_PASSWORD","value":"{}"}}',
        '{{"password":{{"value":"{}"}}}}',
        "DB_PASSWORD:\n  value: {}",
        'password             = "{}"',
        "SET PASSWORD FOR bob = '{}'",
        "os.getenv('DB_PASSWORD') or '{}'",
        'env["DB_PASSWORD"] ?? "{}"',
        "初期PWは{}になっています。",
        "passwordは「{}」です",
        "パスワード：{}",
        "パスワードは {} です。",
        "パスワードは{}です。",
        "初期パスワードは「{}」になります。",
        "仮パスワード：{}（初回に変更）",
        "パスワードを {} に変更しました",
        "パスフレーズ: {}",
        "The root password was changed to {} yesterday.",
        "the password used to be {} but the printer does not take it",
        "ゲストWi-Fiの暗証キー：{}",
        "セキュリティキーは{}です",
        "The new password for the vault reads {}",
        'The wifi password here is "{}"',
        "mysql -u root -p{} shop",
        'password = b"{}"',
        'password <- "{}"',
        'password: str = "{}"',
        'const PASSWORD: &str = "{}";',
        'let password: String = "{}"',
        '<password encrypted="false">{}</password>',
        "Password (temp): {}",
        "Sharing the admin password here: {}",
        "PASSWORD = r'{}'",
        "ALTER LOGIN sa WITH PASSWORD = N'{}';",
        'var password = @"{}";',
        'std::string password{{"{}"}};',
        '<Setting Name="Password" Value="{}" />',
        "Password for bob@mail.test: {}",
        "The password remains {} for all of us.",
        "Das Passwort lautet {}.",
        "root pw changed → {}",
        "Kennwort: {}",
        "mot de passe : {}",
        "contraseña: {}",
        "la contraseña es: {}",
        "and the password's {}, all in small letters",
        '<property name="hibernate.connection.password">{}</property>',
        "<tr><td>Password</td><td>{}</td></tr>",
        "<tr><th>パスワード</th><td>{}</td></tr>",
        "Password . . . : {}",
        "sudo password on gw.example.test is {} (same as before)",
        "Is the root password still {}?",
        "The wifi password is currently {}, they say",
        "パスワードは次のとおりです。\n{}",
        "解凍パスワードは {} です。",
    ],
)
def test_a_password_is_found_by_what_it_is_called(around, value):
    assert found(around.format(value)) == [("password", value)]


@pytest.mark.parametrize("around", ["Password\n{}\nBest regards", "ユーザー名ada、パスワード{}", "パスワード{}です"])
def test_a_striking_one_may_stand_right_behind_the_word(around):
    assert found(around.format("Tr7!vk9Qm")) == [("password", "Tr7!vk9Qm")]
    assert found(around.format("hunter2")) == []


@pytest.mark.parametrize("text", ["mkdir -p/var/lib4/x", "tar -pxzf1", "nmap -p1-65535", "mysql\nssh -pTr7!vk9Qm h"])
def test_an_option_of_other_programs_is_no_password(text):
    assert found(text) == []


@pytest.mark.parametrize("value", KEYS)
@pytest.mark.parametrize(
    "around",
    [
        "api_key = '{}'",
        "API_KEY={}",
        "x-api-key: {}",
        "apiKey: {}",
        "client_secret={}",
        "SECRET_KEY='{}'",
        '"secretKey": "{}"',
        "//registry.test/:_authToken={}",
        "Authorization: token {}",
        "signing secret is {}",
        "my api key {} stopped working",
        "and the PagerDuty key is {}",
        "https://x.test/v1?api_key={}&page=1",
        "APIキーは {} です",
        "シークレットキーは「{}」です",
        "アクセストークン：{}",
        "トークンは{}です。",
    ],
)
def test_a_key_is_found_by_what_it_is_called(around, value):
    assert found(around.format(value)) == [("generic", value)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MISTRAL_API_KEY={}", "mistral"),
        ("COHERE_API_KEY={}", "cohere"),
        ("AZURE_OPENAI_API_KEY={}", "azure"),
        ("CLOUDFLARE_API_TOKEN={}", "cloudflare"),
        ("aws_secret_access_key = {}", "aws"),
        ("Twilio auth token: {}", "twilio"),
        ("Heroku API key: {}", "heroku"),
    ],
)
def test_a_provider_named_before_the_value_gives_the_kind(text, kind):
    key = DICE.of(40)
    assert found(text.format(key)) == [(kind, key)]


def test_a_key_may_have_the_form_of_a_uuid_but_most_tokens_of_that_form_are_identifiers():
    value = DICE.uuid()
    assert found(f"HEROKU_API_KEY={value}") == [("heroku", value)]
    assert found(f"access_token: {value}") == [("generic", value)]
    assert found(f'"LockToken": "{value}", "ClientToken": "{value}"') == []


@pytest.mark.parametrize(
    "text",
    [
        "password: string",
        "password: str = None, token: str",
        "password=password, user=user",
        "password: ********",
        "password: <your-password>",
        "password: ${DB_PASSWORD}",
        "PASSWORD=$DB_PASSWORD",
        'password = os.environ["DB_PASSWORD"]',
        "password = get_password()",
        "password = settings.database.password",
        "password: !vault",
        '<label for="password">Password1 or your PIN2</label>',
        '<input name="password"><option value="token">a1b2c3d4e5f6g7h8</option>',
        'variable "api_token" {\n  type = string\n  default = "none"\n}',
        "password = settings.Keys256, password = hashes.SHAKE128, token = crypto.Keccak512",
        "password: changeme",
        "password: {{ vault_password }}",
        "password=auth_info[2]",
        "The password is required.",
        "The password must have 8 characters, the token is valid for 30m.",
        "Pass `thread=False` or pass 'x1y2z3' as an argument.",
        "fields = ['password1', 'password2', 'new_password']",
        "def load(key: X25519PrivateKey | X448PrivateKey) -> Ed448PrivateKey | None",
        "PWは不要です。IDはuser2024xです。",
        "a compass: north; bypass: east2west",
        "credentials: AccessTokenProvider",
        "max_tokens: 4096, total tokens: 128000, tokens=123456789",
        "next_page_token: CAUQAAbcd1234efgh5678",
        "tokenizer: cl100k_base, token type: bearer",
        "api_key: your-api-key",
        "api_key = os.getenv('API_KEY')",
        "secret: projects/1/secrets/name",
        "secret_name: my-app-secret-1",
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3",
        "primary_key: user_id1, foreign key: order2item, cache key: user:42:v3",
        "public_key = " + DICE.of(32),
        "The key is to hash with SHA256 and not MD5.",
        "password hashing uses bcrypt with cost 12",
        "a token budget of 8k, a secret ballot, a pass rate of 99.5%",
        "password_policy: min12chars",
        "result=BAD_PASSWORD attempts=3 from here",
        "NO_PASSWORD user_id=u4711x retry",
        "secrets: inherit",
        "パスワードは8文字以上で設定してください。",
        "パスワードはSHA256でハッシュ化されます。",
        "パスワードを忘れた場合は Settings から変更できます。",
        "トークン数は 4096 です。トークンは128kまで。",
        "APIキーは環境変数 OPENAI_API_KEY に設定します。",
        "APIキーは<your-key>に置き換えてください。",
        "暗証番号は4桁です。",
        "トークンを取得する。Bearer トークンを使う。",
    ],
)
def test_talk_of_secrets_is_none(text):
    assert found(text) == []


def test_the_default_of_a_variable_in_terraform():
    value = DICE.of(32)
    for between in ("", "  type    = string\n", "  type = string\n  sensitive = true\n"):
        assert found(f'variable "api_token" {{\n{between}  default = "{value}"\n}}') == [("generic", value)]
    assert found(f'variable "region" {{\n  default = "{value}"\n}}') == []


@pytest.mark.parametrize("key", KEYS)
def test_a_key_behind_a_clause(key):
    assert found(f"Somebody leaked the account's secret, {key}, in a channel.") == [("generic", key)]
    assert found(f"The signing secret we share with the partner is {key}.") == [("generic", key)]
    assert found(f"I keep the signing key here so that it is not lost: {key}") == [("generic", key)]
    assert found(f"You asked for the API token. It's {key}") == [("generic", key)]


def test_the_nearest_link_counts_whatever_follows():
    text = "The password of Ann is maple4711 as the other one is cedar4812"
    assert found(text) == [("password", "maple4711")]
    assert found(text[: text.index(" as")]) == [("password", "maple4711")]


def test_what_an_address_hands_over_as_a_key():
    value = DICE.of(32)
    assert found(f"https://example.test/feed.xml?key={value}") == [("generic", value)]
    assert found(f"https://example.test/a?u=1&auth={value}&x=2") == [("generic", value)]
    assert found(f"f(key={value})") == []
    assert found("https://example.test/a?key=some-words-in-a-row-and-more") == []


def test_a_public_key_and_its_fingerprint_are_none():
    value = DICE.of(43)
    assert found(f"公開鍵 {value} を登録します。") == []
    assert found(f"公開鍵のフィンガープリント：SHA256:{value}") == []
    assert found(f"署名の鍵は {value} です。") == [("generic", value)]


@pytest.mark.parametrize("value", ["timber.Summit225", "harbor.NIMBUS1264"])
def test_two_words_and_a_number_are_no_attribute(value):
    assert found(f'password = "{value}"') == [("password", value)]
    assert found(f"amqp://bob:{value}@mq.test:5672/") == [("connection_string", value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The password is hunter2.", "hunter2"),
        ("(password: hunter2)", "hunter2"),
        ("password: hunter2, user: bob", "hunter2"),
        ("Is the password: hunter2?", "hunter2"),
        ("password=hunter2;user=bob", "hunter2"),
        ('password = "hunter2);" # x', "hunter2);"),
        (r"{\"password\": \"hunter2_\", \"user\": \"bob\"}", "hunter2_"),
        ("パスワード：hunter2、以上", "hunter2"),
    ],
)
def test_what_belongs_to_the_sentence_is_not_part_of_the_value(text, value):
    assert found(text) == [("password", value)]


def test_full_width_forms_are_read_as_what_they_mean():
    assert found("パスワード：ｋＴ５ｍＱ８ｗｚ") == [("password", "ｋＴ５ｍＱ８ｗｚ")]


def test_a_name_says_nothing_about_another_text():
    assert found(f"password: {SEPARATOR}hunter2") == []
    assert found(f"The password is{SEPARATOR} hunter2") == []
    assert found(f"パスワードは{SEPARATOR}hunter2") == []
    assert found(f"http://localhost:8080{SEPARATOR}email{SEPARATOR}jane@example.org") == []


def test_how_far_a_value_goes_another_text_does_not_decide():
    password = "password: Tr0ub;4dor&3horse?"
    for before in ("see https://example.com/?q=1", "a &amp; b", "why?"):
        assert [each[-1] for each in found(password)] == [each[-1] for each in found(before + SEPARATOR + password)]


def test_a_name_too_far_away_says_nothing():
    assert found("password:" + " " * 70 + "hunter2") == []


@pytest.mark.parametrize("scheme", ["postgres", "mysql", "redis", "amqp", "mongodb+srv", "https"])
@pytest.mark.parametrize("password", ["s3cr3tPw", "u7!Kp#2vQ", "p@ss1w!x", "a%40b9c", "correcthorse", "Bwvicgfsok"])
def test_an_address_gives_away_its_password(scheme, password):
    assert found(f"url={scheme}://app:{password}@db.internal:5432/shop") == [("connection_string", password)]


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:password@localhost/db",
        "postgres://postgres:postgres@localhost/db",
        "https://authority:userinfo@host",
        "http://alice:mypassword@host",
        "http://alice:supersecret@host",
        "ftp://anonymous:yourname@host",
        "https://${USER}:${PASS}@host/",
        "https://host:8080/path@2",
        "https://<user>:<password>@host",
        "https://example.org:443/a@b",
        "mailto:bob@host",
    ],
)
def test_an_address_without_a_real_password_is_none(text):
    assert found(text) == []


def test_an_empty_user_is_allowed():
    assert found("redis://:s3cr3tPw@cache:6379/0") == [("connection_string", "s3cr3tPw")]


def test_basic_credentials_are_looked_into():
    value = base64.b64encode(b"deploy:Kx81!nvQz").decode()
    assert found(f"Authorization: Basic {value}") == [("basic_auth", value)]
    assert found("basic understanding, basic knowledge, Basic authentication") == []
    assert found("curl -u bob:Tr7vk9Qm https://x.test") == [("basic_auth", "Tr7vk9Qm")]


def test_a_bearer_token_is_found_and_talk_of_one_is_not():
    value = DICE.of(40)
    assert found(f"Authorization: Bearer {value}") == [("bearer", value)]
    assert found("Authorization: Bearer <token>; a bearer authentication scheme; Bearer $TOKEN") == []


@pytest.mark.parametrize("name", ["AccountKey", "SharedAccessKey"])
def test_azure_connection_strings(name):
    value = DICE.of(86, BASE64) + "=="
    assert found(f"Endpoint=sb://x.test/;{name}={value};EntityPath=q") == [("azure", value)]


def test_azure_client_secrets():
    value = f"{DICE.of(3)}8Q~{DICE.of(34)}"
    assert found(f"use {value} here") == [("azure", value)]


def test_a_long_value_is_found_to_its_end():
    value = DICE.of(900)
    assert found(f"api_key: {value} end") == [("generic", value)]


def test_half_of_a_surrogate_pair_is_a_character_like_others():
    assert found("\ud83d パスワード：hunter2、以上 \ude00") == [("password", "hunter2")]


def test_where_an_escaped_quote_closes_a_value_is_known_at_its_first_sign():
    text = r"{\"password\": \"hunter2_\", \"user\": \"bob\"}"
    start, end = text.index("hunter2"), text.index("hunter2") + len("hunter2_")
    guard = Secrets({})
    for cut in range(start + 1, len(text)):
        settled = guard.settled(View(text[:cut]))
        assert not start < settled < end
        assert settled <= start or [each.end for each in guard.find(View(text[:cut]))] == [end]
