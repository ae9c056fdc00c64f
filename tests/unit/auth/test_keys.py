from hashlib import sha256

import pytest

from llmgateway.auth.keys import ANONYMOUS, MAX_KEY_BYTES, check_nearby, identify, presented, presented_by_browser
from llmgateway.config.snapshot import Key
from llmgateway.domain.errors import GatewayError

SECRET = b"lgw_secret"
KEY = Key("app", sha256(SECRET).digest(), expires_at=2_000.0)
KEYS = {KEY.digest: KEY}


def header_of(**headers: bytes):
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return named.get


def test_a_key_is_read_from_either_header():
    assert presented(header_of(authorization=b"Bearer abc")) == b"abc"
    assert presented(header_of(authorization=b"bearer  abc ")) == b"abc"
    assert presented(header_of(x_api_key=b"abc")) == b"abc"
    assert presented(header_of()) is None


def test_the_same_key_twice_is_one_key():
    assert presented(header_of(authorization=b"Bearer abc", x_api_key=b"abc")) == b"abc"


def test_two_different_keys_are_refused():
    with pytest.raises(GatewayError, match="conflicting_credentials"):
        presented(header_of(authorization=b"Bearer abc", x_api_key=b"abd"))


def protocols(*values: bytes):
    return [(b"sec-websocket-protocol", value) for value in values]


@pytest.mark.parametrize(
    ("headers", "credential", "found"),
    [
        (protocols(b"realtime, openai-insecure-api-key.abc"), None, b"abc"),
        (protocols(b"realtime", b"openai-insecure-api-key.abc"), b"abc", b"abc"),
        (protocols(b"realtime"), b"abc", b"abc"),
        ([], None, None),
    ],
)
def test_a_browser_may_send_its_key_among_the_subprotocols(headers, credential, found):
    assert presented_by_browser(headers, credential) == found


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        (protocols(b"openai-insecure-api-key.abc"), b"abd"),
        (protocols(b"openai-insecure-api-key.abc, openai-insecure-api-key.abd"), None),
    ],
)
def test_a_browsers_different_keys_are_refused(headers, credential):
    with pytest.raises(GatewayError, match="conflicting_credentials"):
        presented_by_browser(headers, credential)


@pytest.mark.parametrize("value", [b"Basic abc", b"Bearer", b"Bearer  ", b"abc"])
def test_another_scheme_is_refused(value):
    with pytest.raises(GatewayError, match="invalid_api_key"):
        presented(header_of(authorization=value))


def test_a_known_key_is_found_by_its_hash():
    assert identify(SECRET, KEYS, 1_000.0) is KEY


@pytest.mark.parametrize("credential", [None, b"", b"lgw_secreT", b"' OR 1=1", b"x" * (MAX_KEY_BYTES + 1)])
def test_anything_else_is_refused(credential):
    with pytest.raises(GatewayError, match="invalid_api_key"):
        identify(credential, KEYS, 1_000.0)


def test_an_expired_key_is_refused_from_the_second_it_expires():
    with pytest.raises(GatewayError, match="expired"):
        identify(SECRET, KEYS, 2_000.0)


def test_a_key_that_is_switched_off_is_refused():
    key = Key("off", KEY.digest, is_enabled=False)
    with pytest.raises(GatewayError, match="invalid_api_key"):
        identify(SECRET, {key.digest: key}, 0.0)


def test_without_keys_everyone_is_anonymous():
    assert identify(None, {}, 0.0) is ANONYMOUS
    assert identify(b"anything", {}, 0.0) is ANONYMOUS


def nearby(host: bytes | None, origin: bytes | None = None, origins: tuple[str, ...] = ()) -> bool:
    try:
        check_nearby({b"host": host, b"origin": origin}.get, origins)
    except GatewayError as error:
        assert error.code == "invalid_api_key"
        return False
    return True


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:80", b"127.0.0.1:8080", b"127.1.2.3", b"[::1]:8080", None])
def test_without_keys_this_machine_is_served_by_its_own_names(host):
    assert nearby(host)
    assert nearby(host, b"http://localhost:3000")
    assert nearby(host, b"https://app.example", ("https://app.example",))


@pytest.mark.parametrize(
    "host", [b"evil.example:8080", b"127.0.0.1.evil.example", b"[::1", b"", b"localhost.evil", b"10.0.0.1"]
)
def test_without_keys_a_page_whose_name_leads_here_is_refused(host):
    """DNS rebinding, as in CVE-2024-28224."""
    assert not nearby(host)


@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"null", b"http://localhost.evil.example", b"", b"http://[::1"]
)
def test_without_keys_a_page_from_elsewhere_is_refused(origin):
    assert not nearby(b"localhost", origin)
    assert not nearby(b"localhost", origin, ("https://app.example",))
