"""Another rubric, another model, another version: another judge, whatever its name is."""

from dataclasses import replace

import pytest
from tests.unit.controlplane.evaluation.test_evaluation import JUDGE, bench, rule  # noqa: F401 -- a fixture

from llmgateway import plugins
from llmgateway.config.evaluating import Keep
from llmgateway.config.snapshot import Route, Secret, Snapshot, Version
from llmgateway.controlplane.evaluation.panel import panel
from llmgateway.domain.score import IDENTITY, MAX_WORD

KIND = rule("kind", "judge", options=JUDGE)
ROUTE = Route("wise", (Version("v1", "id-1", (), weight=1), Version("v2", "id-2", ())))


def snapshot(definition=KIND, route=ROUTE):
    return Snapshot(1, evaluators={definition.name: definition}, routes={} if route is None else {"wise": route})


def run(*, makers=None, **given):
    (member,) = panel(snapshot(**given), makers or plugins.classes("evaluator"))
    return member.run


def with_options(**changes):
    return replace(KIND, options={**JUDGE, **changes})


def with_versions(*versions):
    return replace(ROUTE, versions=versions)


@pytest.mark.parametrize(
    "given",
    [
        {"definition": with_options(rubric="Be brief.")},
        {"definition": with_options(rubric_version="mine")},
        {"definition": with_options(form="three_way")},
        {"definition": with_options(max_characters=900)},
        {"route": with_versions(Version("v1", "id-9", (), weight=1), ROUTE.versions[1])},
        {"route": with_versions(*(replace(each, weight=0.5) for each in ROUTE.versions))},
        {"route": with_versions(*ROUTE.versions, Version("v3", "id-3", ()))},
        {"route": None},
    ],
)
def test_what_its_verdicts_come_from_makes_another_judge(given):
    assert run(**given) != run()


@pytest.mark.parametrize(
    "given",
    [
        {"definition": replace(KIND, sample=0.9, daily_cost=9.0, daily_questions=9, timeout_s=9.0)},
        {"definition": replace(KIND, routes=("chat",), keep=Keep.BAD, api_key=Secret("k"))},
        {"definition": replace(KIND, options=dict(reversed(JUDGE.items())))},
        {"route": with_versions(*reversed(ROUTE.versions))},
        {"route": with_versions(replace(ROUTE.versions[0], name="v7"), ROUTE.versions[1])},
        {"route": replace(ROUTE, fallback=("v2",))},
    ],
)
def test_how_much_it_judges_and_what_things_are_called_does_not(given):
    assert run(**given) == run()


def test_the_words_of_a_rubric_count_under_a_version_of_its_own_name_too():
    one, two = (run(definition=with_options(rubric_version="mine", rubric=each)) for each in ("Be kind.", "Be brief."))
    assert one != two
    assert {each.split(IDENTITY)[0] for each in (one, two)} == {"judge-mine"}


def test_another_version_of_the_plug_in_is_another_judge():
    made = plugins.classes("evaluator")
    newer = type("Newer", (made["judge"],), {"version": "2"})
    assert run(makers={**made, "judge": newer}) != run()


def test_it_says_who_judged_in_a_word_that_a_score_may_have():
    named = run(definition=with_options(rubric_version="r" * 64))
    assert len(named) <= MAX_WORD
    assert len(named.split(IDENTITY)[1]) == 12
    odd = run(definition=with_options(rubric="\udc80 is no letter"))
    assert IDENTITY in odd


def test_rules_stand_with_their_version():
    (member,) = panel(snapshot(rule("error")), plugins.classes("evaluator"))
    assert IDENTITY not in member.run


async def test_a_judge_whose_model_is_changed_is_another_from_the_next_reload_on(bench):  # noqa: F811 -- the fixture
    evaluation = bench.evaluation(KIND)
    evaluation.configure(snapshot())
    before, members = evaluation.judges, evaluation.members
    evaluation.configure(replace(snapshot(), generation=2))
    assert evaluation.members is members, "what waits to be asked goes on waiting"
    evaluation.configure(snapshot(route=with_versions(Version("v1", "id-9", (), weight=1))))
    assert evaluation.judges.keys() == before.keys() == {"kind"}
    assert evaluation.judges != before
