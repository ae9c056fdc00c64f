"""Which rule a request fits, and what it costs to ask."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.conditions import Fact
from llmgateway.config.rules import Rule, TimeWindow, When
from llmgateway.config.snapshot import Key, Route, Version
from llmgateway.routing.facts import ASK, Facts
from llmgateway.routing.rules import chooser

V1, V2 = Version("v1", "1", (), weight=90), Version("v2", "2", (), weight=10)
APP = Key("app", b"", tags={"team": "search"})
MONDAY_NOON = 1_767_614_400.0  # 2026-01-05T12:00Z
IMAGE = "data:image/png;base64," + "A" * 40_000


def facts(document=None, *, key=APP, headers=None, dialect="openai", is_stream=False, at=MONDAY_NOON) -> Facts:
    body = b"" if document is None else json.dumps(document).encode()
    header = {name.encode(): value.encode() for name, value in (headers or {}).items()}.get
    return Facts(key, header, document, size=len(body), dialect=dialect, is_stream=is_stream, at=at)


def fits(when: When, request: Facts) -> bool:
    route = Route("r", (V1, V2), rules=(Rule("only", when, (("v2", 1.0),)),))
    made = chooser(route)
    return made.split_for(request) is not made.split


def user(*parts) -> dict:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        (When(key=("web", "app")), facts(), facts(key=Key("other", b""))),
        (When(key_tags={"team": ("search",)}), facts(), facts(key=Key("app", b""))),
        (When(header={"x-tier": ("gold",)}), facts(headers={"x-tier": "gold"}), facts(headers={"x-tier": "Gold"})),
        (When(metadata={"plan": ("pro",)}), facts({"metadata": {"plan": "pro"}}), facts({"metadata": "pro"})),
        (When(params={("n",): (2,)}), facts({"n": 2.0}), facts({"n": "2"})),
        (When(params={("a", "b"): (True,)}), facts({"a": {"b": True}}), facts({"a": {"b": 1}})),
        (When(params={("a", "b"): (True,)}), facts({"a": {"b": True}}), facts({"a": [True]})),
        (When(dialect=("anthropic",)), facts(dialect="anthropic"), facts()),
        (When(stream=True), facts(is_stream=True), facts()),
        (When(stream=False), facts(), facts(is_stream=True)),
        (When(tools=True), facts({"tools": [{}]}), facts({"tools": []})),
        (When(tools=True), facts({"functions": [{}]}), facts()),
        (When(tools=False), facts(), facts({"tools": [{}]})),
        (
            When(images=True),
            facts(user({"type": "image_url", "image_url": {"url": "u"}})),
            facts(user({"type": "text"})),
        ),
        (When(images=False), facts({"messages": "x"}), facts(user({"type": "image", "source": {}}))),
        (When(min_tokens=100), facts({"x": "a" * 400}), facts({"x": "a" * 300})),
        (When(max_tokens=100), facts({"x": "a" * 300}), facts({"x": "a" * 400})),
        (When(max_tokens=100), facts({}), facts()),  # an upload cannot be counted
        (When(time=TimeWindow((0,), 0, 1440)), facts(), facts(at=MONDAY_NOON + 86_400)),
    ],
)
def test_every_fact_can_be_asked(when, yes, no):
    assert fits(when, yes)
    assert not fits(when, no)


def test_every_fact_has_a_way_to_be_asked():
    assert set(ASK) == set(Fact)


@pytest.mark.parametrize(
    "document",
    [
        user({"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": IMAGE}}),
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}]},
        {"input": [{"type": "input_image", "image_url": IMAGE}]},
        {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": IMAGE}]}]},
        user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}),
        user({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": IMAGE}}]}),
    ],
)
def test_images_are_found_where_each_dialect_has_them_and_do_not_count_as_text(document):
    request = facts(document)
    assert request.images == (1, len(IMAGE))
    assert request.tokens < 60


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["content", "type", "image_url", "source", "url", "output", "x"]), inner, max_size=3), max_leaves=20))  # fmt: skip
def test_no_body_is_too_odd_to_be_asked(value):
    document = {"messages": value, "input": value, "metadata": value, "tools": value}
    request = facts(document)
    whens = (When(images=True), When(tools=True), When(max_tokens=5), When(metadata={"x": ("1",)}))
    for when in whens:
        assert fits(when, request) in {True, False}
    assert request.tokens >= 0


def test_all_conditions_have_to_hold():
    when = When(stream=True, tools=True)
    assert fits(when, facts({"tools": [1]}, is_stream=True))
    assert not fits(when, facts({"tools": [1]}))
    assert not fits(when, facts(is_stream=True))


def test_the_first_rule_that_fits_decides_and_none_leaves_it_to_the_weights():
    rules = (
        Rule("tools", When(tools=True), (("v2", 1.0),)),
        Rule("stream", When(stream=True), (("v1", 1.0), ("v2", 3.0))),
    )
    made = chooser(Route("r", (V1, V2), rules=rules))
    both = made.split_for(facts({"tools": [1]}, is_stream=True)).choose(None, 0.5)
    second = made.split_for(facts(is_stream=True)).choose(None, 0.5)
    neither = made.split_for(facts()).choose(None, 0.5)
    assert [(each.assigned_by, each.version.name, each.probability) for each in (both, second, neither)] == [
        ("rule:tools", "v2", 1.0),
        ("rule:stream", "v2", 0.75),
        ("split", "v1", 0.9),
    ]


def test_versions_of_a_rule_stick_by_the_routes_salt():
    rule = Rule("half", When(), (("v1", 1.0), ("v2", 1.0)))
    one, other = (chooser(Route("r", (V1, V2), salt=salt, rules=(rule,))).rules[0].split for salt in ("a", "b"))
    keys = [str(key) for key in range(100)]
    names = [[split.choose(key, 0.0).version.name for key in keys] for split in (one, one, other)]
    assert names[0] == names[1] != names[2]


def test_a_version_of_weight_zero_in_a_rule_gets_nobody():
    made = chooser(Route("r", (V1, V2), rules=(Rule("r", When(), (("v1", 1.0), ("v2", 0.0))),)))
    assert {made.rules[0].split.choose(str(key), 0.0).version.name for key in range(50)} == {"v1"}


def test_what_costs_time_is_asked_last_and_once():
    asked = []

    class Body(dict):
        def get(self, name, default=None):
            asked.append(name)
            return super().get(name, default)

    when = When(images=True, stream=True)
    assert not fits(when, Facts(APP, {}.get, Body(), size=2, dialect="openai", is_stream=False, at=0.0))
    assert asked == []
    request = Facts(APP, {}.get, Body(x=1), size=7, dialect="openai", is_stream=True, at=0.0)
    rules = tuple(Rule(f"r{at}", When(images=True, min_tokens=at), (("v2", 1.0),)) for at in range(5))
    chooser(Route("r", (V1, V2), rules=rules)).split_for(request)
    assert asked.count("messages") == 1
