"""From text to snapshot: the whole way."""

import dataclasses
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.config.conftest import TEXT, Accept, Refuse

from llmgateway.config import snapshot as contract
from llmgateway.config.build import version_id
from llmgateway.config.loader import load
from llmgateway.config.problems import MAX_FAULTS, ConfigError
from llmgateway.config.rules import FaultKind, Rule, When
from llmgateway.config.snapshot import Backend, Bodies, Durability, Secret, Snapshot, Sticky, StickyBy
from llmgateway.wire.jsoncodec import decode, encode

PROVIDERS = ("openai", "anthropic")
ISSUE = """
[server]
listen = "127.0.0.1:8080"
workers = 2
[admin]
listen = "127.0.0.1:8081"
token = "env:LLMGATEWAY_ADMIN_TOKEN"
[data]
dir = "./data"
[journal]
durability = "process"
bodies = "full"
[backends.one]
provider = "openai"                      # or "anthropic"
base_url = "http://127.0.0.1:9001/v1"    # anthropic: without /v1, as its SDK has it
api_key = "env:ONE_API_KEY"              # "env:NAME", "file:PATH" or a literal
[backends.two]
provider = "openai"
base_url = "http://127.0.0.1:9002/v1"
[routes.assistant]
sticky = "user"
fallback = ["v1"]
[routes.assistant.versions.v1]
backends = ["one"]
model = "gpt-4.1-2025-04-14"
weight = 90
[routes.assistant.versions.v2]
backends = ["two"]
model = "gpt-4.1-mini"
params = { temperature = 0.2 }
weight = 10
[keys.app]
hash = "sha256:<hex of the SHA-256 of the key>"
routes = ["assistant"]
default_route = "assistant"
"""
EVERYTHING = """
[server]
listen = "127.0.0.1:1"
workers = 3
trusted_proxies = ["10.0.0.0/8"]
tls = { cert = "c.pem", key = "k.pem" }
cors = { origins = ["https://a.example"], max_age = 60 }
limits = { body = "1MiB", upload = "2MiB", header_block = "16KiB", header_line = "4KiB", header_count = 50, target = "4KiB", json_depth = 20, json_tokens = 2000, pipelined = 4, connections = 5, connections_per_peer = 6, body_rate = 7, tunnels = 8, tunnel_message = "1KiB" }
timeouts = { header = 1, body_grace = 2, keepalive = 3, write_stall = 4, drain = 5, pre_stop = 6, tunnel_idle = 7, tunnel_total = 8 }
[admin]
listen = "127.0.0.1:2"
token = "token"
[server.overload]
memory = "2GiB"
max_body_memory = "9MiB"
loop_lag = "50ms"
[data]
dir = "/d"
retention = { exchanges = "90d", bodies = "forever", max_store = "10GiB" }
[journal]
durability = "disk"
bodies = "hash"
raw_events = true
serve_unlogged = true
segment = "1MiB"
reserve = "2MiB"
max_size = "3MiB"
max_record = "1MiB"
[backends.b]
provider = "anthropic"
base_url = "https://b.example/"
api_key = "secret"
headers = { X-A = "1" }
proxy = "http://p:3128"
ca_file = "ca.pem"
keepalive = 9
max_connections = 8
weight = 2
max_concurrent = 3
queue = 4
queue_wait = 6
drained = true
health = { consecutive = 1, error_share = 0.2, min_attempts = 3, window = 4, slow = 6, eject = 7, eject_max = 8, probe = "chat", probe_model = "m", probe_interval = 9, probe_timeout = 11 }
timeouts = { connect = 1, first_byte = 2, idle = 3, total = 4 }
[routes."r-*"]
sticky = "header:X-Team"
salt = "s"
fallback = ["v"]
bodies = "none"
raw_events = false
balance = "prefix"
retries = { max_attempts = 9, budget = 2, base = 3, max_wait = 4 }
on_failure = { faults = ["timeout"] }
rules = [{ name = "first", when = { stream = true }, use = { w = 1 } }]
shadow = { version = "w", share = 0.5, max_concurrent = 3, max_per_minute = 7 }
hedge = { after = "p90", min_wait = "10ms" }
rollout = { candidate = "w" }
guardrails = ["pii"]
parallel = true
[routes."r-*".versions.v]
backends = ["b"]
model = "m"
params = { a = [1, { b = 2.5 }], c = "x", d = true }
prompt = "Be kind."
weight = 0.5
[routes."r-*".versions.w]
backends = ["b"]
[keys.k]
hash = "sha256:ABababababababababababababababababababababababababababababababab"
routes = ["r-1"]
default_route = "r-1"
expires = 2030-12-31
enabled = false
may_pin = true
priority = "low"
operations = ["files.*"]
tags = { team = "t" }
[prices."m"]
input = 1
output = 2.5
cached = 0
"""


