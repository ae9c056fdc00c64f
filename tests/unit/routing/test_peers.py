"""Never more than half of a version's backends, never the last one a route can reach."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.backends import World

from llmgateway.config.snapshot import Backend, Route, Snapshot, Version
from llmgateway.routing.peers import Peers


def peers(*routes):
    return Peers(Snapshot(1, routes={route.name: route for route in routes}))


def version(name, backends):
    return Version(name, name, tuple(Backend(each, "openai", f"http://{each}") for each in backends.split()))


def may(of, name, ejected="", gone=""):
    return of.may_eject(name, ejected.split().__contains__, gone.split().__contains__)


def test_at_most_half_of_a_versions_backends():
    two, three, four = (peers(Route("r", (version("v", names),))) for names in ("a b", "a b c", "a b c d"))
    assert may(two, "a")
    assert not may(two, "a", "b")
    assert may(three, "a")
    assert not may(three, "a", "b")
    assert may(four, "a", "b")
    assert not may(four, "a", "b c")


def test_never_the_last():
    alone = peers(Route("r", (version("v", "a"),)))
    assert not may(alone, "a")
    two = peers(Route("r", (version("v", "a b"),)))
    assert not may(two, "a", gone="b"), "b is drained, so a is all there is"


def test_a_version_may_go_as_a_whole_where_its_fallback_is_well():
    v1, v2 = version("v1", "a b"), version("v2", "c")
    falls_back = peers(Route("r", (v1, v2), fallback=(v1, v2)))
    assert may(falls_back, "a", "b")
    assert not may(falls_back, "a", "b c")
    assert not may(falls_back, "c", "a b")
    assert may(falls_back, "c", "a")


def test_every_route_has_to_bear_it():
    v1, v2 = version("v1", "a"), version("v2", "b")
    assert not may(peers(Route("r", (v1, v2), fallback=(v2,)), Route("s", (v1,))), "a")


def test_who_is_in_no_version_may_always_go():
    assert may(peers(), "a")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60))
def test_as_a_walk(steps):
    world = World(v1="a b c", v2="d e f")
    for name, is_fault in steps:
        world.now += 0.5
        if is_fault:
            world.fails(name, 3)
        elif name in world.out:
            world.standings._heal(world.standings[name], "heal", world.now)
    out = world.out
    assert len(out & set("def")) <= (1 if out >= set("abc") else 3)
    assert len(out) < 6
    if out >= set("abc"):
        assert not out >= set("def")


@given(st.lists(st.sampled_from("abcde"), max_size=60))
def test_without_a_fallback_no_walk_takes_out_more_than_half(names):
    world = World(v1="a b c d e")
    for name in names:
        world.fails(name, 3)
        assert len(world.out) <= 2
