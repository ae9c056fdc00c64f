"""A small configuration that holds, to be changed in one place and loaded."""

from collections.abc import Callable, Mapping

import pytest

from llmgateway.config.loader import Examined, examine
from llmgateway.config.problems import ConfigError

TEXT = """\
[server]
listen = "127.0.0.1:8080"
[admin]
listen = "127.0.0.1:8081"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:9002/v1"
[routes.assistant]
fallback = ["v1"]
[routes.assistant.versions.v1]
backends = ["one"]
weight = 90
[routes.assistant.versions.v2]
backends = ["two"]
weight = 10
[keys.app]
hash = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
routes = ["assistant"]
default_route = "assistant"
"""

OPERATIONS = ("chat.completions", "embeddings", "files.create", "files.delete", "models.list", "other", "realtime")

Change = tuple[str, str]
Accept = Callable[..., Examined]
Refuse = Callable[..., list[str]]


def _changed(changes: tuple[Change, ...], more: str) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text + more


@pytest.fixture
def accept() -> Accept:
    """Load the text with changes (old, new) and more at its end."""

    def accept(*changes: Change, more: str = "", environ: Mapping[str, str] | None = {}, now: float = 0.0) -> Examined:
        text = _changed(changes, more)
        known = {"providers": ("openai", "anthropic"), "operations": OPERATIONS}
        return examine(text, **known, generation=7, environ=environ, now=now)

    return accept


@pytest.fixture
def refuse(accept: Accept) -> Refuse:
    """The problems of the text with these changes, as they are printed."""

    def refuse(*changes: Change, more: str = "", environ: Mapping[str, str] | None = {}) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            accept(*changes, more=more, environ=environ)
        return [str(problem) for problem in caught.value.problems]

    return refuse
