"""The commands that ask a running gateway: what they send, what they print, and how they fail."""

import json
import re

import pytest
from tests.support.listener import run
from tests.unit.routing.test_explain import SNAPSHOT

from llmgateway.cli import gateway
from llmgateway.cli.routes.weight import read_weights
from llmgateway.config.source import MAX_BYTES
from llmgateway.plugins import load_all
from llmgateway.routing.explain import Present, explain
from llmgateway.routing.standings import Standings
from llmgateway.routing.supposed import Supposed, asked

DONE = {
    "changed": True,
    "dry_run": False,
    "pending": False,
    "generation": 7,
    "etag": "new",
    "base": "old",
    "replaces_edits": False,
    "diff": "--- a\n+++ b\n-weight = 1\n+weight = 2 \x1b[31m\n",
    "warnings": ["config.toml:3: a warning"],
    "needs_restart": ["server.listen"],
    "workers": [{"slot": 0, "pid": 1, "generation": 7, "error": None}],
}


@pytest.fixture(autouse=True)
def _says_it_is_done(listener):
    listener.answers = [(200, DONE)]


def test_a_weight_goes_to_its_route_with_who_and_why(listener, monkeypatch):
    monkeypatch.setenv("LOGNAME", "åda")
    done = run(listener, "routes", "weight", "openai/gpt-*", "v1=50", "v2=0.5", "--reason", "a & b", "--dry-run")
    assert done.exit_code == 0, done.output
    ((method, path, headers, body),) = listener.seen
    assert (method, path) == ("PUT", "/admin/v1/routes/openai%2Fgpt-%2A/weights?reason=a+%26+b&dry_run=true")
    assert json.loads(body) == {"v1": 50, "v2": 0.5}
    assert headers["x-llmgateway-author"].encode("latin-1").decode() == "åda"
    assert headers["Content-Type"] == "application/json"


def test_what_it_did_is_printed_and_cannot_move_the_cursor(listener):
    done = run(listener, "routes", "weight", "chat", "v1=1")
    assert "generation 7 is in force on 1 worker\n" in done.output
    assert "warning: config.toml:3: a warning" in done.output
    assert "server.listen takes effect at the next start" in done.output
    assert "\x1b[31m" not in done.output
    assert json.loads(run(listener, "routes", "weight", "chat", "v1=1", "--json").stdout)["generation"] == 7


@pytest.mark.parametrize("words", [["v1"], ["=5"], ["v1=x"], ["v1=-1"], ["v1=nan"], ["v1=inf"], ["v1=1", "v1=2"]])
def test_weights_that_are_none_never_get_there(listener, words):
    done = run(listener, "routes", "weight", "chat", *words)
    assert (done.exit_code, listener.seen) == (2, [])


def test_whole_numbers_stay_whole():
    assert read_weights(["a=50", "b=0.25", "c=1e2", "x=y=3"]) == {"a": 50, "b": 0.25, "c": 100, "x=y": 3}


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (422, "config_invalid", 2),
        (404, "route_not_found", 2),
        (412, "config_changed", 1),
        (409, "worker_refused", 1),
        (503, "store_unavailable", 1),
        (500, "internal_error", 1),
    ],
)
def test_a_refusal_is_told_whole_and_by_its_exit_code(listener, status, code, exit_code):
    problems = [
        {"line": 9, "path": "routes.chat", "reason": "is wrong \x1b[2J"},
        {"line": 0, "path": "", "reason": "x"},
    ]
    workers = [{"slot": 1, "pid": 5, "generation": 2, "error": "no certificate"}]
    error = {"code": code, "message": "No.", "problems": problems, "workers": workers}
    listener.answers = [(status, {"error": error})]
    done = run(listener, "routes", "weight", "chat", "v1=1")
    assert done.exit_code == exit_code
    assert "line 9: routes.chat: is wrong \\x1b[2J\nx\nworker 1: no certificate\n" in done.output
    assert f"error: No. ({code})" in done.output


def test_a_missing_token_is_told_by_its_variable(listener):
    listener.answers = [(401, {"error": {"code": "invalid_token", "message": "no"}})]
    done = run(listener, "config", "history")
    assert done.exit_code == 1
    assert "put it into $LLMGATEWAY_ADMIN_TOKEN" in done.output


