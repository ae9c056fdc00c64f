"""Rules in the file: what they become, and every slip of the pen with its line."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.unit.config.conftest import Accept, Refuse

from llmgateway import plugins
from llmgateway.config.conditions import Between, OneOf, Within, conditions, covers
from llmgateway.config.rule_schema import MAX_RULES
from llmgateway.config.rules import DIALECTS, WHOLE_WEEK, FaultKind, TimeWindow, When

KEYS = '[keys.web]\nhash = "sha256:' + "2" * 64 + '"\ntags = { team = "search" }\n'
ALL = """\
[[routes.assistant.rules]]
name = "gold"
use = { v2 = 100 }
[routes.assistant.rules.when]
key = "web"
key_tags = { team = "search" }
header = { X-Tier = ["gold", "silver"] }
metadata = { plan = "pro", seats = 3 }
params = { reasoning_effort = "high", n = [1, 2], reasoning = { effort = "low" } }
min_tokens = 1000
max_tokens = 8000
dialect = "openai"
stream = true
tools = true
images = false
time = { days = ["Tue", "monday"], from = "09:00", to = "17:00", zone = "Asia/Tokyo" }
[[routes.assistant.rules]]
name = "rest"
use = { v1 = 1, v2 = 3 }
"""
FIRST = 23  # the line of what is added to the text


def rules(*more: str) -> str:
    return "".join(f'[[routes.assistant.rules]]\nname = "r{at}"\n{each}\n' for at, each in enumerate(more))


def rule(when: str, use: str = "{ v2 = 1 }") -> str:
    return f"when = {when}\nuse = {use}"


def test_a_rule_with_everything_becomes_what_it_says(accept: Accept) -> None:
    gold, rest = accept(more=KEYS + ALL).snapshot.routes["assistant"].rules
    assert gold.when == When(
        key=("web",),
        key_tags={"team": ("search",)},
        header={"x-tier": ("gold", "silver")},
        metadata={"plan": ("pro",), "seats": (3,)},
        params={("reasoning_effort",): ("high",), ("n",): (1, 2), ("reasoning", "effort"): ("low",)},
        min_tokens=1000,
        max_tokens=8000,
        dialect=("openai",),
        stream=True,
        tools=True,
        images=False,
        time=TimeWindow((0, 1), 540, 1020, "Asia/Tokyo"),
    )
    assert (gold.name, gold.use) == ("gold", (("v2", 100.0),))
    assert (rest.when, rest.use) == (When(), (("v1", 1.0), ("v2", 3.0)))


def test_every_condition_has_its_words(accept: Accept) -> None:
    gold, _ = accept(more=KEYS + ALL).snapshot.routes["assistant"].rules
    assert [condition.words for condition in conditions(gold.when)] == [
        'key is "web"',
        'dialect is "openai"',
        "streamed",
        'key tag team is "search"',
        'header x-tier is "gold" or "silver"',
        'parameter reasoning_effort is "high"',
        "parameter n is 1 or 2",
        'parameter reasoning.effort is "low"',
        'metadata plan is "pro"',
        "metadata seats is 3",
        "1000 to 8000 input tokens",
        "Mon, Tue 09:00 to 17:00 in Asia/Tokyo",
        "with tools",
        "without images",
    ]


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (When(min_tokens=5), "at least 5 input tokens"),
        (When(max_tokens=5), "at most 5 input tokens"),
        (When(stream=False), "not streamed"),
        (When(params={("a.b", "c"): (True,)}), 'parameter "a.b".c is true'),
        (When(time=TimeWindow((4,), 22 * 60, 6 * 60)), "Fri 22:00 to 06:00 of the next day in UTC"),
        (When(time=TimeWindow((5, 6))), "Sat, Sun in UTC"),
        (When(time=TimeWindow(start=60)), "every day 01:00 to 24:00 in UTC"),
    ],
)
def test_words_for_the_rest(when: When, words: str) -> None:
    assert [condition.words for condition in conditions(when)] == [words]


def test_by_default_every_fault_leads_on_and_no_key_may_pin(accept: Accept) -> None:
    snapshot = accept().snapshot
    assert snapshot.routes["assistant"].on_failure == set(FaultKind)
    assert [key.may_pin for key in snapshot.keys.values()] == [False]


def test_faults_may_be_chosen_also_none(accept: Accept) -> None:
    def chosen(faults: str) -> frozenset[FaultKind]:
        more = f"[routes.assistant.on_failure]\nfaults = {faults}\n"
        return accept(more=more).snapshot.routes["assistant"].on_failure

    assert chosen('["timeout", "auth"]') == {FaultKind.TIMEOUT, FaultKind.AUTH}
    assert chosen("[]") == frozenset()


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ('["timeout", "timeot"]', "faults: must be 'unreachable', 'timeout', 'rate_limited', 'server_error', "),
        ('["timeout", "timeout"]', "faults: names a fault twice"),
    ],
)
def test_unknown_and_repeated_faults_are_refused(refuse: Refuse, faults: str, reason: str) -> None:
    (problem,) = refuse(more=f"[routes.assistant.on_failure]\nfaults = {faults}\n")
    assert problem.startswith(f"config.toml:{FIRST + 1}: routes.assistant.on_failure.{reason}")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (rule("{ stream = true }", "{ v3 = 1 }"), 3, 'use.v3: no version of this route is called "v3"; there is "v1", "v2"'),
        (rule("{ stream = true }", "{ v1 = 0, v2 = 0 }"), 3, "use: no version has a weight above 0, so none would get traffic"),
        (rule("{ stream = true }", "{}"), 3, "use: must have at least 1 entry"),
        (rule("{ stream = true }", "{ v1 = -1 }"), 3, "use.v1: must be at least 0"),
        (rule('{ key = ["app", "ap"] }'), 2, 'when.key: no key is called "ap"; did you mean "app"?'),
        (rule("{ key = [] }"), 2, "when.key: must have at least 1 entry"),
        (rule("{ steam = true }"), 2, 'when.steam: there is no such setting; did you mean "stream"?'),
        (rule('{ stream = "yes" }'), 2, "when.stream: must be true or false"),
        (rule('{ key_tags = { team = "search" } }'), 2, 'when.key_tags.team: no key that may use this route has the tag "team"'),
        (rule("{ min_tokens = 9, max_tokens = 8 }"), 2, "when: min_tokens is above max_tokens (9 > 8): nothing fits"),
        (rule("{ min_tokens = -1 }"), 2, "when.min_tokens: must be at least 0"),
        (rule('{ dialect = "opanai" }'), 2, 'when.dialect: no dialect is called "opanai"; did you mean "openai"?'),
        (rule('{ header = { "x tier" = "a" } }'), 2, 'when.header."x tier": is not a header name'),
        (rule('{ header = { x-tier = "a", X-Tier = "b" } }'), 2, "when.header: names a header twice"),
        (rule('{ header = { Authorization = "Bearer x" } }'), 2, "when.header.Authorization: a credential must not stand in a rule: ask for the key by its name, with `key`"),
        (rule("{ header = { x-tier = 1 } }"), 2, "when.header.x-tier: must be text in quotes"),
        (rule('{ header = { x-tier = "gold " } }'), 2, "when.header.x-tier: no header has such a value: it is printable ASCII without blanks around it"),
        (rule('{ header = { x-tier = ["a", "é"] } }'), 2, "when.header.x-tier: no header has such a value"),
        (rule("{ time = { days = [1] } }"), 2, "when.time.days: must be a day of the week"),
        (rule('{ time = { zone = "" } }'), 2, "when.time.zone: is no time zone of the IANA database"),
        (rule("{ params = { a = {} } }"), 2, "when.params: must be text, a number, true or false, or a list of such"),
        (rule("{ params = { a = [[1]] } }"), 2, "when.params: must be text, a number, true or false, or a list of such"),
        (rule("{ metadata = { plan = 2030-01-01 } }"), 2, "when.metadata.plan: must be text, a number, true or false, or a list of such"),
        (rule("{ params = { a.b = [] } }"), 2, "when.params: a.b has no value to compare with"),
        (rule("{ params = { a.b = nan } }"), 2, "when.params: must be text, a number, true or false, or a list of such"),
        (rule(f"{{ params = {{ {'a.' * 500}b = 1 }} }}"), 2, "when.params: is nested too deeply"),
        (rule("{ params = { a.b.c.d.e.f.g.h.i = 1 } }"), 2, "when.params: is nested too deeply"),
        (rule('{ time = { from = "09:00", to = "09:00" } }'), 2, "when.time: the window is empty: from and to are the same; leave both out for the whole day"),
        (rule('{ time = { from = "24:00", to = "09:00" } }'), 2, "when.time: from must be before 24:00"),
        (rule("{ time = { days = [] } }"), 2, "when.time.days: must have at least 1 entry"),
        (rule('{ time = { days = ["mon", "Monday"] } }'), 2, "when.time: names a day twice"),
        (rule('{ time = { days = ["moon"] } }'), 2, 'when.time.days: must be a day of the week: "mon", "tue", "wed", "thu", "fri", "sat" or "sun"'),
        (rule('{ time = { from = "9:00" } }'), 2, 'when.time.from: must be a time of the day in quotes, like "09:00" or "24:00"'),
        (rule('{ time = { form = "09:00" } }'), 2, 'when.time.form: there is no such setting; did you mean "from"?'),
        (rule('{ time = { zone = "Europe/Berlim" } }'), 2, 'when.time.zone: is no time zone of the IANA database; did you mean "Europe/Berlin"?'),
        (rule('{ time = { zone = "Europe" } }'), 2, "when.time.zone: is no time zone of the IANA database"),
        (rule('{ time = { zone = "../../etc/passwd" } }'), 2, 'when.time.zone: is no time zone of the IANA database, like "Europe/Berlin"'),
    ],
)  # fmt: skip
def test_every_slip_is_told_with_its_line(refuse: Refuse, text: str, line: int, problem: str) -> None:
    (told,) = refuse(more=rules(text))
    where, _, reason = told.partition("routes.assistant.rules[0].")
    assert where == f"config.toml:{FIRST + line}: "
    assert reason.startswith(problem)


def test_a_tag_value_that_no_key_has_is_told_with_the_nearest(refuse: Refuse) -> None:
    (told,) = refuse(more=KEYS + rules(rule('{ key_tags = { team = "serch" } }')))
    assert told.endswith('no key that may use this route has "serch" as this tag; did you mean "search"?')


def test_a_key_that_may_not_use_the_route_is_no_condition_for_it(refuse: Refuse) -> None:
    more = '[routes.other.versions.v1]\nbackends = ["one"]\n[[routes.other.rules]]\nname = "r"\n'
    (told,) = refuse(more=more + 'when = { key = "app" }\nuse = { v1 = 1 }\n')
    assert told == 'config.toml:27: routes.other.rules[0].when.key: key "app" may not use this route'


def test_two_rules_cannot_share_a_name(refuse: Refuse) -> None:
    text = rules(rule("{ stream = true }"), rule("{ tools = true }")).replace('"r1"', '"r0"')
    assert refuse(more=text) == [
        f'config.toml:{FIRST + 5}: routes.assistant.rules[1].name: another rule of this route is called "r0" too'
    ]


def test_a_rule_needs_a_name_and_something_to_use(refuse: Refuse) -> None:
    problems = refuse(more="[[routes.assistant.rules]]\nwhen = { stream = true }\n")
    assert {problem.partition("rules[0].")[2] for problem in problems} == {"name: is required", "use: is required"}


def test_slips_of_several_rules_are_told_together(refuse: Refuse) -> None:
    text = rules(rule("{ steam = true }"), rule('{ key = "nobody" }', "{ v9 = 1 }"))
    assert [problem.split(": ")[1] for problem in refuse(more=text)] == [
        "routes.assistant.rules[0].when.steam",
        "routes.assistant.rules[1].when.key",
        "routes.assistant.rules[1].use.v9",
    ]


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("{ stream = true, params = { stream = false } }", "stream and params.stream ask for different values"),
        ("{ stream = false, params = { stream = true } }", "stream and params.stream ask for different values"),
        ("{ stream = true, params = { stream = 1 } }", "stream and params.stream ask for different values"),
        (
            '{ stream = true, params = { stream = [false, "yes"] } }',
            "stream and params.stream ask for different values",
        ),
        (
            '{ metadata = { team = ["a", "b"] }, params = { metadata = { team = "c" } } }',
            "metadata.team and params.metadata.team ask for different values",
        ),
        ('{ metadata = { team = "a" }, params = { metadata = "a" } }', "params.metadata says is a plain value"),
    ],
)
def test_a_rule_that_no_request_fits_is_refused(refuse: Refuse, when: str, reason: str) -> None:
    (told,) = refuse(more=rules(rule(when)))
    assert told.startswith(f"config.toml:{FIRST + 2}: routes.assistant.rules[0].when: "), told
    assert reason in told
    assert told.endswith(": nothing fits")


@pytest.mark.parametrize(
    "when",
    [
        "{ stream = true, params = { stream = [true, false] } }",
        "{ stream = false, params = { stream = false } }",
        '{ stream = true, params = { streams = "no" } }',
        "{ params = { stream = false } }",
        '{ metadata = { team = ["a", "b"], n = 1 }, params = { metadata = { team = "b", n = [1.0, 2] } } }',
        '{ metadata = { team = "a" }, params = { metadata = { other = "c" } } }',
    ],
)
def test_a_rule_that_asks_the_same_twice_is_not(accept: Accept, when: str) -> None:
    accept(more=rules(rule(when)))


def test_a_rule_without_conditions_that_is_not_last_is_refused(refuse: Refuse) -> None:
    text = rules("use = { v1 = 1 }", rule("{ stream = true }"))
    assert refuse(more=text) == [
        f'config.toml:{FIRST}: routes.assistant.rules: "r0" has no condition, so no rule behind it is ever reached: '
        "move it to the end"
    ]


def test_an_always_open_window_is_no_condition_either(refuse: Refuse) -> None:
    text = rules(rule("{ time = {} }"), rule("{ stream = true }"))
    assert "has no condition" in refuse(more=text)[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{ stream = true }", "{ stream = true }"),
        ("{ stream = true }", "{ stream = true, tools = true }"),
        ('{ header = { x-a = ["1", "2"] } }', '{ header = { X-A = "2" } }'),
        ("{ params = { n = [1, 2] } }", "{ params = { n = 2.0 } }"),
        ("{ min_tokens = 10 }", "{ min_tokens = 20, max_tokens = 30 }"),
        ("{ max_tokens = 30 }", "{ max_tokens = 30 }"),
        ('{ time = { days = ["mon", "tue"] } }', '{ time = { days = ["mon"], from = "09:00" } }'),
        ('{ time = { from = "22:00", to = "06:00" } }', '{ time = { days = ["tue"], to = "05:00" } }'),
    ],
)
def test_a_rule_behind_one_that_takes_all_of_its_requests_is_refused(refuse: Refuse, first: str, second: str) -> None:
    (told,) = refuse(more=rules(rule(first), rule(second)))
    assert told.startswith(f'config.toml:{FIRST + 4}: routes.assistant.rules: "r1" is never reached: "r0" before it ')


@pytest.mark.parametrize(
    ("before", "last"),
    [
        (["{ stream = true }", "{ stream = false }"], "{ tools = true }"),
        (["{ stream = true }", "{ stream = false, tools = true }", "{ tools = false }"], '{ header = { x-a = "1" } }'),
        (['{ dialect = "openai", stream = true }', '{ dialect = "anthropic" }'], "{ stream = true, min_tokens = 5 }"),
    ],
)
def test_a_rule_whose_requests_several_before_it_share_is_refused(refuse: Refuse, before: list[str], last: str) -> None:
    (told,) = refuse(more=rules(*map(rule, before), rule(last)))
    assert told.endswith("is never reached: the rules before it take all of its requests between them")


def test_what_several_rules_leave_over_can_be_reached(accept: Accept) -> None:
    some = rules(rule("{ stream = true }"), rule("{ stream = false, tools = true }"), rule("{ images = true }"))
    accept(more=some)
    accept(more=rules(rule("{ stream = true, min_tokens = 5 }"), rule("{ stream = false }"), rule("{ tools = true }")))


def test_there_is_a_limit_to_the_rules_of_a_route(refuse: Refuse) -> None:
    many = [rule(f'{{ header = {{ x-a = "{at}" }} }}') for at in range(MAX_RULES + 1)]
    (told,) = refuse(more=rules(*many))
    assert told.endswith(f"routes.assistant.rules: must have at most {MAX_RULES} entries")


def test_many_rules_are_looked_through_in_a_moment(accept: Accept) -> None:
    facts = ("stream", "tools", "images")
    many = [
        rule(f'{{ {facts[at % 3]} = {str(bool(at % 2)).lower()}, header = {{ x-a = "{at}" }} }}') for at in range(200)
    ]
    began = time.process_time()
    accept(more=rules(*many))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{ stream = true }", "{ stream = false, tools = true }"),
        ("{ stream = true, tools = true }", "{ stream = true }"),
        ('{ header = { x-a = "1" } }', '{ header = { x-b = "1" } }'),
        ('{ header = { x-a = "1" } }', '{ metadata = { x-a = "1" } }'),
        ("{ params = { n = 1 } }", "{ params = { n = true } }"),
        ("{ min_tokens = 10 }", "{ max_tokens = 30 }"),
        ("{ max_tokens = 29 }", "{ max_tokens = 30 }"),
        ('{ time = { days = ["mon"] } }', '{ time = { days = ["mon"], zone = "Asia/Tokyo" } }'),
        ('{ time = { from = "09:00", to = "17:00" } }', '{ time = { from = "09:00", to = "17:01" } }'),
    ],
)
def test_rules_that_can_be_reached_are_not_refused(accept: Accept, first: str, second: str) -> None:
    assert (
        len(accept(more=rules(rule(first), rule(second), "use = { v1 = 1 }")).snapshot.routes["assistant"].rules) == 3
    )


def test_the_dialects_a_rule_may_name_are_those_there_are() -> None:
    assert plugins.names("dialect") == DIALECTS


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    within = Within(TimeWindow((4,), 22 * 60, 6 * 60, "Europe/Berlin"))

    def at(day: int, hour: int, minute: int = 0) -> bool:
        return within.admits(datetime(2026, 1, day, hour, minute, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())

    assert [at(9, 21, 59), at(9, 22), at(9, 23, 59), at(10, 0), at(10, 5, 59), at(10, 6)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    assert not at(9, 3)  # Friday's small hours are Thursday's night
    assert not at(10, 22)


def test_sundays_night_runs_into_monday() -> None:
    within = Within(TimeWindow((6,), 23 * 60, 60))
    assert within.admits(datetime(2026, 1, 12, 0, 30, tzinfo=ZoneInfo("UTC")).timestamp())
    assert not within.admits(datetime(2026, 1, 11, 0, 30, tzinfo=ZoneInfo("UTC")).timestamp())


def test_the_clocks_of_the_zone_count_also_when_they_change() -> None:
    berlin = Within(TimeWindow(start=9 * 60, end=17 * 60, zone="Europe/Berlin"))
    winter, summer = "2026-03-28T08:30:00+00:00", "2026-03-30T07:30:00+00:00"  # both 9:30 there
    assert all(berlin.admits(datetime.fromisoformat(each).timestamp()) for each in (winter, summer))
    assert not berlin.admits(datetime.fromisoformat("2026-03-28T07:30:00+00:00").timestamp())


def test_an_hour_that_is_skipped_is_in_no_window_and_one_that_comes_twice_in_both_times() -> None:
    small_hours = Within(TimeWindow(start=2 * 60, end=3 * 60, zone="Europe/Berlin"))
    spring = datetime.fromisoformat("2026-03-29T00:00:00+00:00").timestamp()  # 1:00 there; 2:00 is 3:00
    autumn = datetime.fromisoformat("2026-10-25T00:00:00+00:00").timestamp()  # 2:00 there, and an hour later again
    assert not any(small_hours.admits(spring + 60 * minute) for minute in range(180))
    assert [small_hours.admits(autumn + 3600 * hour) for hour in range(-1, 3)] == [False, True, True, False]


def test_seconds_within_the_last_minute_are_still_within() -> None:
    window = Within(TimeWindow(start=0, end=60))
    hour = datetime.fromisoformat("2026-01-05T01:00:00+00:00").timestamp()
    assert window.admits(hour - 0.001)
    assert not window.admits(hour)


def test_all_days_are_the_whole_week() -> None:
    assert TimeWindow().minutes == WHOLE_WEEK
    assert TimeWindow(start=600, end=600 + 1).minutes.bit_count() == 7


def test_values_are_compared_as_json_has_them() -> None:
    one = OneOf(conditions(When(params={("n",): (1,)}))[0].fact, "n", (1,))
    assert [one.admits(each) for each in (1, 1.0, True, "1", None, [1], {"1": 1})] == [True, True] + [False] * 5
    yes = OneOf(one.fact, "n", (True,))
    assert [yes.admits(each) for each in (True, 1, 1.0)] == [True, False, False]


def test_tokens_that_nobody_can_count_are_in_no_range() -> None:
    assert not Between(0, None).admits(None)
    assert [Between(5, 10).admits(each) for each in (4, 5, 10, 11)] == [False, True, True, False]


def test_conditions_of_one_kind_do_not_cover_those_of_another() -> None:
    wide = conditions(When(min_tokens=1))
    assert not covers(wide, conditions(When(stream=True)))
    assert covers((), wide)
