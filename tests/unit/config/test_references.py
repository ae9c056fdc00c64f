"""References between tables, each with the line on which it stands."""

import pytest
from tests.unit.config.conftest import Accept, Refuse

from llmgateway.config import rule_references
from llmgateway.config.patterns import overlap
from llmgateway.config.rule_references import Callers


def test_an_unknown_backend_is_named_with_the_nearest(refuse: Refuse) -> None:
    assert refuse(('backends = ["two"]', 'backends = ["one",\n"tow"]')) == [
        'config.toml:18: routes.assistant.versions.v2.backends: no backend is called "tow"; did you mean "two"?'
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('fallback = ["v1"]', 'fallback = ["v3"]', '12: routes.assistant.fallback: no version of this route is called "v3"; there is "v1", "v2"'),
        ('fallback = ["v1"]', 'fallback = ["v1", "v1"]', '12: routes.assistant.fallback: "v1" is named twice'),
        ('backends = ["one"]', 'backends = ["one", "one"]', '14: routes.assistant.versions.v1.backends: "one" is named twice'),
        ('routes = ["assistant"]', 'routes = ["*", "asistant"]', '21: keys.app.routes: no route is called "asistant"; did you mean "assistant"?'),
        ('routes = ["assistant"]', 'routes = ["assistant", "gpt-*"]', '21: keys.app.routes: no route is called "gpt-*"; there is "assistant"'),
        ('routes = ["assistant"]', 'operations = ["chat.*", "embedings"]', '21: keys.app.operations: no operation is called "embedings"; did you mean "embeddings"?'),
        ('routes = ["assistant"]', 'operations = ["delete.*"]', '21: keys.app.operations: no operation is called "delete.*"; did you mean "files.delete"?'),
        ('default_route = "assistant"', 'default_route = "other"', '22: keys.app.default_route: no route is called "other"; there is "assistant"'),
    ],
)  # fmt: skip
def test_every_other_dangling_reference_is_found(refuse: Refuse, old: str, new: str, problem: str) -> None:
    assert refuse((old, new)) == [f"config.toml:{problem}"]


def test_a_providers_name_must_be_known(refuse: Refuse) -> None:
    (problem, other) = refuse(('provider = "openai"', 'provider = "opanai"'))
    assert problem == 'config.toml:6: backends.one.provider: no provider is called "opanai"; did you mean "openai"?'
    assert other.startswith("config.toml:9: ")


def test_a_default_route_must_be_allowed_to_its_key(refuse: Refuse) -> None:
    more = '[routes.other.versions.v1]\nbackends = ["one"]\n'
    assert refuse(('default_route = "assistant"', 'default_route = "other"'), more=more) == [
        'config.toml:22: keys.app.default_route: this key may not use "other": add it to the key\'s routes'
    ]


def test_a_default_route_may_be_a_name_that_a_pattern_covers(accept: Accept) -> None:
    more = '[routes."gpt-*".versions.v1]\nbackends = ["one"]\n'
    changes = (
        ('routes = ["assistant"]', 'routes = ["gpt-*"]'),
        ('default_route = "assistant"', 'default_route = "gpt-4o"'),
    )
    accept(*changes, more=more)


def test_a_key_may_name_one_model_of_a_pattern_route(accept: Accept) -> None:
    accept(
        ('routes = ["assistant"]', 'routes = ["assistant", "gpt-4o"]'),
        more='[routes."gpt-*".versions.v1]\nbackends = ["one"]\n',
    )


def test_some_version_needs_a_weight(refuse: Refuse) -> None:
    assert refuse(("weight = 90", "weight = 0"), ("weight = 10\n", "")) == [
        "config.toml:13: routes.assistant.versions: no version has a weight above 0, so none would get traffic"
    ]


def test_two_keys_cannot_share_a_hash(refuse: Refuse) -> None:
    problems = refuse(more=f'[keys.other]\nhash = "sha256:{"1" * 64}"\n')
    assert problems == ['config.toml:24: keys.other.hash: is the same as that of key "app"']


def test_wrong_references_and_wrong_types_are_told_together(refuse: Refuse) -> None:
    problems = refuse(
        ('backends = ["two"]', 'backends = "two"'),
        ('fallback = ["v1"]', "fallback = [1, 'v9']"),
        ('listen = "127.0.0.1:8080"', "listen = 8080"),
        ("[keys.app]", "routes.x = 3\n[keys.app]"),
        more="[keys]\nx = 1\n"[7:],
    )
    assert [problem.split(": ")[1] for problem in problems] == [
        "server.listen",
        "routes.assistant.fallback",
        "routes.assistant.fallback",
        "routes.assistant.versions.v2.backends",
        "routes.assistant.versions.v2.routes",
        "keys.app.x",
    ]


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ('["*"]', None),
        ('["files.*", "*"]', None),
        ('["chat.completions", "*.delete"]', ("chat.completions", "*.delete")),
        ('["other"]', ("other",)),
    ],
)
def test_operations_are_kept_as_patterns_and_a_star_means_no_limit(accept: Accept, written: str, held: object) -> None:
    (key,) = accept(('routes = ["assistant"]', f"operations = {written}")).snapshot.keys.values()
    assert key.operations == held


@pytest.mark.parametrize("written", ["[]", '["Files.Delete"]', '["files/delete"]', '[""]', '"files.*"'])
def test_what_is_no_list_of_operations_is_refused(refuse: Refuse, written: str) -> None:
    (problem,) = refuse(('routes = ["assistant"]', f"operations = {written}"))
    assert problem.startswith("config.toml:21: keys.app.operations: ")


def test_thousands_of_routes_and_keys_are_not_compared_each_with_each(accept: Accept, monkeypatch) -> None:
    """2,000 routes with rules and 5,000 keys took minutes, in every reload and in every worker."""
    calls = 0

    def counted(one: str, other: str) -> bool:
        nonlocal calls
        calls += 1
        return overlap(one, other)

    monkeypatch.setattr(rule_references, "overlap", counted)
    rule = 'rules = [{ name = "x", when = { key_tags = { team = "t" } }, use = { v = 1 } }]'
    routes = "".join(f'[routes.r{n}]\n{rule}\nversions.v = {{ backends = ["one"] }}\n' for n in range(50))
    keys = "".join(
        f'[keys.k{n}]\nhash = "sha256:{n:064x}"\nroutes = ["r{n % 50}", "assist*"]\ntags = {{ team = "t" }}\n'
        for n in range(300)
    )
    accept(more=routes + keys)
    assert calls <= 60


def test_callers_of_a_route_are_found_by_its_name_by_patterns_and_for_patterns() -> None:
    names = {"exact": ["chat-1"], "wide": ["chat-*"], "other": ["mail"], "all": "no list", "any": ["*"], "odd": [3]}
    callers = Callers({name: {"routes": routes} for name, routes in names.items()} | {"plain": {}})
    assert set(callers.of("chat-1")) == {"exact", "wide", "all", "any", "plain"}
    assert set(callers.of("chat-*")) == {"exact", "wide", "all", "any", "plain"}
    assert set(callers.of("mail")) == {"other", "all", "any", "plain"}
    assert set(callers.of("new")) == {"all", "any", "plain"}
