"""The gateway is found by its file, also while most of that file is wrong and its secrets are somebody else's."""

import pytest
import typer
from typer.testing import CliRunner

from llmgateway.cli import main as root
from llmgateway.cli.whereabouts import CONFIG_ENV, DEFAULT_URL, TOKEN_ENV, Source, data_folder, locate

TOKEN = "canary-token-of-sixteen"
CONFIG = """
[admin]
listen = "0.0.0.0:9999"
token = "env:ADMIN_TOKEN"

[data]
dir = "/var/lib/llmgateway"

[backends.local]
provider = "openai"
base_url = "http://127.0.0.1:9"
api_key = "env:NOT_SET_HERE"
"""
WRONG_ELSEWHERE = CONFIG + '[routes.chat.versions.v1]\nbackends = ["nobody"]\nwieght = "ten"\n'


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in ("NOT_SET_HERE", "ADMIN_TOKEN", TOKEN_ENV):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.toml"
    file.write_text(WRONG_ELSEWHERE)
    return file


def test_a_file_that_is_wrong_elsewhere_still_tells_where_the_gateway_is(file, monkeypatch):
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    assert locate(file, None, TOKEN_ENV) == Source("http://127.0.0.1:9999", TOKEN, TOKEN_ENV)
    assert str(data_folder(file)) == "/var/lib/llmgateway"


@pytest.mark.parametrize(
    "broken", ["[routes.chat\n", "x = [1,\n", 'name = "a\n', "[routes]\n[routes]\n", "[[x]]\n[x]\n", "[[x]]\nname =\n"]
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_is_half_edited_still_tells_where_the_gateway_is(file, monkeypatch, capsys, broken, is_first):
    """Whoever looks at a running gateway at three in the morning has its file open in an editor."""
    monkeypatch.setenv("ADMIN_TOKEN", TOKEN)
    file.write_text(broken + CONFIG if is_first else CONFIG + broken)
    assert locate(file, None, TOKEN_ENV) == Source("http://127.0.0.1:9999", TOKEN, TOKEN_ENV)
    assert str(data_folder(file)) == "/var/lib/llmgateway"
    said = capsys.readouterr().err
    assert "config.toml:" in said
    assert "Only its [admin] was read." in said


@pytest.mark.parametrize("text", ["[admin]\nlisten = \n", '[data]\ndir = "x"\n[routes', "[admin.x]\n[admin.x]\n"])
def test_a_table_that_is_broken_itself_tells_nothing(file, text):
    file.write_text(text)
    with pytest.raises(typer.Exit):
        locate(file, None, TOKEN_ENV)


def test_the_file_in_this_folder_is_taken_when_none_is_named(file, monkeypatch):
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    assert locate(None, None, TOKEN_ENV) == Source("http://127.0.0.1:9999", TOKEN, TOKEN_ENV)


def test_without_file_and_url_the_usual_place_is_asked(file):
    file.unlink()
    assert locate(None, None, TOKEN_ENV) == Source(DEFAULT_URL, None, TOKEN_ENV)


def test_the_environment_may_name_the_file_and_options_go_before_it(listener, file, tmp_path, monkeypatch):
    listener.answers = [(200, {"generations": [], "next": None})]
    elsewhere = tmp_path / "other" / "gateway.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(f'[admin]\nlisten = "{listener.url.removeprefix("http://")}"\n')
    environ = {CONFIG_ENV: str(elsewhere), TOKEN_ENV: TOKEN}

    def history(*words):
        return CliRunner(env=environ).invoke(root.app, ["config", "history", *words])

    assert history().exit_code == 0
    assert len(listener.seen) == 1
    for words in (("--config", str(file)), ("--url", "http://127.0.0.1:9999")):
        assert "nothing answers at http://127.0.0.1:9999" in history(*words).stderr
    environ[CONFIG_ENV] = str(tmp_path / "nowhere.toml")
    assert "nowhere.toml: name the configuration with --config or $LLMGATEWAY_CONFIG" in history().stderr
    assert len(listener.seen) == 1


@pytest.mark.parametrize("words", [("logs", "list"), ("report",), ("scores", "list"), ("eval", "run"), ("serve",)])
def test_the_environment_names_it_for_every_command(words, file, tmp_path):
    environ = {CONFIG_ENV: str(tmp_path / "nowhere.toml")}
    refused = CliRunner(env=environ).invoke(root.app, list(words))
    assert refused.exit_code == 2
    assert "nowhere.toml: " in refused.output


def test_every_address_of_the_machine_is_asked_on_loopback(file, monkeypatch):
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    file.write_text('[admin]\nlisten = "[::]:7"\n')
    assert locate(file, None, TOKEN_ENV).url == "http://[::1]:7"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[admin", "config.toml:1: not valid TOML"),
        ("[admin]\nlisten = 3", "config.toml: [admin] does not hold: `llmgateway check"),
        (CONFIG, "admin.token: the environment variable ADMIN_TOKEN is not set; put the admin token into $LLMGATEWAY"),
        ("admin = 3", "[admin] does not hold"),
    ],
)
def test_a_file_that_cannot_tell_leads_to_advice(file, capsys, text, told):
    file.write_text(text)
    with pytest.raises(typer.Exit) as left:
        locate(file, None, TOKEN_ENV)
    assert left.value.exit_code == 2
    said = capsys.readouterr().err
    assert told in said
    assert "--url" in said or TOKEN_ENV in said


def test_a_file_without_a_data_table_means_the_default_folder(file, capsys):
    file.write_text("[admin]\n")
    assert str(data_folder(file)) == "data"
    file.write_text("[data]\ndir = 3\n")
    with pytest.raises(typer.Exit):
        data_folder(file)
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["localhost:8081", "ftp://x", "http://"])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(typer.Exit):
        locate(None, url, TOKEN_ENV)
