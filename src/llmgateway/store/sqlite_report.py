"""What reports count, in SQLite: one grouped statement for each kind of figure. Functions in the connections' threads.

Each walks the ids of the window, of one route or of all, and reads of each row no more than it counts. Keys of groups
are whole numbers where they can be: sorting them is what takes the time.
"""

import sqlite3
from typing import Any, Final

from llmgateway.domain.score import IDENTITY
from llmgateway.ports.report import MAX_GROUPS, MAX_LABELLED, Found, Kept, Labelled, Reviewed, Took, Traffic, Window
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import id_floor

_SLOTS: Final = 10_000  # of durations, in one period
_ROUTE: Final = "/* of one route */"  # replaced by the condition where one is wanted, so that its index serves
_WITHIN: Final = f'e."id" >= :since_id AND e."id" < :until_id AND e."shadow_of" IS NULL {_ROUTE}'
_PERIOD: Final = 'CAST((e."at" - :origin) / :period_s AS INTEGER)'
_MOST: Final = f"ORDER BY count(*) DESC LIMIT {MAX_GROUPS}"
_REPLAY: Final = "(e.\"assigned_by\" IS 'pin' AND json_extract(e.\"tags\", '$.replay') IS NOT NULL)"
# What callers got whole: how long a failure took says nothing about answers.
_WHOLE: Final = f'e."end" = \'completed\' AND e."status" < 400 AND e."error_code" IS NULL AND NOT {_REPLAY}'
_TRAFFIC: Final = (
    f'SELECT {_PERIOD}, e."route", e."assigned_version", e."served_version", e."end", e."status", e."error_code", '  # noqa: S608 -- constants
    f'{_REPLAY}, count(*), count(e."cost_usd"), total(e."cost_usd"), min(e."at"), max(e."at") '
    f"FROM exchange AS e WHERE {_WITHIN} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 {_MOST}"
)
# A duration to two digits, as a number: so there are few different ones. `_placed` reads it.
_SLOT: Final = (
    "CASE WHEN {0} < 0.1 THEN CAST({0} * 1000 + 0.5 AS INTEGER) "
    "WHEN {0} < 1 THEN 1000 + CAST({0} * 100 + 0.5 AS INTEGER) "
    "WHEN {0} < 10 THEN 2000 + CAST({0} * 10 + 0.5 AS INTEGER) "
    "WHEN {0} < 100 THEN 3000 + CAST({0} + 0.5 AS INTEGER) "
    "ELSE 4000 + min(5000, CAST({0} / 10 + 0.5 AS INTEGER)) END"
)
_TIERS: Final = (0.001, 0.01, 0.1, 1.0, 10.0)
_TOOK: Final = (
    f'SELECT {{period}} * {_SLOTS} + {_SLOT}, e."served_version", e."route", count(*) FROM exchange AS e '  # noqa: S608 -- constants
    f"WHERE {_WITHIN} AND {_WHOLE} AND {{0}} IS NOT NULL {{more}} GROUP BY 1, 2, 3 {_MOST}"
)
_DURATIONS: Final = _TOOK.format('e."duration_s"', period=_PERIOD, more="")
_FIRST_TOKENS: Final = _TOOK.format('e."first_token_s"', period="0", more='AND e."stream" = 1')
_VERDICTS: Final = (
    'SELECT e."route", v."guardrail", v."stage", v."kind", v."action", v."mode", count(*), sum(v."count") '  # noqa: S608 -- constants
    f"FROM exchange AS e CROSS JOIN verdict AS v ON v.exchange_seq = e.seq WHERE {_WITHIN} "
    f"GROUP BY 1, 2, 3, 4, 5, 6 {_MOST}"
)
_WORD: Final = 'CASE {0}."data_type" WHEN \'bool\' THEN CAST({0}."number" AS INTEGER) || \'\' ELSE {0}."text" END'
_IDENTITY: Final = (
    f"CASE WHEN instr(j.\"run\", '{IDENTITY}') THEN substr(j.\"run\", instr(j.\"run\", '{IDENTITY}') + 1) ELSE '' END"
)
_LABELLED: Final = (
    "SELECT route, name, source_id, judge, person, count(*), identity FROM ("  # noqa: S608 -- constants
    f'SELECT j."route" AS route, j."name" AS name, j."source_id" AS source_id, {_WORD.format("j")} AS judge, '
    f'{_WORD.format("h")} AS person, max(h."at"), {_IDENTITY} AS identity '
    'FROM score AS h CROSS JOIN score AS j ON j."exchange_seq" = h."exchange_seq" AND j."name" = h."name" '
    "AND j.\"source_kind\" = 'judge' AND j.\"is_current\" = 1 AND j.\"data_type\" IN ('bool', 'category') "
    'AND j."data_type" = h."data_type" WHERE h."source_kind" = \'human\' AND h."is_current" = 1 '
    'AND h."at" >= :since AND h."at" < :until AND (:route IS NULL OR :route = j."route") '
    f"GROUP BY j.seq ORDER BY j.seq DESC LIMIT {MAX_LABELLED}) GROUP BY 1, 2, 3, 4, 5, 7 {_MOST}"
)
_REVIEWED: Final = (
    'SELECT "route", "reason", "state", count(*) FROM queue_item '  # noqa: S608 -- constants
    'WHERE "created_at" >= :since AND "created_at" < :until '
    f'AND (:route IS NULL OR :route = "route") GROUP BY 1, 2, 3 {_MOST}'
)
_KEPT: Final = (
    'SELECT (SELECT "at" FROM exchange ORDER BY "id" LIMIT 1), '
    "coalesce((SELECT min(seq) - 1 FROM exchange), (SELECT last FROM sequence WHERE name = 'exchange')), "
    '(SELECT "at" FROM exchange WHERE seq >= (SELECT min(id) / 4 FROM body) ORDER BY seq LIMIT 1)'
)


