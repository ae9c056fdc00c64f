"""What a judge has said of a rollout's exchanges, beside people's words on those that were drawn for them by chance."""

import sqlite3
from typing import Final

from llmgateway.domain.review import Reason
from llmgateway.ports.scores import MAX_JUDGED, Judged, WantedJudged
from llmgateway.store.sqlite_scores import value_of

BY_CHANCE: Final = (Reason.RANDOM, Reason.STRATIFIED)
# From the judge's side, the newest first: of a version that nobody asks about it looks at nothing.
_JUDGED: Final = (
    'SELECT j."data_type", j."number", j."text", h."data_type", h."number", h."text", max(h."at") '  # noqa: S608 -- constants
    'FROM score AS j CROSS JOIN exchange AS e ON e.seq = j."exchange_seq" AND e."rollout" = :rollout '
    'LEFT JOIN score AS h ON h."exchange_seq" = j."exchange_seq" AND h."name" = j."name" '
    'AND h."source_kind" = \'human\' AND h."is_current" = 1 AND EXISTS (SELECT 1 FROM queue_item AS q '
    f'WHERE q.exchange_seq = j."exchange_seq" AND q."reason" IN {tuple(map(str, BY_CHANCE))}) '
    'WHERE j."route" = :route AND j."version" = :version AND j."name" = :name AND j."source_kind" = \'judge\' '
    'AND j."source_id" = :source_id AND (:run IS NULL OR j."run" = :run) AND j."is_current" = 1 '
    f"GROUP BY j.seq ORDER BY j.seq DESC LIMIT {MAX_JUDGED}"
)


def judged(connection: sqlite3.Connection, wanted: WantedJudged) -> list[Judged]:
    found = connection.execute(_JUDGED, wanted._asdict())
    return [Judged(value_of(*each[:3]), None if each[3] is None else value_of(*each[3:6])) for each in found]
