"""`llmgateway events` in front of a gateway that says what it is told to."""

import json
import time

import pytest
from tests.support.listener import run

from llmgateway.cli import tables
from llmgateway.cli.events import listing
from llmgateway.cli.events.screen import ago, standing

EVENT = {
    "id": "backend-one-18f", "at": 5.0, "kind": "backend", "action": "ejected", "severity": "alarm",
    "text": "The backend one is out\x1b[2J.", "route": None, "version": None, "backend": "one", "figures": {"faults": 3},
    "undo": {"act": "backends.heal", "backend": "one"}, "cleared_at": None, "undone_at": None, "undone_by": None,
}  # fmt: skip
PAGE = {"events": [EVENT], "next": None}


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LOGNAME", "ada")


@pytest.mark.parametrize("words", [["list"], []])
def test_the_list_is_there_with_and_without_its_name(listener, words):
    listener.answers = [(200, PAGE)]
    done = run(listener, "events", *words)
    assert done.exit_code == 0, done.output
    for part in ("d ago", "backend: ejected", "The backend one is out\\x1b[2J. [open]", "backend-one-18f"):
        assert part in done.output
    assert listener.seen[0][1] == "/admin/v1/events?limit=50"


def test_on_a_narrow_screen_texts_have_room_and_ids_are_whole(listener, monkeypatch):
    monkeypatch.setattr(tables, "room", lambda: 80)
    listener.answers = [(200, {"events": [EVENT | {"id": "e" * 40, "text": "word " * 30}], "next": None})]
    shown = run(listener, "events").output.splitlines()
    assert any("e" * 40 in line for line in shown)
    assert len(shown) < 12


def test_filters_go_to_the_gateway(listener):
    listener.answers = [(200, PAGE | {"next": "e9"})]
    words = [
        "--open",
        "--kind",
        "backend",
        "--severity",
        "alarm",
        "--route",
        "chat",
        "--since",
        "1970-01-02T00:00+00:00",
    ]
    done = run(listener, "events", *words, "-n", "1", "--before", "e5", "--until", "1970-01-03T00:00+00:00")
    assert done.exit_code == 0, done.output
    assert "more: --before e9" in done.output
    assert listener.seen[0][1].partition("?")[2].split("&") == [
        "limit=1", "before=e5", "kind=backend", "severity=alarm", "route=chat", "since=86400.0", "until=172800.0",
        "open=true",
    ]  # fmt: skip


@pytest.mark.parametrize(("option", "value"), [("--kind", "nonsense"), ("--severity", "bad"), ("--since", "yesterday")])
def test_what_makes_no_sense_is_said_before_anybody_is_asked(listener, option, value):
    done = run(listener, "events", option, value)
    assert done.exit_code != 0
    assert listener.seen == []


def test_nothing_to_list_is_said(listener):
    listener.answers = [(200, {"events": [], "next": None})]
    assert "no event matches" in run(listener, "events").output


def test_json_is_what_the_gateway_says(listener):
    listener.answers = [(200, PAGE)]
    assert json.loads(run(listener, "events", "--json").output) == PAGE


def test_one_is_shown_with_its_figures_and_what_takes_it_back(listener):
    listener.answers = [(200, {"event": EVENT | {"id": "a/b"}})]
    done = run(listener, "events", "show", "a/b")
    assert listener.seen[0][1] == "/admin/v1/events/a%2Fb"
    for part in ('"faults": 3', "backends.heal", "open", "The backend one is out\\x1b[2J."):
        assert part in done.output
    listener.answers = [(200, {"event": EVENT | {"undo": None}})]
    assert "nothing takes it back" in run(listener, "events", "show", "a").output


def test_one_is_taken_back_with_who_and_why(listener):
    listener.answers = [(200, {"event": EVENT | {"undone_at": time.time(), "undone_by": "ada"}})]
    done = run(listener, "events", "undo", "e1", "--reason", "the disk is new")
    method, path, headers, _ = listener.seen[0]
    assert (method, path) == ("POST", "/admin/v1/events/e1/undo?reason=the+disk+is+new")
    assert headers["x-llmgateway-author"] == "ada"
    assert "taken back: backends.heal" in done.output
    assert "taken back by ada 0 s ago" in done.output


def test_taking_back_wants_a_reason(listener):
    done = run(listener, "events", "undo", "e1")
    assert (done.exit_code, listener.seen) == (2, [])
    assert "--reason" in done.output


def test_what_can_not_be_taken_back_is_told_as_the_gateway_says_it(listener):
    listener.answers = [(409, {"error": {"code": "over_already", "message": "It is over."}})]
    done = run(listener, "events", "undo", "e1", "--reason", "why")
    assert done.exit_code == 1
    assert "It is over. (over_already)" in done.output


def test_following_prints_what_comes_the_oldest_first_and_what_clears(listener, monkeypatch):
    later = EVENT | {"id": "e2", "severity": "warning", "text": "later"}
    over = EVENT | {"cleared_at": 9.0}
    listener.answers = [(200, PAGE), (200, {"events": [later, EVENT]}), (200, {"events": [later, over]})]
    looks = iter([None, None])

    def sleep(_):
        try:
            next(looks)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(listing.time, "sleep", sleep)
    done = run(listener, "events", "--follow")
    assert done.exit_code == 130
    lines = [line.split(" ", 1)[1] for line in done.output.splitlines()]
    assert lines == [
        "alarm backend: The backend one is out\\x1b[2J. (backend-one-18f)",
        "warning backend: later (e2)",
        "cleared backend: The backend one is out\\x1b[2J. (backend-one-18f)",
    ]


def test_following_does_not_print_later_what_was_too_old_at_first(listener, monkeypatch):
    every = [EVENT | {"id": f"e{number}"} for number in (3, 2, 1)]
    listener.answers = [(200, PAGE | {"events": every}), (200, {"events": every})]
    looks = iter([None])

    def sleep(_):
        if next(looks, 0) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(listing.time, "sleep", sleep)
    done = run(listener, "events", "--follow", "-n", "1")
    assert [line.rpartition("(")[2] for line in done.output.splitlines()] == ["e3)"]


def test_following_remembers_no_more_than_one_look_has():
    seen = {}
    assert len(listing.fresh([EVENT], seen)) == 1
    assert listing.fresh([EVENT], seen) == []
    listing.fresh([], seen)
    assert seen == {}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7_200, "2 h ago"), (864_000, "10 d ago")],
)
def test_how_long_ago_is_told_in_one_unit(seconds, words):
    assert ago(seconds) == words


def test_what_has_become_of_it():
    assert standing(EVENT, 10.0) == "open"
    assert standing(EVENT | {"severity": "info"}, 10.0) == ""
    assert standing(EVENT | {"cleared_at": 9.0}, 10.0) == "cleared 1 s ago"
    assert standing(EVENT | {"undone_at": 9.0, "undone_by": "a\x1bb"}, 10.0) == "taken back by a\\x1bb 1 s ago"
