"""Cookies that say who is there: not to be forged, altered, kept too long, or used with another token."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from llmgateway.controlplane.pages.session import LIFETIME_S, Sessions

NOW = 1_700_000_000.0
SECRET = b"of the data folder, 32 bytes long"
SESSIONS = Sessions(SECRET)


@pytest.mark.parametrize("who", ["ann", "花子", "a:b", "x" * 100])
@pytest.mark.parametrize("token", [None, b"digest"])
def test_a_cookie_says_who_it_is_of_until_it_is_too_old(who, token):
    cookie = SESSIONS.issue(who, NOW, token)
    session = SESSIONS.read(cookie, NOW, token)
    assert session is not None
    assert session.who == who
    assert SESSIONS.read(cookie, NOW + LIFETIME_S - 2, token) is not None
    assert SESSIONS.read(cookie, NOW + LIFETIME_S, token) is None


def test_another_token_another_secret_and_none_at_all_open_nothing():
    cookie = SESSIONS.issue("ann", NOW, b"digest")
    assert SESSIONS.read(cookie, NOW, b"other") is None
    assert SESSIONS.read(cookie, NOW, None) is None
    assert Sessions(b"x" * 32).read(cookie, NOW, b"digest") is None
    for nothing in (None, "", "x", "é", "====", "A" * 2_000):
        assert SESSIONS.read(nothing, NOW, b"digest") is None


def test_no_byte_of_it_can_be_another():
    whole = bytearray(urlsafe_b64decode(SESSIONS.issue("ann", NOW, b"digest")))
    for at in range(len(whole)):
        altered = bytes(whole[:at]) + bytes([whole[at] ^ 1]) + bytes(whole[at + 1 :])
        assert SESSIONS.read(urlsafe_b64encode(altered).decode(), NOW, b"digest") is None
    assert SESSIONS.read(urlsafe_b64encode(bytes(whole) + b"a").decode(), NOW, b"digest") is None


def test_a_form_s_proof_is_of_its_session_and_no_part_of_the_cookie():
    one, other = SESSIONS.issue("ann", NOW, b"digest"), SESSIONS.issue("bob", NOW, b"digest")
    proofs = [SESSIONS.read(each, NOW, b"digest").form for each in (one, other)]
    assert proofs[0] != proofs[1]
    assert bytes.fromhex(proofs[0]) not in urlsafe_b64decode(one)