def test_apply_looks_first_and_then_changes_that_very_text(listener, tmp_path):
    file = tmp_path / "new.toml"
    file.write_text("# växt\n")
    would = {**DONE, "dry_run": True, "generation": 6}
    listener.answers = [(200, would), (200, DONE)]
    done = run(listener, "config", "apply", str(file), "--yes", "--credentials", "one", "--credentials", "two")
    assert done.exit_code == 0, done.output
    look, change = listener.seen
    assert look[:2] == ("PUT", "/admin/v1/config?credentials=one%2Ctwo&dry_run=true")
    assert look[2]["If-Match"] == "*"
    assert change[:2] == ("PUT", "/admin/v1/config?credentials=one%2Ctwo")
    assert change[2]["If-Match"] == '"old"'
    assert change[3] == "# växt\n".encode()


def test_apply_takes_what_a_pipe_gives_it_up_to_the_bound_of_files(listener):
    listener.answers = [(200, {**DONE, "dry_run": True}), (200, DONE)]
    assert run(listener, "config", "apply", "-", "--yes", said="# växt\n").exit_code == 0
    assert [each[3] for each in listener.seen] == ["# växt\n".encode()] * 2
    done = run(listener, "config", "apply", "-", "--yes", said="#" * (MAX_BYTES + 1))
    assert (done.exit_code, len(listener.seen)) == (2, 2)
    assert "stdin" in str(done.exception) + done.output


def test_nothing_happens_where_nobody_can_be_asked(listener, tmp_path):
    file = tmp_path / "new.toml"
    file.write_text("#\n")
    done = run(listener, "config", "apply", str(file))
    assert done.exit_code == 2
    assert "--yes goes ahead, --dry-run only shows" in done.output
    assert len(listener.seen) == 1


def test_only_an_option_that_the_command_has_is_named(listener):
    done = run(listener, "drift", "reset", "chat")
    assert (done.exit_code, done.stderr) == (2, "error: nobody can be asked here: --yes goes ahead\n")
    assert listener.seen == []


@pytest.mark.parametrize(("said", "exit_code", "asked"), [("y\n", 0, 2), ("n\n", 1, 1), ("\n", 1, 1), ("", 1, 1)])
def test_who_is_at_the_terminal_is_asked(listener, monkeypatch, said, exit_code, asked):
    monkeypatch.setattr(gateway, "_can_ask", lambda: True)
    done = run(listener, "config", "rollback", "3", said=said)
    assert done.exit_code == exit_code, done.output
    assert "Put this in force?" in done.output
    assert ("\nnothing was changed\n" in done.stderr) is (exit_code == 1)  # as well where Ctrl-C was the answer
    assert len(listener.seen) == asked
    assert listener.seen[-1][1] == "/admin/v1/generations/3/rollback" + ("?dry_run=true" if asked == 1 else "")


def test_edits_that_would_be_lost_are_told_before(listener, tmp_path):
    file = tmp_path / "new.toml"
    file.write_text("#\n")
    listener.answers = [(200, {**DONE, "replaces_edits": True})]
    done = run(listener, "config", "apply", str(file), "--dry-run")
    assert "those edits are replaced as well" in done.output


def test_the_history_is_a_table_with_the_one_in_force_marked(listener):
    entry = {"at": 1_700_000_000.0, "time": "", "author": "ada", "reason": "why [red]"}
    heads = [
        {"number": 3, "refused": "worker 1: no", **entry},
        {"number": 2, "refused": None, **entry},
        {"number": 1, "refused": None, **entry},
    ]
    listener.answers = [(200, {"in_force": 4, "generations": heads, "next": 1})]
    done = run(listener, "config", "history", "-n", "3", "--before", "9")
    assert listener.seen[0][1] == "/admin/v1/generations?limit=3&before=9"
    assert "2* " in done.output
    assert "1* " not in done.output
    assert "TAKEN BACK: worker 1: no (why [red])" in done.output
    assert "more: --before 1" in done.output


def test_diffs_are_of_the_file_of_one_generation_or_of_two(listener):
    listener.answers = [(200, {"diff": ""})]
    assert "the file is as it is in force" in run(listener, "config", "diff").output
    assert "no difference" in run(listener, "config", "diff", "4").output
    assert run(listener, "config", "diff", "4", "4").exit_code == 2
    listener.answers = [(200, {"diff": "+x\n"})]
    assert run(listener, "config", "diff", "3", "5").output == "+x\n"
    paths = [path for _, path, *_ in listener.seen]
    assert paths == ["/admin/v1/config?format=json", "/admin/v1/generations/4", "/admin/v1/generations/5?against=3"]


