"""Values to rows and back, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.store import COLUMNS, Body
from llmgateway.store.rows import PLAIN_BELOW, BodyCodec, attempt_values, exchange_values, row_of, storable
from llmgateway.store.sqlite_queries import id_floor


@given(st.text())
def test_storable_text_can_be_written_and_keeps_all_that_could_be(text: str) -> None:
    stored = storable(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored
    if stored != text:
        assert "\0" in text or any("\ud800" <= each <= "\udfff" for each in text)


@given(st.binary(max_size=2_000))
def test_bodies_survive_the_codec(content: bytes) -> None:
    codec = BodyCodec()
    body = Body("reply", "text/plain", len(content), content, None, is_truncated=False)
    values = codec.values(7, body)
    assert values[0] == 7
    assert codec.body(values[1:]) == body
    assert len(values[-1]) <= len(content)


def test_small_bodies_are_kept_plain_and_large_ones_are_packed() -> None:
    codec = BodyCodec()
    assert codec.values(1, Body("reply", "x", 1, b"a" * (PLAIN_BELOW - 1)))[-2] == "plain"
    assert codec.values(1, Body("reply", "x", 1, b"a" * 4_000))[-2] == "zstd"
    assert codec.values(1, Body("reply", "x", 1, None))[-2:] == (None, None)


def test_a_row_of_an_older_version_lacks_columns_and_a_newer_one_has_more() -> None:
    row = ExchangeFactory().row(novelty=1)
    del row["fingerprint"], row["attempts"][0]["detail"]
    values = exchange_values(row)
    assert len(values) == len(COLUMNS)
    assert row_of((1, *values))["fingerprint"] is None
    assert attempt_values(1, row["attempts"])[0][-1] is None


def test_values_do_not_change_the_row_they_are_taken_from() -> None:
    row = ExchangeFactory().row(tags={"a": "b"}, user="x\0y")
    before = dict(row)
    exchange_values(row)
    assert row == before


@pytest.mark.parametrize("moment", [-5.0, 0.0, 1_700_000_000.123, 1e15])
def test_an_ids_floor_sorts_before_every_id_of_its_millisecond(moment: float) -> None:
    floor = id_floor(moment)
    assert len(floor) == 14
    assert floor <= floor + "7000-8000-000000000000"
