"""Whose model a name is."""

import pytest

from llmgateway.controlplane.evaluation.family import family_of


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4.1-mini", "openai"),
        ("openai/GPT-4o", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("meta-llama/Llama-3.3-70B", "meta"),
        ("qwq-32b", "alibaba"),
        ("our-own", None),
        ("", None),
        (None, None),
    ],
)
def test_a_family_is_told_by_the_name(model, family):
    assert family_of(model) == family
