"""The shadow benchmark's own sums, and its promise to call only one thing different."""

import json

import pytest
from bench import payload
from bench.shadow import NONE, QUICK, ROUTES, RouteSpec, _turns, holds, table
from bench.shadow_backends import KINDS


def figures(**changes):
    each = {
        "answered": 100,
        "errors": 0,
        "complaints": [],
        "p50": [0.05],
        "p99": [0.06],
        "plain_p99": [0.06],
        "ratio": [1.0],
        "requests": 9,
        "left_out": 1,
    }
    return {route: each | (changes if route == "r-is-dead" else {}) for route in ROUTES}


def test_every_route_writes_requests_of_the_same_length():
    plain = RouteSpec(port=1).request(7)
    for route in ROUTES:
        request = RouteSpec(port=1, route=route).request(7)
        assert len(request) == len(plain)
        assert json.loads(request.partition(b"\r\n\r\n")[2])["model"] == route != payload.ROUTE


def test_every_kind_of_shadow_has_a_backend():
    assert {backend for _, backend in ROUTES.values()} - {None, "dead"} == set(KINDS)
    assert ROUTES[NONE][1] is None


def test_rounds_take_turns_in_both_directions():
    turns = list(_turns(2))
    assert [route for number, route in turns if number == 0] == list(ROUTES)
    assert [route for number, route in turns if number == 1] == list(reversed(ROUTES))


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({}, True),
        ({"ratio": [0.9, 1.05, 3.0]}, True),  # the median counts, not the noisiest round
        ({"ratio": [0.9, 1.06, 1.07]}, False),
        ({"errors": 1}, False),
    ],
)
def test_the_target_is_no_error_and_five_per_cent(changes, is_held):
    assert holds(figures(**changes)) is is_held


def test_the_table_has_a_row_for_each_shadow():
    shown = table(figures(errors=3), QUICK).markdown()
    for words, _ in ROUTES.values():
        assert f"| {words} |" in shown
    assert "| 3 |" in shown
