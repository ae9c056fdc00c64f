"""A version in lines: all that is known, and what two of them differ in."""

from copy import deepcopy
from typing import Any

from llmgateway.cli.versions.told import difference, in_force_under, made_of, told

TERMS: dict[str, Any] = {
    "generation": 3,
    "at": 1.0,
    "time": "2026-11-28T09:14:02+00:00",
    "author": "ada",
    "backends": [{"name": "one", "provider": "openai", "base_url": "http://h/v1", "credential": "env:ONE"}],
    "prompt_file": "prompts/v2.txt",
    "guardrails": {"policy": "0123456789ab", "names": ["pii", "secrets"]},
    "price": {"input": 2.0, "output": 8.5, "cached": 0.25, "source": "configured"},
}
VERSION: dict[str, Any] = {
    "id": "aaaaaaaaaaaa",
    "spec": {
        "backends": [["openai", "http://h/v1"]],
        "model": "m2",
        "params": {"temperature": 0.2, "stop": ["。"]},
        "prompt": "Be kind.\nありがとう",
    },
    "labels": {"stage": {"value": "canary", "at": 1.0, "author": "bob"}},
    "notes": [{"at": 1.0, "time": "2026-11-28T10:00:00+00:00", "author": "ada", "text": "Asks twice.\nSee T-1."}],
    "routes": [
        {"route": "chat", "name": "v2", "in_force": True, "last_served": 1_790_000_000.0, "terms": [TERMS]},
        {"route": "old", "name": "v1", "in_force": False, "last_served": None, "terms": [{**TERMS, "author": None}]},
    ],
}


def test_all_that_is_known_is_told() -> None:
    assert (
        "\n".join(told(VERSION))
        == """\
version aaaaaaaaaaaa
model: m2
backend: openai http://h/v1
param stop: ["。"]
param temperature: 0.2
prompt:
  Be kind.
  ありがとう

chat/v2 (in force)
  last answered: 2026-09-21T14:13:20+00:00
  from generation 3, 2026-11-28T09:14:02+00:00, by ada
    backend one: openai http://h/v1, credential env:ONE
    prompt from prompts/v2.txt
    guardrails: pii, secrets (policy 0123456789ab)
    price for a million tokens: 2 in, 8.5 out, 0.25 cached

old/v1 (past)
  from generation 3, 2026-11-28T09:14:02+00:00, by somebody
    backend one: openai http://h/v1, credential env:ONE
    prompt from prompts/v2.txt
    guardrails: pii, secrets (policy 0123456789ab)
    price for a million tokens: 2 in, 8.5 out, 0.25 cached

labels
  stage = canary  (bob)

notes
  2026-11-28T10:00:00+00:00 ada
    Asks twice.
    See T-1."""
    )


def test_little_is_told_where_little_is_known() -> None:
    bare = {**VERSION, "spec": None, "labels": {}, "notes": [], "routes": []}
    assert told(bare) == [
        "version aaaaaaaaaaaa",
        "what it is made of is not known: it is from before that was kept",
    ]
    assert in_force_under({"generation": 1, "at": 1.0, "time": "", "author": None}) == []
    assert in_force_under(
        {**TERMS, "price": None, "prompt_file": None, "guardrails": {"policy": None, "names": []}, "backends": []}
    ) == ["guardrails: none"]
    assert made_of({"backends": [], "model": None, "params": {}}) == ["model: as called"]


def test_a_diff_has_what_differs_line_by_line_and_all_else_around_it() -> None:
    other = deepcopy(VERSION) | {"id": "bbbbbbbbbbbb"}
    other["spec"]["prompt"] = "Be kind.\nBe brief."
    other["routes"][0]["terms"].append(
        {**TERMS, "generation": 4, "price": {"input": 3.0, "output": 8.5, "cached": None, "source": "list"}}
    )
    text = difference(VERSION, other)
    changed = [line for line in text.splitlines() if line[:1] in "+-"]
    assert changed == [
        "--- aaaaaaaaaaaa",
        "+++ bbbbbbbbbbbb",
        "-  ありがとう",
        "+  Be brief.",
        "-price for a million tokens: 2 in, 8.5 out, 0.25 cached",
        "+price for a million tokens: 3 in, 8.5 out, by the list",
    ]
    assert "\n model: m2\n" in text
    assert difference(VERSION, deepcopy(VERSION)) == ""
