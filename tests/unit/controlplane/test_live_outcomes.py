"""What counts as bad in the last minute's figures."""

from typing import Any

import pytest
from tests.support.control import AT, row

from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.live import Recent
from llmgateway.domain.clock import ManualClock


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        ({}, {}),
        ({"status": None}, {}),
        ({"status": 399}, {}),
        ({"status": 404}, {"client_error": 1}),
        ({"status": 429}, {"rate_limited": 1}),
        ({"status": 500}, {"upstream_error": 1}),
        ({"end": "client_closed"}, {"cancelled": 1}),
        ({"end": "refused", "status": 503, "error_code": "log_store_full"}, {"overloaded": 1}),
        ({"end": None, "status": None}, {"gateway_error": 1}),
    ],
)
def test_what_did_not_go_well_is_told_by_its_outcome(changes: dict[str, Any], bad: dict[str, int]) -> None:
    recent = Recent(ManualClock(time=AT + 2), Labels({"chat": ("v1",)}))
    recent.observe([row(**changes)])
    (line,) = recent.versions()
    assert (line["requests"], line["bad"]) == (1, bad)
