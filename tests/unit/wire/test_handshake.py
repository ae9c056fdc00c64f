"""Opening a WebSocket: what is asked for, what is granted, and which subprotocols are secrets."""

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.handshake import Offer, protocol_keys, read_offer
from llmgateway.wire.websocket import accept

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
OFFER = {
    b"connection": b"keep-alive, Upgrade",
    b"upgrade": b"WebSocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def read(more: dict[bytes, bytes | None] | None = None, extra=(), **how) -> Offer:
    headers = [(name, value) for name, value in {**OFFER, **(more or {})}.items() if value is not None]
    how = {"method": "GET", "is_http11": True, "has_body": False, **how}
    return read_offer(how["method"], [*headers, *extra], is_http11=how["is_http11"], has_body=how["has_body"])


def test_an_offer_is_read_and_put_to_a_backend_without_secrets_and_extensions() -> None:
    protocols = b"realtime, openai-insecure-api-key.lgw_secret,openai-organization.org-1, OpenAI-Project.p"
    offer = read({b"sec-websocket-protocol": protocols, b"sec-websocket-extensions": b"permessage-deflate"})
    assert offer == Offer(KEY, (b"realtime",))
    assert offer.lines() == (
        b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: " + KEY + b"\r\nsec-websocket-protocol: realtime\r\n"
    )


def test_without_subprotocols_none_is_asked_for() -> None:
    assert b"protocol" not in read().lines()
    assert b"protocol" not in read().answer(None)


NOT_ASKED = {
    "no upgrade": ({b"upgrade": None}, {}),
    "another protocol": ({b"upgrade": b"h2c"}, {}),
    "several protocols": ({b"upgrade": b"websocket, h2c"}, {}),
    "no connection": ({b"connection": b"keep-alive"}, {}),
    "post": ({}, {"method": "POST"}),
    "head": ({}, {"method": "HEAD"}),
    "http 1.0": ({}, {"is_http11": False}),
    "version 8": ({b"sec-websocket-version": b"8"}, {}),
    "no version": ({b"sec-websocket-version": None}, {}),
}


@pytest.mark.parametrize(("more", "how"), NOT_ASKED.values(), ids=NOT_ASKED.keys())
def test_what_asks_for_something_else_is_told_what_to_ask_for(more, how) -> None:
    with pytest.raises(GatewayError) as refusal:
        read(more, **how)
    assert refusal.value.code == "upgrade_required"


MALFORMED = {
    "no key": ({b"sec-websocket-key": None}, {}),
    "a short key": ({b"sec-websocket-key": b"dGhlIHNhbXBsZQ=="}, {}),
    "no base64": ({b"sec-websocket-key": b"!" * 24}, {}),
    "a body": ({}, {"has_body": True}),
    "a subprotocol that is no token": ({b"sec-websocket-protocol": b"real time"}, {}),
    "a subprotocol twice": ({b"sec-websocket-protocol": b"realtime, realtime"}, {}),
    "many subprotocols": ({b"sec-websocket-protocol": b",".join(b"p%d" % n for n in range(17))}, {}),
}


@pytest.mark.parametrize(("more", "how"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_offer_is_refused(more, how) -> None:
    with pytest.raises(GatewayError) as refusal:
        read(more, **how)
    assert refusal.value.code == "bad_request"


@pytest.mark.parametrize("name", [b"sec-websocket-key", b"sec-websocket-version"])
def test_what_may_stand_once_is_refused_twice(name) -> None:
    with pytest.raises(GatewayError):
        read(extra=[(name, OFFER[name])])


def test_the_keys_among_the_subprotocols_are_found_in_all_fields() -> None:
    headers = [
        (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.Abc"),
        (b"sec-websocket-protocol", b"openai-insecure-api-key.Def"),
    ]
    assert protocol_keys(headers) == [b"Abc", b"Def"]
    assert protocol_keys([]) == []


GRANT = {b"upgrade": b"websocket", b"connection": b"upgrade", b"sec-websocket-accept": accept(KEY)}
WRONG = {
    "another accept": {b"sec-websocket-accept": accept(b"x")},
    "no accept": {b"sec-websocket-accept": None},
    "another protocol": {b"upgrade": b"h2c"},
    "an extension": {b"sec-websocket-extensions": b"permessage-deflate"},
    "a subprotocol nobody offered": {b"sec-websocket-protocol": b"other"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_grant_of_something_else_is_a_fault_of_the_backend(wrong) -> None:
    headers = [(name, value) for name, value in {**GRANT, **wrong}.items() if value is not None]
    with pytest.raises(GatewayError) as refusal:
        Offer(KEY, (b"realtime",)).granted(headers)
    assert refusal.value.code == "upstream_protocol"


def test_a_grant_goes_to_the_caller_with_the_subprotocol_chosen() -> None:
    offer = Offer(KEY, (b"realtime",))
    assert offer.granted(list(GRANT.items())) is None
    assert offer.granted([*GRANT.items(), (b"sec-websocket-protocol", b"realtime")]) == b"realtime"
    assert offer.answer(b"realtime") == (
        b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"sec-websocket-protocol: realtime\r\n"
    )
