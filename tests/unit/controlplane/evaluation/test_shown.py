"""What is told of evaluators, from the first moment on, and of whom people have agreed with."""

import pytest
from tests.support.scores import judgement
from tests.unit.controlplane.evaluation.test_evaluation import JUDGE, bench, rule, settled, snapshot  # noqa: F401 -- a fixture

from llmgateway.controlplane.evaluation.shown import shown
from llmgateway.domain.score import DataType, SourceKind

NOTHING = {"good": 0, "bad": 0, "failed": 0, "judge_error": 0}


async def told(bench, evaluation):  # noqa: F811 -- the fixture
    return {each["name"]: each for each in await shown(evaluation, bench.store, snapshot(), bench.make.clock.time())}


async def test_who_has_done_nothing_yet_is_told_with_zeros(bench):  # noqa: F811 -- the fixture
    evaluation = bench.evaluation(rule("error"))
    assert (await told(bench, evaluation))["error"]["runs"] == NOTHING, "though nobody has asked the store yet"
    await settled(evaluation)
    evaluation.configure(snapshot(rule("error"), rule("kind", "judge", options=JUDGE)))
    found = await told(bench, evaluation)
    assert found["kind"]["runs"] == NOTHING
    assert found["kind"]["asks"]["cost_usd"] == 0.0


@pytest.mark.parametrize(("options", "labels"), [(JUDGE, 1), (JUDGE | {"rubric": "Be brief."}, 0)])
async def test_agreement_is_with_the_judge_that_is_there_now(bench, options, labels):  # noqa: F811 -- the fixture
    before = bench.evaluation(rule("kind", "judge", options=JUDGE)).judges["kind"]
    exchange = await bench.come()
    given = {"name": "judged", "data_type": DataType.BOOL, "value": True}
    await bench.store.add_score(judgement(bench.make, exchange, source_id="kind", run=before, **given))
    person = {"source_kind": SourceKind.HUMAN, "source_id": "ann"}
    await bench.store.add_score(judgement(bench.make, exchange, **given, **person))
    found = await told(bench, bench.evaluation(rule("kind", "judge", options=options)))
    assert found["kind"]["agreement"]["labels"] == labels
