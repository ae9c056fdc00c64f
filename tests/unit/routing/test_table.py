import pytest

from llmgateway.config.snapshot import Key, Route
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.table import REMEMBERED, RouteTable

APP = Key("app", b"1", routes=("assistant", "gpt-*"))
ALL = Key("all", b"2", routes=("*",))


def table(*names: str, keys=(APP, ALL)) -> RouteTable:
    return RouteTable({name: Route(name, ()) for name in names}, keys)


def test_the_exact_name_goes_before_any_pattern():
    routes = table("gpt-4", "gpt-*", "*")
    assert [routes.find(name).name for name in ("gpt-4", "gpt-4o", "claude")] == ["gpt-4", "gpt-*", "*"]


def test_the_longest_pattern_wins():
    assert table("gpt-*", "gpt-4*", "*-mini").find("gpt-4-mini").name == "*-mini"
    assert table("gpt-*", "gpt-4-*", "*-mini").find("gpt-4-mini").name == "gpt-4-*"


def test_names_differ_by_case_and_look_alikes():
    assert table("assistant").find("Assistant") is None
    assert table("assistant").find("аssistant") is None  # a Cyrillic first letter


def test_an_unknown_and_a_forbidden_model_get_the_same_answer():
    routes = table("assistant", "secret")
    messages = []
    for name in ("secret", "nothing"):
        with pytest.raises(GatewayError) as caught:
            routes.resolve(name, APP)
        messages.append((caught.value.code, caught.value.message, caught.value.param))
    assert messages[0] == messages[1]
    assert routes.resolve("secret", ALL).name == "secret"


def test_a_key_may_name_models_that_a_pattern_route_serves():
    assert table("*").resolve("gpt-4", APP).name == "*"
    with pytest.raises(GatewayError, match="model_not_found"):
        table("*").resolve("claude", APP)


def test_a_key_that_is_in_no_table_may_use_every_route():
    assert table("secret").resolve("secret", Key("anonymous", b"")).name == "secret"


def test_the_list_of_models_holds_what_the_key_may_use():
    routes = table("assistant", "secret", "gpt-*")
    assert routes.visible(APP) == ["assistant", "gpt-*"]
    assert routes.visible(ALL) == ["assistant", "gpt-*", "secret"]


def test_what_patterns_matched_is_remembered_within_a_bound():
    routes = table("*")
    for number in range(REMEMBERED + 100):
        assert routes.find(f"model-{number}").name == "*"
    assert len(routes._found) == REMEMBERED
