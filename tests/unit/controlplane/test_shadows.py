"""Copies are counted, and apart from everything that callers waited for."""

import pytest

from llmgateway.config.snapshot import Backend, Route, Shadow, Snapshot, Version
from llmgateway.controlplane.labels import OTHER, Labels
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.shadows import ShadowFigures
from llmgateway.domain.clock import ManualClock
from llmgateway.routing.shadow import LeftOut
from llmgateway.wire.jsoncodec import decode, encode

V1, V2 = (Version(name, "", (Backend("b", "openai", "http://h/v1"),), weight=1) for name in ("v1", "v2"))
LABELS = Labels.of(Snapshot(1, backends={"b": V1.backends[0]}, routes={"r": Route("r", (V1, V2), shadow=Shadow(V2))}))
ROW = {
    "id": "x", "at": 1_700_000_000.0, "route": "r", "assigned_version": "v1", "status": 200, "end": "completed",
    "duration_s": 1.0, "overhead_s": 0.001, "stream": False, "output_tokens": 5, "cost_usd": 0.5, "shadow_of": None,
    "attempts": [{"backend": "b", "result": "ok", "kind": "first", "total_s": 1.0}],
}  # fmt: skip
COPY = ROW | {"assigned_version": "v2", "shadow_of": "x", "cost_usd": 0.25} | {
    "attempts": [{"backend": "b", "result": "ok", "kind": "shadow", "total_s": 1.0}]
}  # fmt: skip


@pytest.fixture
def ledger():
    ledger = Ledger(LABELS)
    ledger.restore(None)
    return ledger


def test_a_configured_shadow_stands_at_zero(ledger):
    shadows = ledger.view().shadows
    assert shadows.requests["r", "v2", "ok"] == 0
    assert shadows.cost == {("r", "v2"): 0.0}
    assert shadows.left_out == {("r", reason): 0 for reason in LeftOut}


def test_a_copy_moves_no_figure_of_its_route(ledger):
    before = ledger.state()
    ledger.observe([COPY, COPY | {"status": 502, "end": "upstream_error"}])
    ledger.commit()
    after = ledger.state()
    assert (after["cells"], after["overhead"]) == (before["cells"], before["overhead"])
    shadows = ledger.view().shadows
    assert (shadows.requests["r", "v2", "ok"], shadows.requests["r", "v2", "upstream_error"]) == (1, 1)
    assert shadows.cost["r", "v2"] == 0.5
    assert ledger.view().upstreams["b"].attempts["ok", "shadow"] == 2  # a backend's figures are the backend's


def test_what_was_left_out_counts_beside_the_exchange_itself(ledger):
    ledger.observe([ROW | {"shadow_left_out": "budget"}, ROW | {"shadow_left_out": "nonsense"}])
    ledger.commit()
    assert ledger.view().shadows.left_out["r", "budget"] == 1
    assert ledger.view().shadows.left_out["r", OTHER] == 1
    assert ledger.view().cells["r", "v1"].requests[0] == 2


def test_figures_show_only_once_they_are_committed(ledger):
    ledger.observe([COPY])
    assert ledger.view().shadows.requests["r", "v2", "ok"] == 0
    ledger.commit()
    ledger.observe([COPY])
    assert ledger.view().shadows.requests["r", "v2", "ok"] == 1


def test_figures_survive_as_json(ledger):
    ledger.observe([COPY, ROW | {"shadow_left_out": "memory"}])
    state = decode(encode(ledger.state()))
    other = Ledger(LABELS)
    other.restore(state)
    assert other.state() == ledger.state()
    assert other.view().shadows.left_out["r", "memory"] == 1


def test_a_state_from_before_shadows_is_taken(ledger):
    ledger.observe([ROW])
    state = ledger.state()
    del state["shadows"]
    other = Ledger(LABELS)
    other.restore(state)
    assert other.view().cells["r", "v1"].requests[0] == 1
    assert other.view().shadows.cost == {("r", "v2"): 0.0}


def test_what_the_configuration_names_no_more_is_let_go(ledger):
    ledger.observe([COPY, ROW | {"shadow_left_out": "budget"}, COPY | {"route": "gone"}])
    ledger.configure(Labels(routes={"r": ("v1",)}))
    shadows = ShadowFigures.restored(ledger.state()["shadows"])
    assert {key[:2] for key in shadows.requests} == {(OTHER, OTHER)}
    assert shadows.cost == {(OTHER, OTHER): 0.25}
    assert shadows.left_out["r", "budget"] == 1


def test_a_shadow_beyond_the_caps_is_counted_as_other():
    versions = tuple(Version(f"v{n}", "", V1.backends, weight=1) for n in range(5))
    labels = Labels.of(Snapshot(1, routes={"r": Route("r", versions, shadow=Shadow(versions[4]))}))
    assert labels.shadows == {"r": OTHER}
    ledger = Ledger(labels)
    ledger.observe([COPY | {"assigned_version": "v4"}])
    assert ledger.state()["shadows"]["cost"] == [["r", OTHER, 0.25]]


def test_the_last_minute_knows_no_copies():
    clock = ManualClock(time=ROW["at"] + 2)
    recent = Recent(clock, LABELS)
    recent.observe([COPY, ROW])
    (line,) = recent.versions()
    assert (line["version"], line["requests"], line["cost_usd"]) == ("v1", 1, 0.5)
    assert recent.whole()["requests"] == 1
