"""[drift] and [routes.NAME.golden] as they are written and as they are meant."""

import pytest

from llmgateway.config.describe import describe
from llmgateway.config.drift import Drift, DriftFeature, DriftSignal
from llmgateway.config.golden import Golden, Match

OPEN = ('[keys.app]\nhash = "sha256:' + 64 * "1" + '"\nroutes = ["assistant"]\ndefault_route = "assistant"\n', "")


def test_drift_is_watched_unless_somebody_says_otherwise(accept):
    assert accept().snapshot.drift == Drift()
    assert accept().snapshot.drift.is_on
    assert not accept(more="[drift]\nsignals = []\nfeatures = []\n").snapshot.drift.is_on


def test_drift_settings_are_read(accept):
    written = (
        '[drift]\nsignals = ["error"]\nfeatures = ["reply_length"]\nreference = 500\ncomparison = 300\nfloor = 0.2\n'
    )
    found = accept(more=written).snapshot.drift
    assert found == Drift(
        frozenset({DriftSignal.ERROR}), frozenset({DriftFeature.REPLY_LENGTH}), reference=500, comparison=300, floor=0.2
    )


@pytest.mark.parametrize(
    "wrong",
    [
        'signals = ["slow"]',
        'features = ["mood"]',
        "reference = 199",
        "comparison = 100001",
        "floor = -1",
        "more = 1",
    ],
)
def test_drift_settings_out_of_bounds_are_refused(refuse, wrong):
    (problem,) = refuse(more=f"[drift]\n{wrong}\n")
    assert "drift" in problem


def test_a_route_has_golden_questions_only_where_it_says_so(accept):
    assert accept().snapshot.routes["assistant"].golden is None
    written = '[routes.assistant.golden]\ndataset = "golden"\napi_key = "env:G"\n'
    found = accept(more=written, environ={"G": "lgw_golden"}).snapshot.routes["assistant"].golden
    assert found.api_key.reveal() == "lgw_golden"
    assert "lgw_golden" not in repr(found)
    assert (found.dataset, found.every_s, found.items, found.match) == ("golden", 86_400.0, 50, Match.RULES)


def test_without_keys_nobody_needs_one(accept):
    written = '[routes.assistant.golden]\ndataset = "g"\nevery = "1h"\nitems = 3\nmatch = "exact"\nmax_cost = 0.5\n'
    found = accept(OPEN, more=written).snapshot.routes["assistant"].golden
    assert found == Golden("g", 3_600.0, 3, Match.EXACT, 0.5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('[routes.assistant.golden]\ndataset = "golden"\n', "needs an api_key"),
        ('[routes.assistant.golden]\napi_key = "k"\n', "dataset"),
        ('[routes.assistant.golden]\ndataset = "a b"\napi_key = "k"\n', "dataset"),
        ('[routes.assistant.golden]\ndataset = "a"\napi_key = "k"\nevery = "59s"\n', "every"),
        ('[routes.assistant.golden]\ndataset = "a"\napi_key = "k"\nitems = 501\n', "items"),
        ('[routes.assistant.golden]\ndataset = "a"\napi_key = "k"\nmatch = "similar"\n', "match"),
        (
            '[routes."m-*".versions.v1]\nbackends = ["one"]\n[routes."m-*".golden]\ndataset = "a"\napi_key = "k"\n',
            "a route with one name",
        ),
    ],
)
def test_what_nobody_could_ask_is_refused(refuse, wrong, says):
    (problem,) = refuse(more=wrong)
    assert says in problem


def test_both_are_described_without_a_secret(accept):
    written = '[routes.assistant.golden]\ndataset = "golden"\napi_key = "env:G"\n'
    described = describe(accept(more=written, environ={"G": "lgw_golden"}).snapshot)
    (route,) = described["routes"]
    assert route["golden"] == {"dataset": "golden", "every": "1d", "items": 50, "match": "rules", "max_cost": 1.0}
    assert described["drift"]["signals"] == ["blocked", "error", "refusal", "truncated"]
    assert described["drift"]["reference"] == 2_000
    assert "lgw_golden" not in str(described)
