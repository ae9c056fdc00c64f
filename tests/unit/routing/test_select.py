from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.snapshot import Route, Version
from llmgateway.routing.select import choose, home


def route(**weights: float) -> Route:
    return Route("r", tuple(Version(name, name, (), weight=weight) for name, weight in weights.items()), salt="s")


def assigned(of: Route, keys: range) -> list[str]:
    return [choose(of, f"user-{key}", 0.0).version.name for key in keys]


def test_without_a_sticky_key_the_draw_decides_by_weight():
    split = route(v1=90, v2=10)
    names = [choose(split, None, step / 1000).version.name for step in range(1000)]
    assert Counter(names) == {"v1": 900, "v2": 100}


def test_the_probability_is_the_share_of_the_weights():
    assert choose(route(v1=90, v2=10), None, 0.95).probability == 0.1
    assert choose(route(v1=5), "anyone", 0.0).probability == 1.0


def test_a_sticky_key_stays_with_its_version_whatever_the_draw():
    split = route(v1=50, v2=50)
    assert len({choose(split, "ann", draw / 10).version.name for draw in range(10)}) == 1


def test_sticky_keys_meet_the_weights():
    counts = Counter(assigned(route(v1=70, v2=20, v3=10), range(20_000)))
    for name, share in (("v1", 0.7), ("v2", 0.2), ("v3", 0.1)):
        assert abs(counts[name] - 20_000 * share) < 3 * (20_000 * share * (1 - share)) ** 0.5


@given(st.lists(st.integers(1, 100), min_size=3, max_size=3), st.integers(1, 100))
def test_raising_a_weight_only_moves_callers_to_that_version(weights, more):
    before = route(**dict(zip("abc", weights, strict=True)))
    raised = replace(before.versions[1], weight=weights[1] + more)
    after = replace(before, versions=(before.versions[0], raised, before.versions[2]))
    keys = range(200)
    for old, new in zip(assigned(before, keys), assigned(after, keys), strict=True):
        assert new in {old, "b"}


def test_another_salt_is_another_split():
    one, other = route(v1=50, v2=50), replace(route(v1=50, v2=50), salt="t")
    assert assigned(one, range(50)) != assigned(other, range(50))


def test_a_version_of_weight_zero_is_never_assigned():
    split = route(v1=1, v2=0)
    assert {choose(split, str(key), 0.999).version.name for key in range(100)} == {"v1"}


def test_rounding_at_the_far_end_still_finds_a_version():
    assert choose(route(v1=0.1, v2=0.2), None, 1.0).version.name == "v2"


def test_what_is_named_by_id_lives_at_the_heaviest_version():
    choice = home(route(v1=10, v2=90))
    assert (choice.version.name, choice.probability) == ("v2", 1.0)


def test_a_key_with_a_lone_surrogate_is_a_key_like_any_other():
    assert choose(route(v1=1, v2=1), "\ud800", 0.0).version.name in {"v1", "v2"}
