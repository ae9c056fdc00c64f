"""Rows laid out for the exchange table: short ones, whole ones, and those that need care."""

from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.store import COLUMNS
from llmgateway.store.rows import COMMON, RARE, exchange_values, numbered

COMMON_WIDTH, WIDTH = 1 + len(COMMON), 1 + len(COLUMNS)


def test_common_and_rare_columns_are_all_columns() -> None:
    assert sorted([*COMMON, *RARE, "tags"]) == sorted(COLUMNS)


def test_a_row_without_anything_rare_is_short() -> None:
    row = ExchangeFactory().row()
    common, whole = numbered([row, row], 7)
    assert whole == []
    assert common == [7, *(row[name] for name in COMMON), 8, *(row[name] for name in COMMON)]


@pytest.mark.parametrize(
    "changes", [{"tags": {"a": "b"}}, *({name: 0} for name in RARE), *({name: ""} for name in RARE)]
)
def test_a_row_with_anything_rare_is_whole_and_nothing_and_none_are_told_apart(changes: dict[str, Any]) -> None:
    row = ExchangeFactory().row(**changes)
    common, whole = numbered([row], 7)
    assert common == []
    assert whole == [7, *exchange_values(row)]
    (name,) = changes
    assert whole[1 + COLUMNS.index(name)] == ('{"a":"b"}' if name == "tags" else changes[name])


def test_both_kinds_keep_the_numbers_of_their_places() -> None:
    make = ExchangeFactory()
    common, whole = numbered([make.row(), make.row(session="s"), make.row()], 1)
    assert common[::COMMON_WIDTH] == [1, 3]
    assert whole[::WIDTH] == [2]


@pytest.mark.parametrize("changes", [{"user": "a\0b"}, {"finish_reason": "\0"}])
def test_a_nul_anywhere_makes_every_row_go_the_careful_way(changes: dict[str, Any]) -> None:
    make = ExchangeFactory()
    common, whole = numbered([make.row(), make.row(**changes)], 1)
    assert common == []
    assert whole[::WIDTH] == [1, 2]
    assert not any("\0" in value for value in whole if isinstance(value, str))


def test_a_row_of_another_version_may_lack_columns() -> None:
    make = ExchangeFactory()
    row = make.row()
    del row["tags"], row["fingerprint"], row["cost_usd"]
    _, whole = numbered([make.row(), row], 1)
    assert len(whole) == 2 * WIDTH
    assert whole[WIDTH + 1 + COLUMNS.index("cost_usd")] is None