def test_the_configuration_of_the_task_works_as_it_stands() -> None:
    environ = {"LLMGATEWAY_ADMIN_TOKEN": "t", "ONE_API_KEY": "k"}
    text = ISSUE.replace("<hex of the SHA-256 of the key>", "ab" * 32)
    snapshot = load(text, providers=PROVIDERS, generation=3, environ=environ)
    route = snapshot.routes["assistant"]
    assert snapshot.generation == 3
    assert (snapshot.server.workers, snapshot.server.listen.port) == (2, 8080)
    assert snapshot.admin.token == Secret("t")
    assert route.sticky == Sticky(StickyBy.USER)
    assert route.fallback == (route.version("v1"),)
    assert [(version.name, version.weight, version.model) for version in route.versions] == [
        ("v1", 90, "gpt-4.1-2025-04-14"),
        ("v2", 10, "gpt-4.1-mini"),
    ]
    assert route.version("v2").params == {"temperature": 0.2}
    assert route.version("v1").backends == (snapshot.backends["one"],)
    key = snapshot.keys[bytes.fromhex("ab" * 32)]
    assert (key.name, key.routes, key.default_route) == ("app", ("assistant",), "assistant")


def test_the_placeholder_of_a_hash_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"x\.toml:33: keys\.app\.hash: .*64 hexadecimal digits"):
        load(ISSUE, providers=PROVIDERS, generation=1, environ={}, name="x.toml")


def test_every_field_of_the_snapshot_can_be_set() -> None:
    text = EVERYTHING.replace('prompt = "Be kind."', 'prompt_file = "v.md"')
    snapshot = load(text, providers=PROVIDERS, generation=1, environ=None, prompts={"v.md": "Be kind."})
    route = snapshot.routes["r-*"]
    pairs = [
        (snapshot.server, contract.Server()),
        (snapshot.admin, contract.Admin()),
        (snapshot.data, contract.Data()),
        (snapshot.journal, contract.Journal()),
        (snapshot.backends["b"], Backend("", "", "")),
        (snapshot.backends["b"].health, contract.HealthRules()),
        (route.retries, contract.Retries()),
        (route.shadow, contract.Shadow(contract.Version("", "", ()))),
        (route, contract.Route("", (), raw_events=True)),
        (route.versions[0], contract.Version("", "", ())),
        (next(iter(snapshot.keys.values())), contract.Key("", b"")),
    ]
    unset = [
        f"{type(got).__name__}.{field.name}"
        for got, default in pairs
        for field in dataclasses.fields(got)
        if getattr(got, field.name) == getattr(default, field.name)
    ]
    assert unset == ["Route.golden"]  # is for routes with one name: test_drift.py


def test_what_went_through_json_means_the_same() -> None:
    """Control sends workers the parsed file as JSON; dates become text on the way."""
    document = decode(encode(tomllib.loads(EVERYTHING)))
    known = {"providers": PROVIDERS, "generation": 1, "environ": None}
    assert load(EVERYTHING, document=document, **known) == load(EVERYTHING, **known)
    zoned = EVERYTHING.replace("expires = 2030-12-31", "expires = 2030-12-31T12:00:00+02:00")
    document = decode(encode(tomllib.loads(zoned)))
    assert load(zoned, document=document, **known) == load(zoned, **known) != load(EVERYTHING, **known)


