from dataclasses import fields

import pytest

from llmgateway.modelserver.knobs import _RANGES, KnobError, Knobs, from_headers, from_metadata, from_model


def test_every_knob_can_be_turned_by_name():
    assert {field.name for field in fields(Knobs)} == {*_RANGES, "fault"}


def test_text_and_numbers_turn_a_knob_alike():
    assert Knobs().turned({"latency": "0.2", "tokens": "7"}) == Knobs().turned({"latency": 0.2, "tokens": 7})


def test_an_error_or_a_fault_alone_means_every_time():
    assert Knobs().turned({"error": 503}).error_rate == 1
    assert Knobs(error_rate=0.1).turned({"error": "429"}).error_rate == 1
    assert Knobs().turned({"error": 503, "error_rate": 0.2}).error_rate == 0.2
    assert Knobs().turned({"fault": "cut"}).fault_rate == 1
    assert Knobs(error=503).turned({"error_rate": 0.5}).error == 503


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency", "-1"),
        ("latency", "nan"),
        ("latency", "601"),
        ("latency", "soon"),
        ("latency", None),
        ("error", "200"),
        ("error_rate", 1.1),
        ("tokens", 100_001),
        ("fault", "flood"),
        ("colour", "red"),
    ],
)
def test_what_cannot_be_is_refused_with_the_knobs_name_or_the_list(name, value):
    with pytest.raises(KnobError, match="There is no|lies between|takes a number"):
        Knobs().turned({name: value})


def test_headers_and_metadata_are_picked_by_prefix():
    assert from_headers({"X-Mock-Error-Rate": "1", "accept": "x"}) == {"error_rate": "1"}
    assert from_metadata({"metadata": {"mock_fault": "cut", "team": "search"}}) == {"fault": "cut"}
    assert from_metadata({"metadata": "text"}) == {}


@pytest.mark.parametrize(
    ("name", "model", "found"),
    [
        ("gpt-4.1@latency=0.2,fault=cut", "gpt-4.1", {"latency": "0.2", "fault": "cut"}),
        ("gpt-4.1", "gpt-4.1", {}),
        ("claude@20250101", "claude@20250101", {}),
    ],
)
def test_a_models_name_may_carry_knobs(name, model, found):
    assert from_model(name) == (model, found)
