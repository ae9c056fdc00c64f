"""A body as JSON: text or base64, whole or cut."""

import pytest

from llmgateway.ports.store import Body
from llmgateway.store.shown import shown_body


def body(content):
    return Body("reply", "text/plain", 5, content)


def test_what_was_not_kept_has_facts_only():
    assert shown_body(body(None)) == {
        "kind": "reply", "media": "text/plain", "size": 5, "sha256": None, "truncated": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "limit", "shown"),
    [
        (b"h\xc3\xa9", None, {"content": "hé"}),
        (b"h\xc3\xa9", 3, {"content": "hé", "cut": False}),
        (b"h\xc3\xa9", 2, {"content": "h", "cut": True}),  # half a letter is no letter
        (b"\x00\xff", None, {"content_base64": "AP8="}),
        (b"\x00\xff", 5, {"content_base64": "AP8=", "cut": False}),
        (b"", None, {"content": ""}),
    ],
)
def test_text_is_text_and_the_rest_is_base64(content, limit, shown):
    told = shown_body(body(content), limit)
    assert {name: told[name] for name in told.keys() - shown_body(body(None)).keys()} == shown