def test_every_value_lands_where_it_belongs() -> None:
    snapshot = load(EVERYTHING, providers=PROVIDERS, generation=1, environ=None)
    server, backend, route = snapshot.server, snapshot.backends["b"], snapshot.routes["r-*"]
    assert server.overload == contract.Overload(2 * 2**30, 9 * 2**20, 0.05)
    assert dataclasses.astuple(server)[4:-1] == (
        2**20, 2**21, 2**14, 2**12, 50, 2**12, 20, 2000, 4, 5, 6, 8, 2**10, 1.0, 2.0, 7, 3.0, 4.0, 7.0, 8.0, 5.0, 6.0,
        ("10.0.0.0/8",),
    )  # fmt: skip
    assert (server.tls, server.cors) == (contract.Tls("c.pem", "k.pem"), contract.Cors(("https://a.example",), 60))
    assert snapshot.data == contract.Data("/d", 90 * 86_400.0, None, 10 * 2**30)
    assert snapshot.journal == contract.Journal(
        Durability.DISK, Bodies.HASH, True, True, 2**20, 2 * 2**20, 3 * 2**20, 2**20
    )
    assert backend == Backend(
        "b", "anthropic", "https://b.example", Secret("secret"), (("x-a", "1"),), "http://p:3128", "ca.pem",
        1.0, 2.0, 3.0, 4.0, 9.0, 8, 2.0, 3, 4, 6.0, True, backend.health,
    )  # fmt: skip
    assert (route.sticky, route.salt) == (Sticky(StickyBy.HEADER, b"x-team"), "s")
    assert (route.bodies, route.raw_events) == (Bodies.NONE, False)
    assert route.retries == contract.Retries(9, 2.0, 3.0, 4.0)
    assert route.shadow == contract.Shadow(route.version("w"), 0.5, 3, 7)
    assert route.balance is contract.Balance.PREFIX
    assert snapshot.backends["b"].health == contract.HealthRules(
        1, 0.2, 3, 4.0, 6.0, 7.0, 8.0, contract.ProbeKind.CHAT, "m", 9.0, 11.0
    )
    assert route.hedge == contract.Hedge(90.0, None, 0.01)
    assert [version.weight for version in route.versions] == [0.5, 0.0]
    assert route.rules == (Rule("first", When(stream=True), (("w", 1.0),)),)
    assert route.on_failure == {FaultKind.TIMEOUT}
    assert next(iter(snapshot.keys.values())) == contract.Key(
        "k",
        b"\xab" * 32,
        ("r-1",),
        "r-1",
        {"team": "t"},
        1_924_905_600.0,
        is_enabled=False,
        may_pin=True,
        priority=contract.Priority.LOW,
        operations=("files.*",),
    )
    assert snapshot.prices == {"m": contract.Price("m", 1.0, 2.5, 0.0)}


def test_what_is_left_out_has_the_snapshots_defaults(accept: Accept) -> None:
    snapshot = accept().snapshot
    assert snapshot.server == contract.Server()
    assert snapshot.data == contract.Data()
    assert snapshot.journal == contract.Journal()
    assert snapshot.backends["one"] == Backend("one", "openai", "http://127.0.0.1:9001/v1")
    route = snapshot.routes["assistant"]
    assert route == contract.Route("assistant", route.versions, fallback=route.fallback)


def test_routes_take_the_journals_policy_unless_they_have_their_own(accept: Accept) -> None:
    change = ("[backends.one]", '[journal]\nbodies = "hash"\nraw_events = true\n[backends.one]')
    inherited = accept(change).snapshot.routes["assistant"]
    assert (inherited.bodies, inherited.raw_events) == (Bodies.HASH, True)
    own = accept(change, ("fallback =", 'bodies = "full"\nraw_events = false\nfallback =')).snapshot.routes["assistant"]
    assert (own.bodies, own.raw_events) == (Bodies.FULL, False)


def test_a_version_that_stands_alone_needs_no_weight(accept: Accept) -> None:
    snapshot = accept(more='[routes."*".versions.pass]\nbackends = ["one"]\n').snapshot
    assert snapshot.routes["*"].versions[0].weight == 1.0


