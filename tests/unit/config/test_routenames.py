"""What is said of a name that no route has: the nearest, what there is, never a screenful."""

import pytest

from llmgateway.config.routenames import LISTED, unknown_route

ROUTES = ("support", "chat", "vendor/m-*")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("suport", '"suport"; did you mean "support"? There is "chat", "support", "vendor/m-*"'),
        ("CHAT", '"CHAT"; did you mean "chat"? There is "chat", "support", "vendor/m-*"'),
        ("xyz", '"xyz"; there is "chat", "support", "vendor/m-*"'),
        ("vendor/m-7", '"vendor/m-7": requests for it go to the route "vendor/m-*", which the log has them under'),
        ("\x1b[2J", '"\\u001b[2J"; there is "chat", "support", "vendor/m-*"'),
    ],
)
def test_the_nearest_and_what_there_is(name, told):
    assert unknown_route(name, ROUTES) == f"no route is called {told}"


def test_where_there_is_none_nothing_is_offered():
    assert unknown_route("chat", ()) == 'no route is called "chat"'


def test_of_many_a_few_are_told():
    told = unknown_route("zzz", [f"r{at:04}" for at in range(1_200)])
    assert told.count('"r') == LISTED
    assert told.endswith(" and 1,192 more")