def traffic(connection: sqlite3.Connection, window: Window) -> list[Traffic]:
    found = [Traffic(*values) for values in _rows(connection, _TRAFFIC, window)]
    return [each._replace(is_replay=bool(each.is_replay)) for each in found]


def durations(connection: sqlite3.Connection, window: Window) -> list[Took]:
    return _took(connection, _DURATIONS, window)


def first_tokens(connection: sqlite3.Connection, window: Window) -> list[Took]:
    return _took(connection, _FIRST_TOKENS, window)


def verdicts(connection: sqlite3.Connection, window: Window) -> list[Found]:
    return [Found(*values) for values in _rows(connection, _VERDICTS, window)]


def labelled(connection: sqlite3.Connection, window: Window) -> list[Labelled]:
    return [Labelled(*values) for values in _rows(connection, _LABELLED, window)]


def reviewed(connection: sqlite3.Connection, window: Window) -> list[Reviewed]:
    return [Reviewed(*values) for values in _rows(connection, _REVIEWED, window)]


def kept(connection: sqlite3.Connection) -> Kept:
    return Kept(*connection.execute(_KEPT).fetchone())


def _took(connection: sqlite3.Connection, sql: str, window: Window) -> list[Took]:
    return [Took(*_placed(key), *rest) for key, *rest in _rows(connection, sql, window)]


def _placed(key: int) -> tuple[int, float]:
    """The period and the seconds that a group's number stands for."""
    period, slot = divmod(key, _SLOTS)
    tier, digits = divmod(slot, 1000) if slot < 4000 else (4, slot - 4000)
    return period, max(0.001, round(digits * _TIERS[tier], 3))


def _rows(connection: sqlite3.Connection, sql: str, window: Window) -> sqlite3.Cursor:
    of_one = "" if window.route is None else 'AND e."route" = :route'
    return connection.execute(sql.replace(_ROUTE, of_one), _values(window))


def _values(window: Window) -> dict[str, Any]:
    return {
        "since": window.since,
        "until": window.until,
        "since_id": id_floor(window.since),
        "until_id": id_floor(window.until),
        "origin": window.origin,
        "period_s": window.period_s,
        "route": storable(window.route),
    }
