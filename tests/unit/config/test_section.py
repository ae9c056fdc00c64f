"""Where a route's tables are: together, with headers of their own, or nowhere."""

import tomllib

import pytest

from llmgateway.config import edit
from llmgateway.config.section import of_route

OURS = """\
[routes.chat] # the chat
sticky = "user"
[[routes.chat.rules]]
name = "gold" # first
use = { v1 = 1 }
[routes.chat.versions.v1]
backends = ["one"]
weight = 90 # most
# behind it
"""
BEFORE = '# a file\n[backends.one]\nprovider = "openai"\n\n[routes.other.versions.v1]\nbackends = ["one"]\n\n'
AFTER = '\n[routes."chat.x".versions.v1]\nbackends = ["one"]\n[keys.app]\nroutes = ["chat"]\n'


@pytest.mark.parametrize("before", ["", BEFORE])
@pytest.mark.parametrize("after", ["", AFTER])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_it_goes_from_the_first_header_to_that_of_another(before, after, ends):
    text = (before + OURS + after).replace("\n", ends)
    begin, end = of_route(text, "chat")
    assert text[begin:end].strip() == OURS.replace("\n", ends).strip()
    assert text[:begin] == before.replace("\n", ends)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('[routes."gpt-*"]', "gpt-*"),
        ("[routes.'a.b'.versions.v1]", "a.b"),
        ('[ routes . "a" ] # [keys]', "a"),
        ('  [[routes."a".rules]]', "a"),
        ('["routes"."é"]', "é"),
    ],
)
def test_headers_are_read_as_toml_has_them(header, name):
    text = f"{BEFORE}{header}\nx = 1\n{AFTER}"
    begin, end = of_route(text, name)
    assert text[begin:end].strip() == f"{header.strip()}\nx = 1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        BEFORE,
        OURS + AFTER + "[routes.chat.versions.v2]\nbackends = []\n",
        '[routes]\nchat.sticky = "user"\n',
        'routes = { chat = { sticky = "user" } }\n',
    ],
)
def test_what_does_not_stand_together_is_nowhere(text):
    assert of_route(text, "chat") is None


TRICKY = '''\
[guardrails.x]
words = """
[routes.chat]
"""
rows = [
["a"]
]
'''


@pytest.mark.parametrize("before", [BEFORE, BEFORE + TRICKY])
def test_a_change_leaves_everything_else_to_the_byte(before):
    text = before + OURS + AFTER
    after = edit.with_weights(text, "f", "chat", {"v1": 50})
    assert after == text.replace("weight = 90 # most", "weight = 50 # most")


def test_what_looks_like_a_header_within_the_route_is_no_end_of_it():
    ours = OURS.replace('"user"', '"""\n[keys.app]\n"""')
    after = edit.with_weights(BEFORE + ours + AFTER, "f", "chat", {"v1": 50})
    wanted = tomllib.loads(BEFORE + ours + AFTER)
    wanted["routes"]["chat"]["versions"]["v1"]["weight"] = 50
    assert tomllib.loads(after) == wanted


def test_the_rest_is_not_parsed_for_a_change(monkeypatch):
    seen = []
    parse = edit.tomlkit.parse
    monkeypatch.setattr(edit.tomlkit, "parse", lambda text: seen.append(text) or parse(text))
    edit.with_weights(BEFORE + OURS + AFTER, "f", "chat", {"v1": 50})
    assert [each.strip() for each in seen] == [OURS.strip()]
