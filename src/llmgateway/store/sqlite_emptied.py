"""What rows lose when they are erased, as SQL: first written over in their places, then taken out.

Parameters: `seq` and `id` of an exchange, `at` of the erasure, or the `seq` of a score. All else is constants.
"""

from typing import Final

GONE: Final = "'(erased)'"  # in the place of a text that has to be one

# Who it was, what was said, and what leads to either. Kept are figures, and names that are the operator's own.
_PERSONAL: Final = (
    "user", "session", "user_agent", "idempotency_key", "peer", "path", "error_detail", "response_id", "unit",
)  # fmt: skip
_IS_ID: Final = "GLOB '????????-????-7???-????-????????????'"


def _blanks(name: str, around: str = "%*s") -> str:
    """As many blanks as the text has bytes."""
    less = len(around) - len("%*s")
    blanks = f"printf('{around}', length(CAST(\"{name}\" AS BLOB)) - {less}, '')"
    return f'CASE WHEN "{name}" IS NOT NULL THEN {blanks} END'


def _zeros(name: str) -> str:
    return f'CASE WHEN "{name}" IS NOT NULL THEN zeroblob(length("{name}")) END'


def _set(value: str | None = None, *names: str) -> str:
    """Assignments: each of them `value`, or blanks."""
    return ", ".join(f'"{name}" = {value or _blanks(name)}' for name in names)


# By these the gateway's own questions are known from callers', and they lead to exchanges only.
_REPLAY: Final = "json_extract(\"tags\", '$.replay')"
JUDGED: Final = "json_extract(\"tags\", '$.judged')"
_OWN_TAGS: Final = (
    f"CASE WHEN \"assigned_by\" = 'pin' AND {_REPLAY} {_IS_ID} THEN json_object('replay', {_REPLAY}) "
    f'WHEN "user" IS NULL AND {JUDGED} {_IS_ID} '
    f"THEN json_object('guardrail', json_extract(\"tags\", '$.guardrail'), 'judged', {JUDGED}) END"
)
ASKED_ABOUT: Final = 'substr("caller_request_id", -36)'
OWN_REFERENCE: Final = f"(\"caller_request_id\" GLOB 'evaluator:*' AND {ASKED_ABOUT} {_IS_ID})"


def _lost(name: str, kept_if: str, value: str | None) -> str:
    """An assignment to a column that some rows keep."""
    return f'"{name}" = CASE WHEN {kept_if} THEN "{name}" ELSE {value or _blanks(name)} END'


def _exchange(value: str | None, tags: str) -> str:
    """Assignments to all of an exchange. The caller's word for the model stays where it is the name of a route."""
    reference = _lost("caller_request_id", OWN_REFERENCE, value)
    model = _lost("request_model", '"route" IS NOT NULL', value)
    return f'{_set(value, *_PERSONAL)}, "tags" = {tags}, {reference}, {model}'


def _score(value: str | None) -> str:
    """Assignments to what a score says in somebody's own words."""
    return f"{_set(value, 'comment', 'reference')}, {_lost('text', _IS_NO_TEXT, value)}"


_IS_NO_TEXT: Final = "\"data_type\" <> 'text'"
_BLANK_TAGS: Final = (  # as long as they were, and still JSON
    f"CASE WHEN {_OWN_TAGS} IS NOT NULL THEN printf('%-*s', length(CAST(\"tags\" AS BLOB)), {_OWN_TAGS}) "
    f"ELSE {_blanks('tags', '{%*s}')} END"
)
_BODIES: Final = "WHERE id BETWEEN :seq * 4 AND :seq * 4 + 3"
_ITEMS: Final = (
    '(SELECT "id" FROM queue_item WHERE exchange_seq = :seq UNION SELECT "id" FROM queue_item WHERE other_seq = :seq)'
)
_CLOSED: Final = (
    '"state" = \'skipped\', "version" = "version" + 1, "claimed_by" = NULL, "claimed_until" = 0, "closed_at" = :at'
)

OVERWRITE: Final = (
    f"UPDATE exchange SET {_exchange(None, _BLANK_TAGS)} WHERE seq = :seq",
    f"UPDATE body SET {_set(_zeros('content'), 'content')}, {_set(None, 'sha256')} {_BODIES}",
    f"UPDATE attempt SET {_set(None, 'detail')} WHERE exchange_seq = :seq",
    f'UPDATE review SET {_set(None, "comment", "correction")} WHERE "item" IN {_ITEMS}',
    f'UPDATE queue_item SET {_set(None, "note")} WHERE "id" IN {_ITEMS}',
    f'UPDATE concern SET {_set(None, "text", "closed_reason")} WHERE "exchange_id" = :id',
    f"UPDATE dataset_item SET {_set(None, 'prompt_hash', 'path', 'stratum')}, "
    f"{_set(_blanks('facts', '{%*s}'), 'facts')}, {_set(_zeros('request'), 'request')}, "
    f'{_set(_zeros("reply"), "reply")} WHERE "exchange_id" = :id AND "erased_at" IS NULL',
)
OVERWRITE_SCORE: Final = (
    f"UPDATE score SET {_score(None)} WHERE seq = :seq",
    # A number of as many bytes. Beside one score each source stands once: what is too short for that is left for now.
    'UPDATE OR IGNORE score SET "source_id" = substr(printf(\'%0200d\', seq), -length(CAST("source_id" AS BLOB))) '
    "WHERE seq = :seq AND \"source_kind\" = 'user'",
)
REMOVE: Final = (
    f"DELETE FROM body {_BODIES}",
    f"UPDATE attempt SET {_set('NULL', 'detail')} WHERE exchange_seq = :seq",
    f'UPDATE review SET {_set("NULL", "comment", "correction")} WHERE "item" IN {_ITEMS}',
    f'UPDATE queue_item SET {_set("NULL", "note")} WHERE "id" IN {_ITEMS}',
    f"UPDATE queue_item SET {_CLOSED} WHERE \"id\" IN {_ITEMS} AND \"state\" IN ('open', 'disputed')",
    f'UPDATE concern SET {_set(GONE, "text")} WHERE "exchange_id" = :id',
    f'UPDATE concern SET {_set(GONE, "closed_reason")} WHERE "exchange_id" = :id AND "closed_reason" IS NOT NULL',
    f'UPDATE exchange SET {_exchange("NULL", _OWN_TAGS)}, "erased_at" = :at WHERE seq = :seq',
)
REMOVE_SCORE: Final = (
    f"UPDATE score SET {_score('NULL')} WHERE seq = :seq",
    "UPDATE score SET \"source_id\" = 'erased:' || seq WHERE seq = :seq AND \"source_kind\" = 'user'",
)
