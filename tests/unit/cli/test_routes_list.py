"""`llmgateway routes list` in front of a gateway that says what it is told to."""

import json

import pytest
from rich.cells import cell_len
from tests.support.listener import run

from llmgateway.cli import tables
from llmgateway.cli.routes.listing import health, shares


def version(name, share, *backends):
    return {"name": name, "id": f"id-{name}", "share_percent": share, "backends": list(backends)}


CHAT = {
    "name": "chat",
    "sticky": "key",
    "versions": [version("v1", 90.0, "one", "two"), version("v2", 10.0, "two")],
    "guardrails": [{"name": "pii", "mode": "enforce"}, {"name": "injection", "mode": "observe"}],
}
PASS = {"name": "vendor/m-*\x1b[2J", "sticky": "none", "versions": [version("v1", 100.0, "one")], "guardrails": []}
BACKENDS = [{"name": "one", "state": "in"}, {"name": "two", "state": "half_open"}]
HEAD = {"route": "chat", "candidate": "v2", "version_hash": "id-v2", "state": "canary", "running": True}


def answers(rollouts=(), running=()):
    return [
        (200, {"routes": [CHAT], "next": "chat"}),
        (200, {"routes": [PASS], "next": None}),
        (200, {"backends": BACKENDS, "next": None}),
        (200, {"rollouts": list(rollouts)}),
        *((200, {"rollout": each}) for each in running),
    ]


def test_routes_are_a_table_with_shares_health_and_guardrails(listener):
    listener.answers = answers([HEAD | {"running": False}])
    done = run(listener, "routes", "list")
    assert done.exit_code == 0, done.output
    chat, other = (line for line in done.stdout.splitlines() if " %" in line)
    for part in ("v1 90 %, v2 10 %", "1 of 2 in: two half-open", "key", "pii, injection (observes)"):
        assert part in chat
    for part in ("vendor/m-*\\x1b[2J", "v1 100 %", "1 of 1 in", "none"):
        assert part in other
    assert "rollout" not in done.stdout
    assert [path for _, path, *_ in listener.seen] == [
        "/admin/v1/routes?limit=1000", "/admin/v1/routes?limit=1000&after=chat", "/admin/v1/backends?limit=1000",
        "/admin/v1/rollouts",
    ]  # fmt: skip


def test_a_rollout_that_runs_decides_the_shares(listener):
    listener.answers = answers([HEAD], [HEAD | {"weight": 0.25}])
    done = run(listener, "routes", "list")
    assert "v1 75 %, v2 25 % (rollout of v2: canary)" in done.stdout


def test_json_has_what_the_gateway_says_and_how_it_is_now(listener):
    listener.answers = answers([HEAD], [HEAD | {"weight": 0.25}])
    chat, other = json.loads(run(listener, "routes", "list", "--json").stdout)["routes"]
    assert chat == CHAT | {"shares": {"v1": 75.0, "v2": 25.0}, "backends": {"one": "in", "two": "half_open"}}
    assert other["backends"] == {"one": "in"}


def test_it_fits_eighty_columns(listener, monkeypatch):
    monkeypatch.setattr(tables, "room", lambda: 80)
    listener.answers = answers()
    done = run(listener, "routes", "list")
    assert max(map(cell_len, done.stdout.splitlines())) <= 80
    for part in ("v1 90 %", "half-open", "pii", "sticky"):
        assert part in done.stdout


def test_routes_are_listed_while_the_store_is_away(listener):
    *others, _ = answers()
    listener.answers = [*others, (503, {"error": {"code": "store_unavailable", "message": "The store can't answer."}})]
    done = run(listener, "routes", "list")
    assert done.exit_code == 0
    assert "v1 90 %" in done.stdout
    assert "the shares are those of the file" in done.stderr


def test_where_there_is_none_it_says_how_to_make_one(listener):
    listener.answers = [(200, {"routes": [], "backends": [], "rollouts": [], "next": None})]
    assert "there is no route: [routes.NAME" in run(listener, "routes", "list").stderr


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (None, {"v1": 90.0, "v2": 10.0}),
        (HEAD | {"weight": 0.0}, {"v1": 100.0, "v2": 0.0}),
        (HEAD | {"weight": 1.0}, {"v1": 0.0, "v2": 100.0}),
        (HEAD | {"weight": 0.5, "version_hash": "another"}, {"v1": 90.0, "v2": 10.0}),  # other content, same name
        (HEAD | {"weight": 0.5, "candidate": "gone"}, {"v1": 90.0, "v2": 10.0}),
        (HEAD, {"v1": 90.0, "v2": 10.0}),  # it ended meanwhile
    ],
)
def test_shares_are_those_that_workers_deal_by(rollout, expected):
    assert shares(CHAT, rollout) == expected


def test_the_rest_is_shared_as_the_file_shares_it():
    route = {"versions": [version("a", 60.0), version("b", 20.0), version("v2", 20.0)]}
    assert shares(route, HEAD | {"weight": 0.2}) == {"a": 60.0, "b": 20.0, "v2": 20.0}
    assert shares({"versions": [version("v2", 100.0)]}, HEAD | {"weight": 0.2}) == {"v2": 100.0}


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        ({"a": "in", "b": "in"}, ("2 of 2 in", "green")),
        ({"a": "in", "b": "ejected"}, ("1 of 2 in: b ejected", "yellow")),
        ({"a": "drained"}, ("0 of 1 in: a drained", "red")),
    ],
)
def test_health_in_words(standing, told):
    assert health(standing) == told
