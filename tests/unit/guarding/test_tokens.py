"""Texts as numbers are refused, and no other numbers."""

import json

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.tokens import refuse_tokens


@pytest.mark.parametrize(
    "document",
    [
        {"prompt": [1]},
        {"input": [["a"], [1]]},
        {"INPUT": ["a", 1.5]},
        {"prompt_embeds": "AA"},
        {"prompt_token_ids": [7]},
    ],
)
def test_ids_of_tokens_are_refused(document):
    for body in (None, json.dumps(document).encode()):
        with pytest.raises(GatewayError) as caught:
            refuse_tokens(document, body)
        assert caught.value.code == "guardrail_unsupported"


@pytest.mark.parametrize("body", [b'{"prompt":[1],"prompt":"a"}', b'{"prom\\u0070t":[1],"prompt":"a"}'])
def test_so_they_are_in_members_of_which_a_parser_keeps_one(body):
    with pytest.raises(GatewayError):
        refuse_tokens(json.loads(body), body)


@pytest.mark.parametrize(
    "document",
    [
        {"prompt": "a", "input": ["a", "b"], "temperature": 1, "logit_bias": {"1": 2}, "stop_token_ids": [1]},
        {"input": [{"role": "user", "content": [1]}], "prompt_embeds": None, "prompt": []},
        {"messages": [{"input": [1, 2], "prompt": [1]}]},
    ],
)
def test_other_numbers_are_not(document):
    refuse_tokens(document)
    refuse_tokens(document, json.dumps(document).encode())