ONE = {
    "name": "one", "provider": "openai", "base_url": "http://h", "credential": "env:ONE", "used_by": ["chat/v1"],
    "state": "in", "why": "", "since": None, "until": None, "in_flight": 3, "queued": 0, "ewma_s": 0.25,
    "attempts": 40, "faults": 2, "ejections": 0, "probe": None,
}  # fmt: skip
FADED = ONE | {"name": "three", "ewma_s": 0.00004}
SICK = ONE | {"name": "two", "used_by": [], "state": "half_open", "why": "faults in a row", "queued": 4, "ewma_s": None}


def test_backends_are_a_table(listener, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    listener.answers = [(200, {"next": "one", "backends": [ONE]}), (200, {"next": None, "backends": [SICK, FADED]})]
    done = run(listener, "backends", "list")
    assert re.search(r"three +.* +in +3 +- +2 of 40", done.output)
    assert re.search(r"one +http://h \(openai\) +chat/v1 +in +3 +250 ms +2 of 40", done.output)
    assert re.search(r"two +.* nobody +half-open: faults in a row +3 \+ 4 waiting +- +2 of 40", done.output)
    assert [path for _, path, _, _ in listener.seen] == [
        "/admin/v1/backends?limit=1000", "/admin/v1/backends?limit=1000&after=one",
    ]  # fmt: skip
    assert len(json.loads(run(listener, "backends", "list", "--json").output)["backends"]) == 2


@pytest.mark.parametrize("what", ["drain", "undrain", "heal"])
def test_an_operators_word_about_a_backend_goes_with_who_and_why(listener, monkeypatch, what):
    monkeypatch.setenv("LOGNAME", "ada")
    listener.answers = [(200, {"backend": SICK | {"state": "drained", "why": "drained by hand"}})]
    done = run(listener, "backends", what, "two", "--reason", "disk swap")
    assert (done.exit_code, done.stdout) == (0, "two is drained: drained by hand\n")
    ((method, path, headers, _),) = listener.seen
    assert (method, path) == ("POST", f"/admin/v1/backends/two/{what}?reason=disk+swap")
    assert headers["x-llmgateway-author"] == "ada"
    assert json.loads(run(listener, "backends", what, "two", "--json").stdout)["state"] == "drained"


def test_an_ejection_lasts_as_long_as_is_said(listener):
    listener.answers = [(200, {"backend": SICK})]
    for words, seconds in ((("eject", "two"), 300.0), (("eject", "two", "--for", "1m30s"), 90.0)):
        assert run(listener, "backends", *words).exit_code == 0
        assert json.loads(listener.seen[-1][3]) == {"seconds": seconds}
    done = run(listener, "backends", "eject", "two", "--for", "soon")
    assert (done.exit_code, "is no duration" in done.output, len(listener.seen)) == (2, True, 2)


def test_a_backend_that_is_not_there_is_misuse(listener):
    listener.answers = [(404, {"error": {"code": "backend_not_found", "message": "No backend is called that."}})]
    done = run(listener, "backends", "drain", "none")
    assert (done.exit_code, "error: No backend is called that. (backend_not_found)\n" in done.output) == (2, True)


def explained(**more):
    """What the admin API sends for a request, of the very code that makes it."""
    request, note = asked(SNAPSHOT, load_all("dialect"), Supposed(0.0, "assistant", "app"))
    told = explain(SNAPSHOT, request, Present(Standings(SNAPSHOT), 0.0))
    backends = {"one": {"state": "in", "why": ""}, "two": {"state": "half_open", "why": "faults in a row"}}
    return {"generation": 3, "note": note, "refused": None, "explanation": told.shown(), "backends": backends} | more


def test_the_running_gateway_explains_with_how_the_backends_are(listener, tmp_path):
    listener.answers = [(200, explained())]
    body = tmp_path / "b.json"
    body.write_text('{"model": "assistant"}')
    words = ("--live", "--body", str(body), "--key", "app", "-H", "X-Tier: gold", "--at", "2026-01-05T12:00Z")
    done = run(listener, "routes", "explain", *words)
    assert done.exit_code == 0, done.output
    ((method, path, _, sent),) = listener.seen
    assert (method, path) == ("POST", "/admin/v1/routes/assistant/explain")
    assert json.loads(sent) == {
        "model": "assistant", "key": "app", "headers": {"x-tier": "gold"}, "body": '{"model": "assistant"}',
        "path": None, "at": 1767614400.0,
    }  # fmt: skip
    assert re.search(r"asked now +1\. v1 at one \(first\)", done.output)
    assert "two is half-open: faults in a row" in done.output
    assert json.loads(run(listener, "routes", "explain", "--live", "-r", "a", "--json").output)["generation"] == 3


def test_what_the_running_gateway_would_refuse_is_said_with_its_code(listener):
    refused = {"status": 404, "code": "model_not_found", "message": "No such model."}
    listener.answers = [(200, explained(refused=refused, explanation=None))]
    done = run(listener, "routes", "explain", "--live", "--route", "x/y")
    assert (done.exit_code, "it would be refused with 404: No such model. (model_not_found)" in done.output) == (
        1,
        True,
    )
    assert listener.seen[0][1] == "/admin/v1/routes/x%2Fy/explain"
    done = run(listener, "routes", "explain", "--live")
    assert (done.exit_code, "name it with --route" in done.output) == (2, True)


WHERE = {"x-llmgateway-config": "/srv/my%20gateway/config.toml", "x-llmgateway-data": "/srv/d%C3%A4ta%1B%5B2J"}


def test_who_changes_something_is_told_which_gateway_it_was(listener):
    listener.headers = WHERE
    done = run(listener, "routes", "weight", "chat", "v1=1")
    told = f"gateway {listener.url} (config /srv/my gateway/config.toml, data /srv/däta\\u001b[2J)\n"
    assert done.stderr == told
    assert "gateway" not in done.stdout
    assert run(listener, "routes", "weight", "chat", "v1=1", "--json").stderr == told
    listener.headers = {}
    assert run(listener, "routes", "weight", "chat", "v1=1").stderr == f"gateway {listener.url}\n"


def test_it_is_told_before_the_question_and_once(listener, monkeypatch):
    monkeypatch.setattr(gateway, "_can_ask", lambda: True)
    listener.headers = WHERE
    done = run(listener, "config", "rollback", "3", said="y\n")
    assert done.output.index("/srv/my gateway") < done.output.index("Put this in force?")
    assert done.output.count("/srv/my gateway") == 1


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("drift", "reset", "chat"), "Forget what was usual"),
        (("datasets", "erase", "golden@1"), "Erase this"),
        (("rollout", "approve", "chat"), "Approve of"),
    ],
)
def test_it_is_told_before_the_question_also_where_nothing_was_asked_yet(listener, monkeypatch, words, question):
    monkeypatch.setattr(gateway, "_can_ask", lambda: True)
    listener.headers = WHERE
    rollout = {"route": "chat", "candidate": "v2", "state": "x", "stable": "v1", "id": "1", "creator": "ada"}
    listener.answers = [(200, {"backends": [], "rollout": rollout})]
    asked = run(listener, *words, said="n\n")
    assert asked.exit_code == 1
    assert asked.output.index("/srv/my gateway") < asked.output.index(question)
    assert {method for method, *_ in listener.seen} == {"GET"}, "nothing was changed"


def test_it_is_told_where_the_change_is_refused_for_it_may_be_the_wrong_one(listener):
    listener.headers = WHERE
    listener.answers = [(404, {"error": {"code": "route_not_found", "message": "No."}})]
    refused = run(listener, "routes", "weight", "chat", "v1=1")
    assert refused.stderr.splitlines()[1] == "error: No. (route_not_found)"
    assert "/srv/my gateway" in refused.stderr


def test_who_asks_the_listener_of_callers_is_told_that_it_is_the_wrong_one(listener):
    message = {"message": "There is no such endpoint.", "type": "invalid_request_error", "code": "not_found"}
    listener.answers = [(404, {"error": message, "request_id": "1"})]
    refused = run(listener, "backends", "list")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"error: {listener.url} has no such endpoint: is it the admin listener")


def test_a_look_says_nothing_of_it(listener):
    listener.headers = WHERE
    listener.answers = [(200, {"generations": [], "next": None})]
    assert run(listener, "config", "history").stderr == ""


def test_a_reload_tells_it_as_well(listener):
    listener.headers = WHERE
    listener.answers = [(200, {"taken": True, "generation": 2})]
    assert "/srv/my gateway" in run(listener, "reload").stderr
