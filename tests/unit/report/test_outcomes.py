"""Whatever an exchange ended as, it is one of six things to people."""

import pytest

from llmgateway.domain.errors import ERRORS
from llmgateway.domain.exchange import End
from llmgateway.report.outcomes import Outcome, outcome


@pytest.mark.parametrize(
    ("end", "status", "code", "expected"),
    [
        ("completed", 200, None, Outcome.ANSWERED),
        ("completed", 101, None, Outcome.ANSWERED),
        ("completed", 200, "guardrail_blocked", Outcome.BLOCKED),  # said as an answer
        ("refused", 400, "guardrail_blocked", Outcome.BLOCKED),
        ("refused", 503, "guardrail_unavailable", Outcome.FAILED),
        ("completed", 400, None, Outcome.REFUSED),  # the backend's own
        ("completed", 500, None, Outcome.FAILED),
        ("completed", None, None, Outcome.FAILED),
        ("refused", 429, "rate_limited", Outcome.LIMITED),
        ("refused", 401, "invalid_api_key", Outcome.REFUSED),
        ("refused", None, None, Outcome.REFUSED),
        ("refused", 503, "overloaded", Outcome.FAILED),
        ("client_closed", None, "client_closed", Outcome.LEFT),
        ("client_stalled", 200, None, Outcome.LEFT),
        ("completed", 101, "tunnel_expired", Outcome.ANSWERED),
        ("upstream_error", 502, "upstream_error", Outcome.FAILED),
        ("truncated", 200, None, Outcome.FAILED),
        ("interrupted", None, None, Outcome.FAILED),
        ("a word of a later version", 200, None, Outcome.FAILED),
    ],
)
def test_what_came_of_it(end, status, code, expected):
    assert outcome(end, status, code) is expected


def test_every_end_and_every_code_is_something():
    for end in End:
        for code in (None, *ERRORS):
            assert outcome(end, 200, code) in Outcome
