from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.snapshot import Key, Route, Sticky, StickyBy, Version
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.select import Choice, Split, home, pinned, split_of, sticky_key


def route(**weights: float) -> Route:
    return Route("r", tuple(Version(name, name, (), weight=weight) for name, weight in weights.items()), salt="s")


def choose(of: Route, key: str | None, draw: float) -> Choice:
    return split_of(of).choose(key, draw)


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


WEIGHTS = st.lists(st.floats(0.001, 1e6), min_size=2, max_size=6)


@given(WEIGHTS, st.data(), st.text(max_size=5))
def test_whatever_the_weights_a_raised_one_takes_callers_and_moves_no_others(weights, data, salt):
    at = data.draw(st.integers(0, len(weights) - 1))
    more = data.draw(st.floats(0, 1e6))
    versions = [Version(f"v{number}", "", ()) for number in range(len(weights))]
    raised = [*weights[:at], weights[at] + more, *weights[at + 1 :]]
    before, after = (Split(salt, zip(versions, each, strict=True), "rule:x") for each in (weights, raised))
    for key in map(str, range(50)):
        old, new = before.choose(key, 0.5), after.choose(key, 0.5)
        assert new.version.name in {old.version.name, versions[at].name}
        assert new.assigned_by == "rule:x"


@given(WEIGHTS, st.floats(0.001, 1e6), st.text(max_size=5))
def test_a_version_that_is_new_takes_callers_and_moves_no_others(weights, weight, key):
    versions = [Version(f"v{number}", "", ()) for number in range(len(weights) + 1)]
    before = Split("s", list(zip(versions, weights, strict=False)))
    after = Split("s", zip(versions, [*weights, weight], strict=True))
    assert after.choose(key, 0.0).version.name in {before.choose(key, 0.0).version.name, versions[-1].name}


@given(WEIGHTS)
def test_the_chances_add_up_to_one(weights):
    split = Split("", ((Version(str(at), "", ()), weight) for at, weight in enumerate(weights)))
    assert sum(choice.probability for choice in split.choices) == pytest.approx(1.0)


def test_rules_deal_callers_as_the_split_does_so_nobody_comes_back_to_an_old_version():
    """Who is among the first tenth on v2 in the split is among the first half in a rule, and the other way round."""
    split, rule = route(v1=90, v2=10), route(v1=50, v2=50)
    few = {key for key in range(2_000) if choose(split, str(key), 0.0).version.name == "v2"}
    many = {key for key in range(2_000) if choose(rule, str(key), 0.0).version.name == "v2"}
    assert few
    assert few < many


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
    assert (choice.version.name, choice.probability, choice.assigned_by) == ("v2", 1.0, "home")


def test_a_key_with_a_lone_surrogate_is_a_key_like_any_other():
    assert choose(route(v1=1, v2=1), "\ud800", 0.0).version.name in {"v1", "v2"}


def test_a_pin_is_for_keys_that_may_and_versions_that_are_there():
    split, may = route(v1=1, v2=0), Key("k", b"", may_pin=True)
    assert pinned(split, may, "v2") == Choice(split.versions[1], 1.0, "pin")
    for key, name, code in ((Key("k", b""), "v2", "pin_not_allowed"), (may, "v3", "version_not_found")):
        with pytest.raises(GatewayError) as caught:
            pinned(split, key, name)
        assert caught.value.code == code


def test_a_key_that_may_not_pin_cannot_find_out_which_versions_there_are():
    messages = set()
    for name in ("v1", "nothing"):
        with pytest.raises(GatewayError) as caught:
            pinned(route(v1=1), Key("k", b""), name)
        messages.add(str(caught.value))
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("sticky", "expected"),
    [
        (Sticky(), None),
        (Sticky(StickyBy.USER), "ann"),
        (Sticky(StickyBy.SESSION), "s1"),
        (Sticky(StickyBy.KEY), "app"),
        (Sticky(StickyBy.HEADER, b"x-team"), "red"),
        (Sticky(StickyBy.HEADER, b"x-other"), None),
    ],
)
def test_what_keeps_a_caller_on_a_version(sticky, expected):
    assert sticky_key(sticky, "ann", "s1", "app", {b"x-team": b"red", b"x-empty": b""}.get) == expected
