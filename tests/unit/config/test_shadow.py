"""[routes.NAME.shadow]: what is refused, what is pointed out, and what `check` says of it."""

import pytest
from tests.unit.config.conftest import Accept, Refuse

from llmgateway.config.describe import describe

ROUTE = "[routes.assistant]\n"


def shadow(text: str) -> tuple[str, str]:
    return ROUTE, f"{ROUTE}shadow = {{ {text} }}\n"


def warnings(accept: Accept, *changes: tuple[str, str]) -> list[str]:
    return [str(each).removeprefix("config.toml:") for each in accept(*changes).warnings]


def test_without_the_table_nothing_is_copied(accept: Accept) -> None:
    assert accept().snapshot.routes["assistant"].shadow is None
    assert describe(accept().snapshot)["routes"][0]["shadow"] is None


def test_a_share_is_all_that_need_be_said_beside_the_version(accept: Accept) -> None:
    route = accept(shadow('version = "v2", share = 1')).snapshot.routes["assistant"]
    assert route.shadow is not None
    assert route.shadow.version is route.version("v2")
    assert (route.shadow.share, route.shadow.max_concurrent, route.shadow.max_per_minute) == (1.0, 16, 600)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('version = "v3"', 'version: no version of this route is called "v3"; there is "v1", "v2"'),
        ('version = "v22"', 'version: no version of this route is called "v22"; did you mean "v2"?'),
        ('version = "v2", share = 1.01', "share: must be at most 1"),
        ('version = "v2", share = -0.1', "share: must be at least 0"),
        ('version = "v2", share = nan', "share: must be a finite number"),
        ('version = "v2", max_concurrent = 0', "max_concurrent: must be at least 1"),
        ('version = "v2", max_per_minute = 0', "max_per_minute: must be at least 1"),
        ("share = 0.1", "version: is required"),
        ('version = "v2", shard = 0.1', 'shard: there is no such setting; did you mean "share"?'),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(refuse: Refuse, text: str, problem: str) -> None:
    assert refuse(shadow(text)) == [f"config.toml:12: routes.assistant.shadow.{problem}"]


def test_several_mistakes_are_told_at_once(refuse: Refuse) -> None:
    assert len(refuse(shadow('version = "v3", share = 2, max_concurrent = 0'))) == 3


def test_a_shadow_needs_no_weight_and_is_not_called_idle(accept: Accept) -> None:
    assert warnings(accept, shadow('version = "v2"'), ("weight = 10\n", "weight = 0\n")) == []


def test_a_version_that_shadows_itself_is_pointed_out(accept: Accept) -> None:
    changes = (shadow('version = "v1"'), ("weight = 10\n", "weight = 0\n"), ('fallback = ["v1"]', 'fallback = ["v2"]'))
    assert warnings(accept, *changes) == [
        '12: routes.assistant.shadow.version: all traffic goes to "v1" already: its copies compare it with itself'
    ]


def test_a_share_of_nothing_is_pointed_out(accept: Accept) -> None:
    assert warnings(accept, shadow('version = "v2", share = 0')) == [
        '12: routes.assistant.shadow.share: is 0: nothing is copied to "v2"'
    ]


def test_a_description_tells_the_shadow(accept: Accept) -> None:
    (route,) = describe(accept(shadow('version = "v2", share = 0.125')).snapshot)["routes"]
    assert route["shadow"] == {
        "version": "v2", "share_percent": 12.5, "max_concurrent": 16, "max_per_minute": 600,
    }  # fmt: skip
