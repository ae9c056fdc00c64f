"""What masks a text whose route nobody knows yet: all that any route masks, and nothing where none does."""

import pytest

from llmgateway import plugins
from llmgateway.config.loader import load
from llmgateway.guarding.guards import Guard, Guards

CONFIG = """
[journal]
bodies = "JOURNAL"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[guardrails.projects]
use = "denylist"
words = ["Bluebird"]
action = "ACTION"
mode = "MODE"
[routes.plain]
bodies = "full"
[routes.plain.versions.v1]
backends = ["one"]
[routes.other]
bodies = "OTHER"
guardrails = ["projects"]
[routes.other.versions.v1]
backends = ["one"]
"""
TEXT = "Bluebird: write to alice.liddell@gmail.com"


def strictest(journal: str = "full", other: str = "full", action: str = "flag", mode: str = "enforce") -> Guard | None:
    text = CONFIG.replace("JOURNAL", journal).replace("OTHER", other).replace("ACTION", action).replace("MODE", mode)
    guardrails = plugins.guardrails()
    snapshot = load(text, providers=("openai",), guardrails=guardrails, generation=1, environ={})
    return Guards.of(snapshot, lambda name, options: guardrails[name](options)).strictest


@pytest.mark.parametrize(("action", "mode"), [("flag", "enforce"), ("redact", "observe")])
def test_where_no_route_masks_anything_nothing_is_masked(action: str, mode: str) -> None:
    assert strictest(action=action, mode=mode) is None


@pytest.mark.parametrize("action", ["redact", "block"])
def test_what_one_route_keeps_back_is_masked_for_all(action: str) -> None:
    guard = strictest(action=action)
    assert guard is not None
    assert "Bluebird" not in guard.masked_text(TEXT)


@pytest.mark.parametrize(
    ("journal", "other"), [("redacted", "full"), ("full", "redacted"), ("hash", "full"), ("full", "none")]
)
def test_where_one_route_does_not_store_bodies_as_they_are_all_such_texts_are_redacted(
    journal: str, other: str
) -> None:
    guard = strictest(journal, other)
    assert guard is not None
    assert "liddell" not in guard.masked_text(TEXT)
    assert ("Bluebird" in guard.masked_text(TEXT)) == (other == "full")
