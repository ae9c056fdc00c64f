"""What the tests of shadows share: routes with a shadow, two backends, and the pairs the journal has in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.plane import BOUND_S, Plane, plane
from tests.support.wire_backend import Step, WireBackend

from llmgateway.journal.frame import Record

# `assistant` and `claude` are copied whole to backend two; `plain` is the same without a shadow.
CONFIG = """
[data]
dir = "{data}"
[journal]
bodies = "full"
raw_events = true
JOURNAL
[backends.one]
provider = "openai"
base_url = "{one}/v1"
api_key = "sk-upstream-secret"
[backends.two]
provider = "openai"
base_url = "{two}/v1"
api_key = "sk-shadow-secret"
timeouts = { connect = "300ms", first_byte = "5s", idle = "5s", total = "8s" }
[backends.claude]
provider = "anthropic"
base_url = "{one}"
[backends.claude_two]
provider = "anthropic"
base_url = "{two}"
[routes.plain.versions.v1]
backends = ["one"]
model = "upstream-model"
[routes.assistant]
fallback = ["v3"]
retries = { base = "5ms" }
[routes.assistant.shadow]
version = "v2"
share = 1
SHADOW
[routes.assistant.versions.v1]
backends = ["one"]
model = "upstream-model"
weight = 1
[routes.assistant.versions.v2]
backends = ["two"]
model = "shadow-model"
params = { temperature = 0.5 }
[routes.assistant.versions.v3]
backends = ["one"]
[routes.claude]
shadow = { version = "v2", share = 1 }
[routes.claude.versions.v1]
backends = ["claude"]
weight = 1
[routes.claude.versions.v2]
backends = ["claude_two"]
model = "claude-shadow"
[keys.app]
hash = "sha256:{hash}"
default_route = "assistant"
"""


@dataclass
class Shadowed:
    """A plane, the primary's backend and the shadow's."""

    plane: Plane
    one: WireBackend
    two: WireBackend

    @property
    def shadows(self) -> int:
        """Copies under way."""
        return len(self.plane.worker._shadows)

    async def still(self) -> None:
        """Wait until neither a caller's request nor a copy is under way."""
        await self.plane.quiet()
        async with asyncio.timeout(BOUND_S):
            while self.shadows:
                await asyncio.sleep(0.001)

    def pair(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The one exchange and its one copy, each with its facts, its outcome and its blobs under `said`."""
        primaries, copies = self.exchanges()
        (primary,), (copy,) = primaries, copies
        assert copy["shadow_of"] == primary["id"] != copy["id"]
        return primary, copy

    def exchanges(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Primaries and copies. Each has exactly one `settled` record."""
        facts = {record.meta["id"]: record for record in self.plane.of_kind("admitted")}
        settled = self.plane.of_kind("settled")
        assert sorted(record.meta["id"] for record in settled) == sorted(facts)
        merged = [_merged(facts[record.meta["id"]], record) for record in settled]
        return [each for each in merged if not each["shadow_of"]], [each for each in merged if each["shadow_of"]]


def config_of(settings: str = "", journal_settings: str = "") -> str:
    """The configuration, with these settings of the shadow and the journal."""
    return CONFIG.replace("SHADOW", settings).replace("JOURNAL", journal_settings)


def _merged(facts: Record, outcome: Record) -> dict[str, Any]:
    return facts.meta | outcome.meta | {"said": {**facts.blobs, **outcome.blobs}}


@asynccontextmanager
async def shadowed(
    tmp_path: Path,
    one: Sequence[Sequence[Step]],
    two: Sequence[Sequence[Step]] | str,
    settings: str = "",
    journal_settings: str = "",
) -> AsyncIterator[Shadowed]:
    """A plane whose primary plays the scripts `one`, its shadow those of `two` (or is wherever that URL leads)."""
    scripts = [] if isinstance(two, str) else two
    async with WireBackend(*one) as first, WireBackend(*scripts) as second:
        url = two if isinstance(two, str) else second.url
        config = config_of(settings, journal_settings)
        async with plane(tmp_path, first.url, url, config=config) as running:
            yield Shadowed(running, first, second)