def test_a_versions_id_is_its_content_alone() -> None:
    one = Backend("one", "openai", "http://h/v1", Secret("k"))
    same = Backend("renamed", "openai", "http://h/v1", Secret("other"), idle_timeout_s=1.0)
    other = Backend("one", "openai", "http://h/v2")
    base = version_id([one, other], "m", {"a": 1, "b": {"x": 1, "y": 2}})
    assert len(base) == 12
    assert set(base) <= set("0123456789abcdef")
    assert version_id([other, same], "m", {"b": {"y": 2, "x": 1}, "a": 1}) == base
    different = [
        version_id([one], "m", {"a": 1, "b": {"x": 1, "y": 2}}),
        version_id([one, other], "n", {"a": 1, "b": {"x": 1, "y": 2}}),
        version_id([one, other], None, {"a": 1, "b": {"x": 1, "y": 2}}),
        version_id([one, other], "m", {"a": 1, "b": {"x": 1, "y": 3}}),
    ]
    assert len({base, *different}) == 5


def test_a_versions_id_stays_what_it_was_in_earlier_releases() -> None:
    backend = Backend("one", "openai", "http://127.0.0.1:9001/v1")
    assert version_id([backend], "gpt-4.1-mini", {"temperature": 0.2}) == "ea8b2039263c"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ('{ model = "x" }', 'must not set "model"'),
        ("{ stream = true }", 'must not set "stream"'),
        ("{ messages = [] }", 'must not set "messages"'),
        ("{ a = 2030-01-01 }", "JSON has none"),
        ("{ a = [{ b = 12:00:00 }] }", "JSON has none"),
        ("{ a = inf }", "inf or nan"),
        ("{ a = [nan] }", "inf or nan"),
        ("{ a = 9223372036854775808 }", "too large"),
        ("{ a = " + "[" * 30 + "]" * 30 + " }", "nested too deeply"),
        ("3", "must be a table"),
    ],
)
def test_parameters_must_be_json_and_not_the_callers(refuse: Refuse, params: str, reason: str) -> None:
    (problem,) = refuse(("weight = 90", f"weight = 90\nparams = {params}"))
    assert problem.startswith("config.toml:16: routes.assistant.versions.v1.params: ")
    assert reason in problem


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("workers = true", "must be a whole number"),
        ("workers = 2.0", "must be a whole number"),
        ('workers = "2"', "must be a whole number"),
        ("workers = -1", "must be at least 0"),
        ("workers = 100000", "must be at most 256"),
        ("wokers = 1", 'there is no such setting; did you mean "workers"?'),
        ('limits = { bodi = "1MiB" }', 'there is no such setting; did you mean "body"?'),
        ('limits = { body = "1B" }', "must be at least 1024"),
        ("limits = 3", "must be a table"),
        ("timeouts = { drain = -1 }", "must be at least 0"),
        ('timeouts = { drain = "2d" }', "must be at most 86400"),
        ("trusted_proxies = 'x'", "must be a list, in square brackets"),
        ("trusted_proxies = ['x']", 'must be an IP address or a network like "10.0.0.0/8"'),
        ("tls = { cert = 'x' }", "is required"),
        ("tls = { cert = '', key = 'k' }", "must not be empty"),
        ("tls = { cert = \"a\\u0000b\", key = 'k' }", "holds a control character"),
    ],
)
def test_a_setting_that_does_not_fit_is_explained_on_its_line(refuse: Refuse, setting: str, reason: str) -> None:
    (problem,) = refuse(("[admin]", f"{setting}\n[admin]"))
    assert problem.startswith("config.toml:3: server.")
    assert problem.endswith(f": {reason}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("weight = 90", "weight = nan"), "15: routes.assistant.versions.v1.weight: must be a finite number"),
        (("weight = 90", "weight = -1"), "15: routes.assistant.versions.v1.weight: must be at least 0"),
        (('["one"]\nweight', "[]\nweight"), "14: routes.assistant.versions.v1.backends: must have at least 1 entry"),
        (("[keys.app]", '[keys."a b"]'), "19: keys.\"a b\": a name may hold letters, digits, '.', '_' and '-', up to 64, and begins with a letter or digit"),
        (("fallback", 'bodies = "all"\nfallback'), "12: routes.assistant.bodies: must be 'redacted', 'full', 'hash' or 'none'"),
        (('routes = ["assistant"]', "routes = []\ntags = 1"), "21: keys.app.routes: must have at least 1 entry"),
    ],
)  # fmt: skip
def test_tables_with_names_are_checked_too(refuse: Refuse, change: tuple[str, str], problem: str) -> None:
    assert f"config.toml:{problem}" in refuse(change)


