"""Whether a replay that has ended lets its candidate pass: what the command says with its exit code. Pure."""

from collections.abc import Iterable

from llmgateway.ports.datasets import Dataset, ReplayRecord
from llmgateway.replaying import gates
from llmgateway.replaying.figures import figures_of
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.stopping import Ended
from llmgateway.rollout.pairs import Verdict


def is_finished(replay: ReplayRecord, dataset: Dataset) -> bool:
    """Whether it says all it can about this version of a dataset: every item was asked, or it is clear already."""
    if replay.ended == Ended.WORSE:
        return True
    return replay.ended == Ended.DONE and replay.pairs >= dataset.items - dataset.erased


def failing(replay: ReplayRecord, pairs: Iterable[Pair]) -> list[str]:
    """What speaks against the candidate: the verdict, and the gates that hold without `--gate`. Takes a while."""
    found = ["the verdict is worse"] if replay.verdict == Verdict.WORSE or replay.ended == Ended.WORSE else []
    outcomes = gates.judged(gates.DEFAULTS, figures_of(pairs, {}))
    return found + [f"{each.gate} fails, {each.said}" for each in outcomes if each.is_passed is False]
