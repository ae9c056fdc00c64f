"""Label values come from closed sets, and an outcome from an exchange's end."""

import pytest

from llmgateway.config.snapshot import Backend, Route, Snapshot, Version
from llmgateway.controlplane.labels import MAX_BACKENDS, MAX_ROUTES, MAX_VERSIONS, Labels, Outcome, outcome
from llmgateway.domain.errors import ERRORS
from llmgateway.domain.exchange import End


def versions(count):
    return tuple(Version(f"v{at}", f"{at:012x}", ()) for at in range(count))


@pytest.mark.parametrize(
    ("end", "status", "code", "expected"),
    [
        ("completed", 200, None, Outcome.OK),
        ("completed", 404, None, Outcome.CLIENT_ERROR),
        ("completed", 429, None, Outcome.RATE_LIMITED),
        ("completed", 500, None, Outcome.UPSTREAM_ERROR),
        ("refused", 400, "invalid_json", Outcome.CLIENT_ERROR),
        ("refused", 503, "log_store_full", Outcome.OVERLOADED),
        ("refused", 503, "no_healthy_upstream", Outcome.UPSTREAM_ERROR),
        ("refused", 500, "internal_error", Outcome.GATEWAY_ERROR),
        ("refused", 400, "a_code_of_the_future", Outcome.CLIENT_ERROR),
        ("upstream_error", 502, "upstream_tls", Outcome.UPSTREAM_ERROR),
        ("upstream_error", 504, "upstream_timeout", Outcome.TIMEOUT),
        ("upstream_error", 429, "upstream_rate_limited", Outcome.RATE_LIMITED),
        ("truncated", 200, "upstream_truncated", Outcome.UPSTREAM_ERROR),
        ("timeout", 200, None, Outcome.TIMEOUT),
        ("client_closed", 499, "client_closed", Outcome.CANCELLED),
        ("client_stalled", 200, "client_stalled", Outcome.CANCELLED),
        ("gateway_error", 500, None, Outcome.GATEWAY_ERROR),
        ("interrupted", 0, None, Outcome.INTERRUPTED),
        ("an end of the future", 200, None, Outcome.GATEWAY_ERROR),
        (None, 0, None, Outcome.GATEWAY_ERROR),
    ],
)
def test_the_outcome_follows_from_end_status_and_code(end, status, code, expected):
    assert outcome(end, status, code) is expected


@pytest.mark.parametrize("end", list(End))
@pytest.mark.parametrize("code", [None, *ERRORS])
def test_only_a_completed_exchange_can_be_ok(end, code):
    ended = outcome(end, 200, code)
    assert isinstance(ended, Outcome)
    assert (ended is Outcome.OK) == (end is End.COMPLETED)


def test_names_come_from_the_configuration_fallbacks_included():
    one, two = versions(2)
    backend = Backend("local", "openai", "http://127.0.0.1:1")
    labels = Labels.of(Snapshot(1, backends={"local": backend}, routes={"chat": Route("chat", (one,), (one, two))}))
    assert labels.routes == {"chat": ("v0", "v1")}
    assert (labels.route("chat"), labels.route("typo"), labels.route(None)) == ("chat", "other", "other")
    assert (labels.backend("local"), labels.backend("gone"), labels.backend(None)) == ("local", "other", "other")
    assert labels.overflow == 0


def test_names_beyond_the_caps_are_counted_and_become_other():
    routes = {f"r{at}": Route(f"r{at}", versions(MAX_VERSIONS + 1)) for at in range(MAX_ROUTES + 2)}
    backends = {f"b{at}": Backend(f"b{at}", "openai", "http://127.0.0.1:1") for at in range(MAX_BACKENDS + 5)}
    labels = Labels.of(Snapshot(1, backends=backends, routes=routes))
    assert len(labels.routes) == MAX_ROUTES
    assert all(len(names) == MAX_VERSIONS for names in labels.routes.values())
    assert labels.overflow == MAX_ROUTES + 2 * (MAX_VERSIONS + 1) + 5
    assert labels.backend(f"b{MAX_BACKENDS}") == "other"


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ({"route": "chat", "assigned_version": "v1", "served_version": "v2"}, ("chat", "v1")),
        ({"route": "chat", "served_version": "v2"}, ("chat", "v2")),
        ({"route": "chat", "assigned_version": "v9"}, ("chat", "other")),
        ({"route": "chat"}, ("chat", "none")),
        ({"route": "tpyo", "assigned_version": "v1"}, ("other", "other")),
        ({"route": None}, ("other", "other")),
        ({}, ("other", "other")),
    ],
)
def test_a_row_counts_for_the_version_that_was_assigned(row, cell):
    assert Labels({"chat": ("v1", "v2")}).cell(row) == cell
