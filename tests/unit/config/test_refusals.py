"""Doors that would be open, and files that cannot be used."""

from pathlib import Path

import pytest
import trustme
from tests.unit.config.conftest import Accept, Refuse

PUBLIC = ("0.0.0.0", "[::]", "", "*", "10.0.0.1", "[2001:db8::1]", "gateway.example", "8.8.8.8")
KEYS = """[keys.app]
hash = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
routes = ["assistant"]
default_route = "assistant"
"""


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_data_port_without_keys_is_refused(refuse: Refuse, accept: Accept, host: str) -> None:
    listen = ("127.0.0.1:8080", f"{host}:8080")
    (problem,) = refuse(listen, (KEYS, ""))
    assert problem.startswith("config.toml:2: server.listen: ")
    assert "no key in [keys]" in problem
    accept(listen)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_loopback_needs_no_keys(accept: Accept, host: str) -> None:
    assert accept(("127.0.0.1:8080", f"{host}:8080"), (KEYS, "")).snapshot.keys == {}


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_admin_port_without_a_token_is_refused(refuse: Refuse, accept: Accept, host: str) -> None:
    listen = ("127.0.0.1:8081", f"{host}:8081")
    (problem,) = refuse(listen)
    assert problem.startswith("config.toml:4: admin.listen: ")
    assert "[admin] has no token" in problem
    accept(listen, ("[backends.one]", 'token = "env:T"\n[backends.one]'), environ={"T": "x" * 16})


def test_a_public_admin_port_with_a_guessable_token_is_refused(refuse: Refuse, accept: Accept) -> None:
    token = ("[backends.one]", 'token = "env:T"\n[backends.one]')
    assert refuse(("127.0.0.1:8081", "0.0.0.0:8081"), token, environ={"T": "admin"}) == [
        "config.toml:5: admin.token: must be at least 16 characters long on a public address"
    ]
    accept(token, environ={"T": "admin"})


def test_a_signing_secret_that_can_be_guessed_is_refused_even_at_home(refuse: Refuse, accept: Accept) -> None:
    secret = ("[backends.one]", '[scores]\ntoken_secret = "env:S"\n[backends.one]')
    (problem,) = refuse(secret, environ={"S": "x" * 31})
    assert problem.startswith("config.toml:6: scores.token_secret: must be at least 32 characters long")
    assert accept(secret, environ={"S": "x" * 32}).snapshot.scores.token_secret is not None


@pytest.mark.parametrize("token", ["", "env:T"])
def test_an_empty_token_is_no_token(refuse: Refuse, token: str) -> None:
    (problem,) = refuse(
        ("127.0.0.1:8081", "0.0.0.0:8081"), ("[backends.one]", f'token = "{token}"\n[backends.one]'), environ={"T": ""}
    )
    assert problem.startswith("config.toml:5: admin.token: ")
    assert "empty" in problem


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "0.0.0.0:8080"])
def test_the_two_listeners_need_ports_of_their_own(refuse: Refuse, listen: str) -> None:
    token = ("[backends.one]", 'token = "env:T"\n[backends.one]')
    (problem,) = refuse(("127.0.0.1:8081", listen), token, environ={"T": "x" * 16})
    assert problem == "config.toml:4: admin.listen: takes the port of [server]; the two need ports of their own"


def test_two_free_ports_do_not_collide(accept: Accept) -> None:
    accept(("127.0.0.1:8080", "127.0.0.1:0"), ("127.0.0.1:8081", "127.0.0.1:0"))


def _tls(cert: Path | str, key: Path | str) -> tuple[str, str]:
    return "[admin]", f'tls = {{ cert = "{cert}", key = "{key}" }}\n[admin]'


def test_certificates_must_be_there_and_belong_together(refuse: Refuse, accept: Accept, tmp_path: Path) -> None:
    authority = trustme.CA()
    for name in ("a", "b"):
        issued = authority.issue_cert("localhost")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    cert, key, other = tmp_path / "a.pem", tmp_path / "a.key", tmp_path / "b.key"
    assert accept(_tls(cert, key)).snapshot.server.tls is not None
    assert refuse(_tls(cert, other)) == [
        "config.toml:3: server.tls: cert and key must be PEM files that belong together, the key without a password"
    ]
    assert refuse(_tls(tmp_path / "none", key)) == [
        f'config.toml:3: server.tls.cert: "{tmp_path}/none" is not there, or is not a regular file'
    ]
    assert accept(_tls(tmp_path / "none", key), environ=None).snapshot.server.tls is not None
    accept(("[backends.two]", f'ca_file = "{tmp_path}/ca.pem"\n[backends.two]'))
    assert refuse(("[backends.two]", f'ca_file = "{key}"\n[backends.two]')) == [
        f'config.toml:8: backends.one.ca_file: "{key}" holds no certificates in PEM form'
    ]


def test_a_header_cannot_be_set_twice(refuse: Refuse) -> None:
    assert refuse(("[backends.two]", 'headers = { X-A = "1", x-a = "2" }\n[backends.two]')) == [
        "config.toml:8: backends.one.headers: names a header twice"
    ]


def test_a_health_that_makes_no_sense_is_refused(refuse: Refuse) -> None:
    health = "[backends.one.health]\n{}\n[backends.two]"
    (problem,) = refuse(("[backends.two]", health.format('probe = "chat"')))
    assert problem.endswith('backends.one.health.probe: "chat" needs a probe_model to ask')
    (problem,) = refuse(("[backends.two]", health.format('eject = "10s"\neject_max = "5s"')))
    assert problem.endswith("backends.one.health.eject_max: is shorter than eject")
    (problem,) = refuse(("[backends.two]", health.format('probe = "chatty"')))
    assert "health.probe: must be 'none', 'models', 'health' or 'chat'" in problem


def test_a_limit_is_a_number_or_unlimited(refuse: Refuse, accept: Accept) -> None:
    here = "[backends.two]"
    assert accept((here, f'max_concurrent = "unlimited"\n{here}')).snapshot.backends["one"].max_concurrent is None
    for wrong in ('"many"', "0", "1.5", "true"):
        (problem,) = refuse((here, f"max_concurrent = {wrong}\n{here}"))
        assert "backends.one.max_concurrent: must be" in problem


def test_room_for_bodies_must_hold_one_of_the_largest(refuse: Refuse, accept: Accept) -> None:
    (problem,) = refuse(more='[server.overload]\nmax_body_memory = "36MiB"\n')
    assert problem.startswith("config.toml:24: server.overload.max_body_memory: holds no body of the size")
    accept(more='[server.overload]\nmax_body_memory = "37MiB"\n')
