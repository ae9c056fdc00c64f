"""docs/METRICS.md names every metric as it is exposed, and nothing else."""

import re
from pathlib import Path

import pytest

from llmgateway.controlplane.catalogue import METRICS, PREFIX, Kind
from llmgateway.controlplane.labels import MAX_BACKENDS, MAX_ROUTES, MAX_VERSIONS, OUTCOMES
from llmgateway.controlplane.ledger import MAX_RETIRED, TOKEN_KINDS
from llmgateway.domain.exchange import AttemptKind
from llmgateway.routing.shadow import LeftOut

DOCS = Path(__file__).parents[2] / "docs" / "METRICS.md"
TEXT = DOCS.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}
SAMPLES = {f"{m.full_name}{suffix}": m for m in METRICS.values() for suffix in SUFFIXES.get(m.kind, ("",))}


def test_every_metric_has_its_section_and_every_section_its_metric():
    assert list(SECTIONS) == [metric.full_name for metric in METRICS.values()]


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_type_labels_and_meaning_are_those_that_are_exposed(metric):
    section = SECTIONS[metric.full_name]
    kind, labels = re.search(r"^(\w+) · labels: (.*)$", section, flags=re.MULTILINE).groups()
    assert kind == metric.kind
    assert tuple(re.findall(r"`(\w+)`", labels)) == metric.labels
    assert metric.help in section


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_has_a_query_that_uses_it(metric):
    (query,) = re.findall(r"```promql\n(.+?)\n```", SECTIONS[metric.full_name], flags=re.DOTALL)
    named = set(re.findall(rf"{PREFIX}\w+", query))
    assert named <= set(SAMPLES)
    assert metric in [SAMPLES[name] for name in named]
    known = {label for name in named for label in SAMPLES[name].labels} | {"le"}
    for labels in re.findall(r"(?:by|on) \(([^)]*)\)", query):
        assert {label.strip() for label in labels.split(",") if label.strip()} <= known
    for label in re.findall(r"[{,]\s*(\w+)(?:=|!)", query):
        assert label in known
    assert query.count("(") == query.count(")")
    assert query.count("{") == query.count("}")


def test_closed_lists_are_told_in_full():
    for outcome in OUTCOMES:
        assert f"| `{outcome}` |" in TEXT
    for reason in LeftOut:
        assert f"`{reason}`" in SECTIONS["llmgateway_shadow_left_out_total"]
    for kind in AttemptKind:
        assert kind in SECTIONS["llmgateway_upstream_attempts_total"]
    for kind in TOKEN_KINDS:
        assert kind in SECTIONS["llmgateway_tokens_total"]


def test_the_caps_are_told_as_they_are():
    words = {3: "three", 10: "ten", 20: "twenty", 50: "fifty"}
    for cap in (MAX_VERSIONS, MAX_ROUTES, MAX_BACKENDS, MAX_RETIRED):
        assert words[cap] in TEXT
