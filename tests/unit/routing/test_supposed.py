"""A request that somebody describes: whose it is, which dialect it speaks, and what is missing."""

import pytest
from tests.unit.routing.test_explain import CONFIG, SNAPSHOT

from llmgateway import plugins
from llmgateway.config.loader import load
from llmgateway.config.snapshot import ANONYMOUS
from llmgateway.routing.spoken import is_messages, spoken
from llmgateway.routing.supposed import Supposed, UnknownNameError, asked, model_in

DIALECTS = plugins.load_all("dialect")


def made(**known):
    return asked(SNAPSHOT, DIALECTS, Supposed(0.0, **known))


def test_without_a_body_there_is_one_that_names_the_model():
    request, note = made(model="assistant", key="app")
    assert (request.body, request.path, request.dialect.name) == (
        b'{"model":"assistant"}',
        "/v1/chat/completions",
        "openai",
    )
    assert note == ""
    assert made(key="app")[0].body == b""


def test_the_bodys_model_counts_where_no_other_is_named():
    assert made(body=b'{"model": "gpt-4"}')[0].key.name == "app"
    assert made(body=b'{"model": "nobody"}', model="assistant")[0].model == "assistant"
    assert [model_in(body) for body in (b'{"model": 1}', b"[]", b"{", b"")] == [None] * 4


@pytest.mark.parametrize(
    ("known", "what", "words"),
    [
        ({"model": "asistant"}, "route", 'no route is called "asistant"; did you mean "assistant"?'),
        ({"body": b'{"model":"nobody"}'}, "route", 'no route is called "nobody"'),
        ({"model": "assistant", "key": "ap"}, "key", 'no key is called "ap"; did you mean "app"?'),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(known, what, words):
    with pytest.raises(UnknownNameError) as error:
        made(**known)
    assert (error.value.what, words in str(error.value)) == (what, True)


def test_without_enabled_keys_for_the_route_one_has_to_be_named():
    snapshot = load(
        CONFIG.replace("[keys.app]", "[keys.app]\nenabled = false").replace(
            "[keys.ops]", "[keys.ops]\nenabled = false"
        ),
        providers=("openai",),
        generation=1,
        environ={},
    )
    with pytest.raises(UnknownNameError, match="no enabled key"):
        asked(snapshot, DIALECTS, Supposed(0.0, model="assistant"))
    request, note = asked(snapshot, DIALECTS, Supposed(0.0, model="assistant", key="app"))
    assert (request.key.name, "switched off" in note) == ("app", True)


def test_without_keys_everybody_is_anonymous():
    snapshot = load(CONFIG[: CONFIG.index("[keys.app]")], providers=("openai",), generation=1, environ={})
    assert asked(snapshot, DIALECTS, Supposed(0.0, model="assistant"))[0].key is ANONYMOUS


@pytest.mark.parametrize(
    ("method", "path", "has_header", "dialect", "operation"),
    [
        ("POST", "/v1/messages", False, "anthropic", "messages"),
        ("POST", "/v1/chat/completions", False, "openai", "chat.completions"),
        ("POST", "/v1/chat/completions", True, "openai", "chat.completions"),  # a header makes it no other endpoint
        ("POST", "/v1/who/knows", True, "anthropic", "other"),
        ("POST", "/v1/messagesx", False, "openai", "other"),
    ],
)
def test_the_dialect_is_the_endpoints(method, path, has_header, dialect, operation):
    found, kind = spoken(DIALECTS, method, path, is_anthropic=has_header or is_messages(path))
    assert (found.name, kind.name) == (dialect, operation)


def test_a_header_of_anthropics_sdks_means_their_endpoint():
    request, _ = made(model="assistant", headers={b"anthropic-version": b"2023-06-01"})
    assert (request.path, request.dialect.name) == ("/v1/messages", "anthropic")
