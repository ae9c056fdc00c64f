"""Passwords that stand beside a name, and what no password is."""

from base64 import b64encode

import pytest

from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.view import View

COOKIE = "9EPU33RKlgvkHAF167ZGBBTTajPYb47w"


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in Secrets({}).find(View(text))]


@pytest.mark.parametrize(
    "text",
    [
        "log in with mary21 / {}.",
        "Use the credentials mary21 and {} to get in",
        "creds: mary21:{}",
        "logged in as admin / {}",
        "Admin login of the router: admin / {}. Thanks",
        "Wi-Fi: Lobby / {}",
        "VPN access: mary21 / {}",
        "User  mary21\nPass  {}\nOTP by SMS",
        'define("DB_PASS", "{}");',
        "CREATE USER app IDENTIFIED BY '{}';",
        "docker login -u mary21 -p {}",
        "docker login registry.test -u mary21 -p '{}'",
        "oc login https://cluster.test -u mary21 -p {}",
        "net user mary21 {} /add",
        "requests.get(url, auth=('mary21', '{}'))",
        'HTTPBasicAuth("mary21", "{}")',
        "smbclient //srv/share -U mary21%{}",
        "htpasswd -b .htpasswd mary21 {}",
        "keytool -list -storepass {} -alias x",
        "zip -P {} out.zip in.txt",
        "7z x in.7z -p{}",
        "net use Z: \\\\srv\\share {} /user:mary21",
        "basic auth mary21:{}",
        "net use Z: \\\\srv\\share /user:mary21 {}",
        "curl -sSu mary21:{} https://api.test",
        "curl https://api.test -umary21:{}",
        "curl --proxy-user 'mary21:{}' https://api.test",
        "http -a mary21:{} api.test",
        "redis-cli -h cache -a {} ping",
        "requirepass {}",
        "masterauth {}",
        "wpa_passphrase home {}",
        'psk="{}"',
        "openssl enc -aes-256-cbc -k '{}' -in x",
        "rclone obscure {}",
        "db.test:5432:*:mary21:{}",
        "ldapsearch -x -D 'cn=admin,dc=test' -w {} -p 389",
        "mongo -u mary21 -p {}",
        "mongodump --host h -u mary21 -p '{}' -pretty",
        "ConvertTo-SecureString '{}' -AsPlainText -Force",
        'ConvertTo-SecureString -String "{}" -AsPlainText',
        "The staging login is mary21 / {} until Friday.",
        "What's the root password again?\nmary21: {}",
        "and the passphrase for the backups, please?\n\nMary: {}.",
        "smtp.login('mary21@mail.test', '{}')",
        'mqtt.username_pw_set("mary21", "{}")',
        'new NetworkCredential("mary21", "{}")',
        'new PasswordAuthentication(\n    "mary21",\n    "{}".toCharArray())',
        'req.SetBasicAuth("mary21", "{}")',
        "new PDO('mysql:host=db;dbname=shop', 'mary21', '{}');",
        'DriverManager.getConnection("jdbc:mysql://db/shop", "mary21", "{}");',
        "bindpw {}",
        "username mary21 privilege 15 password 0 {}",
        "WPA2 key: {}",
        "the WPA3-Personal key is {}, for guests too",
        "The credentials for the test tenant are mary21 and {}.",
        "Default creds are mary21/{}, please change.",
        "u: mary21 p: {}",
        'smtp.PlainAuth("", "mary21@mail.test", "{}", "smtp.mail.test")',
        'cx_Oracle.connect("mary21", "{}", "db/orcl")',
        '[Credential]::new("mary21", "{}")',
        "FTP('ftp.test', 'mary21', '{}')",
        "sqlcmd -S db.test -U sa -P {} -Q x",
        "bcp db.t out f.txt -U mary21 -P{}",
        "ssh-keygen -p -P '{}' -f ~/.ssh/id_rsa",
        "unzip -P {} in.zip",
        "cqlsh -u mary21 -p {} db.test",
        "rabbitmqctl add_user mary21 {}",
        "xfreerdp /u:mary21 /p:{} /v:srv",
        "password - {}",
        "The pw I got was {}.",
        "a password that works is {}",
        "パスワードは以下の通りです。\n{}",
        "パスワードは下記となります。\n\n{}\n",
        "DBのパスは {} です",
        "暗証番号：{}",
        "パス：{}",
        "ログインID mary21、パスは{}",
    ],
)
@pytest.mark.parametrize("password", ["Winter2025!x", "c0rrectH0rse14"])
def test_a_password_beside_a_name(text, password):
    assert found(text.format(password)) == [("secret.password", password)]


