"""Warnings: allowed, and worth a second look."""

from tests.unit.config.conftest import Accept

from llmgateway.config import advice
from llmgateway.config.patterns import overlap


def warnings(accept: Accept, *changes: tuple[str, str], more: str = "", now: float = 0.0) -> list[str]:
    return [str(each).removeprefix("config.toml:") for each in accept(*changes, more=more, now=now).warnings]


def test_a_sound_configuration_has_no_warnings(accept: Accept) -> None:
    assert warnings(accept) == []


def test_public_listeners_without_tls_are_pointed_out(accept: Accept) -> None:
    token = ("[backends.one]", 'token = "0123456789abcdef"\n[backends.one]')
    found = warnings(accept, ("127.0.0.1:8080", "0.0.0.0:8080"), ("127.0.0.1:8081", "[::1]:8081"), token)
    assert [each.split(": ")[:2] for each in found] == [["2", "server.listen"], ["5", "admin.token"]]
    assert any(each.startswith("4: admin.listen") for each in warnings(accept, ("127.0.0.1:8081", ":8081"), token))


def test_credentials_in_clear_text_to_another_host_are_pointed_out(accept: Accept) -> None:
    key = ("[backends.two]", 'api_key = "x"\n[backends.two]')
    far = ('base_url = "http://127.0.0.1:9001/v1"', 'base_url = "http://model.example/v1"')
    assert any("plain HTTP to another host" in each for each in warnings(accept, key, far))
    assert not any("plain HTTP" in each for each in warnings(accept, key))
    assert not any("plain HTTP" in each for each in warnings(accept, key, (far[0], far[1].replace("http:", "https:"))))


def test_an_openai_address_without_its_path_is_pointed_out(accept: Accept) -> None:
    bare = ('base_url = "http://127.0.0.1:9001/v1"', 'base_url = "http://127.0.0.1:9001/"')
    (found,) = warnings(accept, bare)
    assert found.endswith('base_url: has no path; OpenAI\'s SDK has "http://127.0.0.1:9001/v1" here')
    assert warnings(accept, bare, ('provider = "openai"', 'provider = "anthropic"')) == []


def test_unused_backends_and_idle_versions_are_pointed_out(accept: Accept) -> None:
    more = '[backends.three]\nprovider = "openai"\nbase_url = "https://h/v1"\n'
    assert warnings(accept, ("weight = 10\n", ""), more=more) == [
        '16: routes.assistant.versions.v2: "v2" has no weight and is in no fallback, rule or shadow: it gets no traffic',
        "22: backends.three: no version of any route uses this backend",
    ]


def test_routes_that_nobody_may_use_are_pointed_out(accept: Accept) -> None:
    more = '[routes.lonely.versions.v1]\nbackends = ["one"]\n'
    assert warnings(accept, more=more) == ["23: routes.lonely: no enabled key may use this route"]
    assert warnings(accept, ("routes = [", "enabled = false\nroutes = [")) == [
        "11: routes.assistant: no enabled key may use this route"
    ]


def test_a_route_is_within_reach_by_its_name_a_pattern_or_as_a_pattern_itself(accept: Accept) -> None:
    def lonely(route: str, allowed: str) -> bool:
        more = f'[routes."{route}".versions.v1]\nbackends = ["one"]\n'
        return bool(warnings(accept, ('routes = ["assistant"]', f'routes = ["assistant", "{allowed}"]'), more=more))

    assert not lonely("chat-1", "chat-1")
    assert not lonely("chat-1", "chat-*")
    assert not lonely("chat-*", "chat-1")
    assert not lonely("chat-*", "*-1")
    assert lonely("chat-1", "assist*")
    assert lonely("chat-*", "assist*")


def test_thousands_of_routes_and_keys_are_not_compared_each_with_each(accept: Accept, monkeypatch) -> None:
    """2,000 routes and 5,000 keys took three seconds, in every reload."""
    calls = 0

    def counted(one: str, other: str) -> bool:
        nonlocal calls
        calls += 1
        return overlap(one, other)

    monkeypatch.setattr(advice, "overlap", counted)
    routes = "".join(f'[routes.r{n}.versions.v]\nbackends = ["one"]\n' for n in range(100))
    keys = "".join(f'[keys.k{n}]\nhash = "sha256:{n:064x}"\nroutes = ["r{n % 100}", "assist*"]\n' for n in range(300))
    assert warnings(accept, more=routes + keys) == []
    assert calls <= 101


def test_an_expired_key_is_pointed_out_and_one_without_end_is_not(accept: Accept) -> None:
    expires = ("routes = [", "expires = 2030-12-31\nroutes = [")
    assert warnings(accept, expires, now=1_924_905_599.0) == []
    assert warnings(accept, expires, now=1_924_905_600.0) == [
        "21: keys.app.expires: this key has expired and is refused"
    ]


def test_a_version_that_a_rule_or_a_pin_reaches_is_not_idle(accept: Accept) -> None:
    idle = ("weight = 10", "weight = 0")
    rule = '[[routes.assistant.rules]]\nname = "r"\nuse = { v2 = 1 }\n'
    assert [str(each) for each in accept(idle).warnings if "no traffic" in str(each)]
    assert not [str(each) for each in accept(idle, more=rule).warnings if "no traffic" in str(each)]
    pin = ("[keys.app]", "[keys.app]\nmay_pin = true")
    assert not [str(each) for each in accept(idle, pin).warnings if "no traffic" in str(each)]


def test_a_version_without_a_backend_that_is_not_drained_is_pointed_out(accept: Accept) -> None:
    (found,) = warnings(accept, ("[backends.two]", "drained = true\n[backends.two]"))
    assert found.endswith('routes.assistant.versions.v1: all backends of "v1" are drained: it answers nothing')


def test_a_limit_below_one_a_worker_is_pointed_out(accept: Accept) -> None:
    few = ("[backends.two]", "max_concurrent = 2\n[backends.two]")
    assert warnings(accept, few) == []
    (found,) = warnings(accept, few, ("[admin]", "workers = 4\n[admin]"))
    assert found.endswith("backends.one.max_concurrent: each of the 4 workers has one place all the same")


def test_whom_guardrails_ask_is_in_use_and_should_have_a_secret(accept: Accept) -> None:
    asked = (
        '[backends.three]\nprovider = "openai"\nbase_url = "https://h"\n'
        '[routes.lonely.versions.v1]\nbackends = ["one"]\n'
        '[guardrails.service]\nuse = "http"\nbackend = "three"\n[guardrails.model]\nuse = "judge"\nroute = "lonely"\n'
    )
    unsigned = "23: backends.three: guardrails ask it unsigned: with an api_key it could tell who asks"
    assert warnings(accept, more=asked) == [unsigned]
    signed = asked.replace('"https://h"\n', '"https://h"\napi_key = "0123456789abcdef"\n')
    assert not any("three" in each and "unsigned" in each for each in warnings(accept, more=signed))


def test_a_prompt_that_realtime_sessions_would_not_hear_is_pointed_out(accept: Accept) -> None:
    prompt = ("weight = 10\n", 'weight = 10\nprompt = "Be brief."\n')
    names, operations = 'routes = ["assistant"]', '\noperations = ["chat.completions", "realtime"]'
    assert warnings(accept, prompt, (names, 'routes = ["assi*"]' + operations)) == [
        '19: routes.assistant.versions.v2.prompt: refuses the realtime sessions on this route that key "app" is for'
    ]
    assert warnings(accept, prompt) == []  # whoever may everything is not meant for sessions
    assert warnings(accept, (names, names + operations)) == []
