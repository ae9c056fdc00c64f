"""Keys that may ask for some operations only."""

import pytest

from llmgateway.auth import permits as module
from llmgateway.auth.permits import Permits, permits
from llmgateway.config.snapshot import Key
from llmgateway.domain.errors import GatewayError


def key(*operations: str, name: str = "app") -> Key:
    return Key(name, b"", operations=operations or None)


@pytest.mark.parametrize(
    ("operations", "asked", "allowed"),
    [
        ((), "files.delete", True),
        (("chat.completions", "embeddings"), "chat.completions", True),
        (("chat.completions", "embeddings"), "chat.completions.stored", False),
        (("chat.*",), "chat.completions.delete", True),
        (("chat.*",), "chat", False),
        (("files.*",), "files.delete", True),
        (("files.*",), "files", False),
        (("*.list", "*.retrieve"), "messages.batches.list", True),
        (("*.list", "*.retrieve"), "files.delete", False),
        (("models.*",), "other", False),
    ],
)
def test_patterns_name_operations(operations, asked, allowed):
    assert permits(key(*operations), asked) is allowed
    if allowed:
        Permits().check(key(*operations), asked)
    else:
        with pytest.raises(GatewayError, match="operation_not_allowed"):
            Permits().check(key(*operations), asked)


def test_an_answer_is_kept_for_this_key_and_this_operation_alone():
    asked = Permits()
    narrow, wide = key("embeddings", name="narrow"), key("*.delete", name="wide")
    for _ in range(2):
        asked.check(narrow, "embeddings")
        asked.check(wide, "files.delete")
        for one, operation in ((narrow, "files.delete"), (wide, "embeddings")):
            with pytest.raises(GatewayError):
                asked.check(one, operation)


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    asked = Permits()
    for index in range(10):
        asked.check(key("embeddings", name=f"k{index}"), "embeddings")
    assert len(asked._known) == 3
    with pytest.raises(GatewayError):
        asked.check(key("embeddings", name="k9"), "files.delete")
