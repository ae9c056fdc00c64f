"""Secrets: where they come from, and that they show up nowhere."""

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.unit.config.conftest import TEXT, Accept, Refuse

from llmgateway.config.describe import describe
from llmgateway.config.problems import ConfigError
from llmgateway.config.schema import Config
from llmgateway.config.source import parse

CANARY = "sk-canary-0123456789abcdef"


def key(written: str) -> tuple[str, str]:
    return ("[backends.two]", f"api_key = {written!r}\n[backends.two]")


def test_a_secret_comes_from_the_environment_a_file_or_the_text(accept: Accept, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{CANARY}\n")
    for written in ("env:ONE_KEY", f"file:{file}", CANARY):
        backend = accept(key(written), environ={"ONE_KEY": CANARY}).snapshot.backends["one"]
        assert backend.api_key is not None
        assert backend.api_key.reveal() == CANARY


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("env:ONE_KEY", "the environment variable ONE_KEY is not set"),
        ("env:EMPTY", "the environment variable EMPTY is set, but empty"),
        ("env:", 'must name a variable after "env:", like "env:OPENAI_API_KEY"'),
        ("env:A B", 'must name a variable after "env:", like "env:OPENAI_API_KEY"'),
        ("file:", 'must name a file after "file:", like "file:/run/secrets/openai"'),
        ("file:/nonexistent/key", '"/nonexistent/key" is not there, or is not a regular file'),
        ("file:/dev/zero", '"/dev/zero" is not there, or is not a regular file'),
        ("$ONE_KEY", 'is not looked up when written like this; write "env:NAME" or "file:PATH"'),
        ("${ONE_KEY}", 'is not looked up when written like this; write "env:NAME" or "file:PATH"'),
        ("ENV:ONE_KEY", 'is not looked up when written like this; write "env:NAME" or "file:PATH"'),
        ("", "must not be empty"),
    ],
)
def test_a_missing_secret_is_an_error_with_its_line(refuse: Refuse, written: str, reason: str) -> None:
    assert refuse(key(written), environ={"EMPTY": " \n"}) == [f"config.toml:8: backends.one.api_key: {reason}"]


def test_a_secret_that_could_split_a_header_is_refused_and_not_quoted(refuse: Refuse, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(f"{CANARY}\r\nx-evil: 1".encode())
    for written in ("env:K", f"file:{file}"):
        (problem,) = refuse(key(written), environ={"K": f"{CANARY}\nx"})
        assert "line break" in problem
        assert CANARY not in problem


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"x" * 70_000, "larger than 64 KiB")])
def test_a_secrets_file_must_be_a_secrets_size(refuse: Refuse, tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    (problem,) = refuse(key(f"file:{file}"))
    assert reason in problem


def test_headers_may_be_references_too(accept: Accept) -> None:
    changes = ("[backends.two]", 'headers = { X-Token = "env:T", X-Team = "search" }\n[backends.two]')
    examined = accept(changes, environ={"T": CANARY})
    backend = examined.snapshot.backends["one"]
    assert backend.headers == (("x-token", CANARY), ("x-team", "search"))
    assert CANARY not in repr(backend)
    assert examined.warnings == ()


def test_without_an_environment_a_reference_stands_for_itself(accept: Accept) -> None:
    backend = accept(key("env:ONE_KEY"), environ=None).snapshot.backends["one"]
    assert backend.api_key is not None
    assert backend.api_key.reveal() == "env:ONE_KEY"


def test_a_literal_secret_is_allowed_with_a_warning(accept: Accept) -> None:
    (warning,) = accept(key(CANARY)).warnings
    assert str(warning) == (
        'config.toml:8: backends.one.api_key: the secret stands in this file; write "env:NAME" or "file:PATH" instead'
    )


def test_a_secret_is_in_no_repr_and_no_description(accept: Accept) -> None:
    admin = ("[backends.one]", f'token = "{CANARY}"\n[backends.one]')
    headers = ("[routes.assistant]", f'headers = {{ authorization = "{CANARY}" }}\n[routes.assistant]')
    examined = accept(key(CANARY), admin, headers)
    snapshot = examined.snapshot
    shown = [repr(snapshot), str(snapshot), str(describe(snapshot)), repr(examined.warnings)]
    shown.append(repr(Config.model_validate(parse(examined.text, "f"))))
    assert all(CANARY not in text for text in shown)


@pytest.mark.parametrize(
    "change",
    [
        ("[backends.two]", f'api_key = ["{CANARY}"]\n[backends.two]'),
        ("[backends.two]", f'api_key = {{ x = "{CANARY}" }}\n[backends.two]'),
        ("[backends.two]", f'headers = {{ x = ["{CANARY}"] }}\n[backends.two]'),
        ("[backends.two]", f'headers = "{CANARY}"\n[backends.two]'),
        ("[backends.one]", f'token = ["{CANARY}"]\n[backends.one]'),
        ('hash = "sha256:', f'hash = "{CANARY}'),
        ('base_url = "http://', f'base_url = "http://user:{CANARY}@'),
        ("[backends.two]", f'proxy = "http://user:{CANARY}@proxy:1"\n[backends.two]'),
        ("[admin]", f'timeouts = {{ header = "{CANARY}" }}\n[admin]'),
    ],
)
def test_a_secret_in_a_wrong_place_is_in_no_error_and_no_traceback(accept: Accept, change: tuple[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        accept(change)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in TEXT


def test_the_schema_itself_does_not_echo_what_it_refuses() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"admin": {"token": [CANARY]}})
    assert CANARY not in str(caught.value)
