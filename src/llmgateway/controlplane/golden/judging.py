"""Whether an answer to a golden question passes. Pure; imported with the first question, since it brings much along."""

from typing import Final

from llmgateway.config.golden import Match
from llmgateway.controlplane.golden.verdicts import Verdict
from llmgateway.guarding.pieces import answer_of
from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.store import Row
from llmgateway.replaying.badness import Judge
from llmgateway.replaying.prompts import read

OTHER: Final = "other_answer"


def judged(row: Row, item: DatasetItem, reply: bytes | None, match: Match) -> Verdict:
    """Judge the answer to an item, by its row with `verdicts`, and what was said; None: that is not known."""
    bad = Judge().bad(row, item.request or b"", reply)
    if bad:
        return Verdict(False, bad[0].value, row["id"])
    if match is not Match.RULES and not _is_said(item.reply, reply, match):
        return Verdict(False, OTHER, row["id"])
    return Verdict(True, "", row["id"])


def _is_said(wanted: bytes | None, reply: bytes | None, match: Match) -> bool:
    """Whether the answer says what is wanted; what the dataset does not say can't be missed."""
    if wanted is None:
        return True
    golden, answer = (" ".join(answer_of(read(each) or {}).split()) for each in (wanted, reply or b""))
    return golden in answer if match is Match.CONTAINS else golden == answer