@pytest.mark.parametrize("after", ["です。", "\\n", '"', "、次に"])
@pytest.mark.parametrize(
    "text", ["log in with mary21 / {}", "creds: mary21:{}", "docker login -u mary21 -p {}", "zip -P {}"]
)
def test_a_password_ends_where_what_streams_hold_back_does(text, after):
    whole = text.format("c0rrectH0rse14") + after
    assert found(whole) == [("secret.password", "c0rrectH0rse14")]
    for cut in range(len(whole)):
        settled = Secrets({}).settled(View(whole[:cut]))
        assert not whole.index("c0rrect") < settled < whole.index("14") + 2


@pytest.mark.parametrize(
    "text", ["IDENTIFIED BY '{}'", "auth=('mary21', '{}')", "jdbc:oracle:thin:app/{}@db.internal:1521/orcl"]
)
@pytest.mark.parametrize("sign", ["ä", "\\", "`", "様"])
def test_what_a_stream_would_let_through_in_part_is_no_password(text, sign):
    whole = text.format(f"Winter{sign}2025!x")
    for cut in range(len(whole)):
        begun = Secrets({}).settled(View(whole[:cut]))
        assert [each for each in Secrets({}).find(View(whole)) if each.start < begun < each.end] == []


@pytest.mark.parametrize("password", ["Winter2025!x", "c0rrectH0rse14"])
def test_a_password_behind_a_slash_in_an_address(password):
    text = f"jdbc:oracle:thin:app/{password}@db.internal:1521/orcl"
    assert found(text) == [("secret.connection_string", password)]


@pytest.mark.parametrize("name", ["sessionid", "PHPSESSID", "connect.sid", "__Host-auth.token", "JSESSIONID"])
def test_the_session_in_a_cookie(name):
    assert found(f"Cookie: theme=dark; {name}={COOKIE}; lang=ja") == [("secret.session", COOKIE)]
    assert found(f"Set-Cookie: {name}={COOKIE}; HttpOnly") == [("secret.session", COOKIE)]


def test_a_long_cookie_is_found_to_its_end():
    long = COOKIE * 12
    assert found(f"Cookie: sid={long} and more") == [("secret.session", long)]


@pytest.mark.parametrize("pin", ["1477", "253517"])
def test_the_number_of_a_bank_card(pin):
    assert found(f"暗証番号：{pin}") == [("secret.password", pin)]
    assert found(f"パスワード：{pin[:4]}") == []


@pytest.mark.parametrize(
    "text",
    [
        "credentials page and settings",
        "log in with Google / GitHub",
        "sign in with the account and password",
        "login: read / write, account: 2024 / 2025",
        "Access: Kyoto / Line 2",
        "creds: see the vault",
        "auth=('user', 'password')",
        "auth=(USER, PASSWORD)",
        "IDENTIFIED BY '${PASSWORD}'",
        "docker login -u user -p $TOKEN",
        "mkdir -p build/release2025",
        "Cookie: theme=dark; lang=ja",
        "Cookie: sessionid=xxxxxxxxxxxxxxxxxxxx",
        "net user administrators",
        "credentials are read/write",
        "u: see p: 2026",
        "dsn = root:password@tcp(db.test:3306)/shop",
        "mail bob:smith@tcp(4) and @tcp(5)",
        "unzip -P $PASSWORD in.zip",
        "rabbitmqctl add_user NAME PASSWORD",
        "The default login is read / write",
        "Forgot password?\nName: required",
        "What is a password?\nAnswer: see chapter 12",
        "Which password?\nUpdated: 2026-11-29",
        'page.login("mary21", "password")',
        "smtp.login(USER, PASSWORD)",
        'getConnection("jdbc:h2:mem:x", "sa", "")',
        "password 7 days, password 0 characters",
        "WPA2 key: required, WPA key management",
        'Client("AC" + account, token)',
        "jdbc:oracle:thin:@db.internal:1521/orcl",
        "パス：/var/log/app2025.log",
        "パスは2種類あります",
        "パスワードです。\nWindows2019をお使いください",
        "the password that you choose must have 8 characters",
        "zip -p archive2025.zip",
        "7z x in.7z -pipe",
        "暗証番号を4桁で入力",
    ],
)
def test_talk_of_logins_is_none(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        '<add key="ZENDESK_API_KEY" value="{}" />',
        "- name: ZENDESK_API_KEY\n  value: {}",
        "SECRET_KEY_BASE={}",
        "ZENDESK_API_KEY_PROD={}",
        "api_key: >-\n  {}",
        "api_key: |\n  {}",
        '{{"name": "ZENDESK_API_KEY", "value": "{}"}}',
    ],
)
def test_values_that_are_named_elsewhere(text):
    assert found(text.format(COOKIE)) == [("secret.generic", COOKIE)]