def test_without_a_route_there_is_nothing_to_serve() -> None:
    with pytest.raises(ConfigError, match=r"routes: is required"):
        load("[server]\n", providers=PROVIDERS, generation=1, environ={})
    with pytest.raises(ConfigError, match=r"c\.toml:2: routes\.a\.versions: is required"):
        load("\n[routes.a]\n", providers=PROVIDERS, generation=1, environ={}, name="c.toml")


def test_all_problems_are_told_at_once_in_the_files_order_up_to_twenty() -> None:
    text = "[server]\n" + "".join(f"wrong{n} = 1\n" for n in range(30))
    with pytest.raises(ConfigError) as caught:
        load(text, providers=PROVIDERS, generation=1, environ={})
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert len(lines) == 20
    assert caught.value.total == 31


def test_a_file_full_of_faults_is_not_searched_to_its_end() -> None:
    wrong = "".join(f'[routes.r{n}.versions.v]\nbackends = ["gone"]\nx = 1\n' for n in range(5_000))
    with pytest.raises(ConfigError) as caught:
        load(wrong, providers=PROVIDERS, generation=1, environ={})
    assert caught.value.total == 2 * MAX_FAULTS


def test_a_path_is_read_and_named_in_problems(tmp_path: Path) -> None:
    file = tmp_path / "gw.toml"
    file.write_text(TEXT)
    assert load(file, providers=PROVIDERS, generation=1, environ={}).routes.keys() == {"assistant"}
    file.write_text(TEXT.replace("[admin]", "workers = 'x'\n[admin]"))
    with pytest.raises(ConfigError, match=rf"{file}:3: server\.workers"):
        load(file, providers=PROVIDERS, generation=1, environ={})


def test_a_reload_that_changes_nothing_is_known(accept: Accept) -> None:
    key = ("[backends.two]", 'api_key = "env:K"\n[backends.two]')
    before = accept(key, environ={"K": "old"}).snapshot
    after = dataclasses.replace(accept(key, more="# comment", environ={"K": "old"}).snapshot, generation=8)
    assert after.means_the_same_as(before)
    assert after != before
    assert after.digest != before.digest
    assert not accept(key, environ={"K": "new"}).snapshot.means_the_same_as(before)
    assert not accept(("weight = 90", "weight = 91"), key, environ={"K": "old"}).snapshot.means_the_same_as(before)


def test_five_thousand_routes_load_in_seconds() -> None:
    routes = "".join(f'[routes.r{n}.versions.v]\nbackends = ["one"]\n' for n in range(5_000))
    start = time.perf_counter()
    assert len(load(TEXT + routes, providers=PROVIDERS, generation=1, environ={}).routes) == 5_001
    assert time.perf_counter() - start < 10


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([line for line in EVERYTHING.splitlines() if "=" in line and "{" not in line]), max_size=4
    ),
    st.sampled_from(
        ['""', "0", "-1", "nan", "true", "[]", "{}", "[1]", '["x"]', '{ a = "b" }', "2030-01-01", "1e308", '"*"']
    ),
)
def test_any_setting_may_have_any_value_without_a_traceback(lines: list[str], value: str) -> None:
    text = EVERYTHING
    for line in lines:
        text = text.replace(f"\n{line}\n", f"\n{line.split('=')[0]}= {value}\n", 1)
    try:
        assert isinstance(load(text, providers=PROVIDERS, generation=1, environ=None), Snapshot)
    except ConfigError as error:
        assert all(problem.line > 0 for problem in error.problems)