@pytest.mark.parametrize("value", ["_gBXBEYksaOl5CuIn9HwPO", "(8WgTxR!yHsjdBXe", "*d7zYdd1gcF#22"])
def test_a_sign_before_a_value_is_its_own_if_nothing_answers_it(value):
    assert found(f"password={value}") == [("secret.password", value)]


@pytest.mark.parametrize("around", ["({})", "**{}**", "[{}]", "_{}_"])
def test_signs_around_a_value_are_not(around):
    assert found("password: " + around.format("gBXBEYksaOl5CuIn9")) == [("secret.password", "gBXBEYksaOl5CuIn9")]


def test_a_sign_of_equality_may_be_in_a_password_but_not_in_a_call():
    assert found('Password = "pnDsAPF=fk6mrJ"') == [("secret.password", "pnDsAPF=fk6mrJ")]
    assert found("password=get_value(name=user_name)") == []


@pytest.mark.parametrize("sign", ['"', "'"])
def test_the_quote_behind_a_password_is_no_part_of_it(sign):
    assert found(f"curl -u {sign}mary21:Winter2025!x{sign} https://api.test") == [("secret.basic_auth", "Winter2025!x")]
    assert found("curl -u mary21:c0rrectH0rse14。次") == [("secret.basic_auth", "c0rrectH0rse14")]
    assert found("mysql -u root -pc0rrectH0rse14。") == [("secret.password", "c0rrectH0rse14")]


def test_a_token_in_the_place_of_a_name():
    text = "git clone https://q8Zt4mN0vXw2Lr7K:x-oauth-basic@git.test/a"
    assert found(text) == [("secret.connection_string", "q8Zt4mN0vXw2Lr7K")]
    assert found("git clone https://token:x-oauth-basic@git.test/a") == []
    assert found("sqlplus mary21/c0rrectH0rse14@db") == [("secret.connection_string", "c0rrectH0rse14")]


LOGIN = b64encode(b"mary21:c0rrectH0rse14").decode()


@pytest.mark.parametrize("text", [f"//npm.test/:_auth={LOGIN}", f'{{"auths": {{"r.test": {{"auth": "{LOGIN}"}}}}}}'])
def test_a_login_as_programs_keep_it(text):
    assert found(text) == [("secret.basic_auth", LOGIN)]
    assert found(text.replace(LOGIN, b64encode(b"nothing of a login").decode())) == []


def test_files_that_kubernetes_keeps():
    key = b64encode(b"-----BEGIN EC PRIVATE KEY-----\n" + bytes(range(65, 91)) * 30).decode()
    assert found(f"data:\n  tls.key: {key}\n") == [("secret.encoded_key", key)]
    certificate = b64encode(b"-----BEGIN CERTIFICATE-----\n" + bytes(range(65, 91)) * 30).decode()
    assert found(f"data:\n  tls.crt: {certificate}\n") == []
    config = b64encode(b'{"auths":{"r.test":{"auth":"bWFyeTIxOmMw"}}}').decode()
    assert found(f"data:\n  .dockerconfigjson: {config}\n") == [("secret.docker", config)]


def test_a_token_of_twilio_beside_its_account():
    account, token = f"AC{'0f3a9b27' * 4}", "83f2d113d15caef61cc5434a81393da4"
    for call in ("twilio.NewClient(", "require('twilio')(", "twilio.rest.Client("):
        assert found(f'{call}"{account}", "{token}")') == [("secret.twilio", token)]
    assert found(f'twilio.NewClient("{account}", TOKEN)') == []


@pytest.mark.parametrize("text", ['dsn = "app:{}@tcp(db.test:3306)/shop"', "app:{}@unix(/run/mysqld.sock)/shop"])
@pytest.mark.parametrize("password", ["Winter2025!x", "c0rrectH0rse14"])
def test_a_password_in_an_address_of_go_s_drivers(text, password):
    assert found(text.format(password)) == [("secret.connection_string", password)]
