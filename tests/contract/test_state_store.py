"""What parts of the control process keep in every store: one state each, the last that was saved."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.test_store_contract import STORES

from llmgateway.ports.states import StateOf
from llmgateway.ports.store import Store
from llmgateway.wire.jsoncodec import encode


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


async def test_there_is_none_at_first(store: Store) -> None:
    assert await store.saved_state(StateOf.DRIFT) is None


async def test_the_last_one_is_there_and_other_states_are_left_alone(store: Store) -> None:
    await store.append([], [], [], None)
    await store.add_scores([], encode({"of": "evaluators"}))
    await store.save_state(StateOf.DRIFT, encode({"cursor": 1}))
    await store.save_state(StateOf.DRIFT, encode({"cursor": 2, "route": "名"}))
    assert await store.saved_state(StateOf.DRIFT) == {"cursor": 2, "route": "名"}
    assert await store.saved_state(StateOf.GOLDEN) is None
    assert await store.evaluation_state() == {"of": "evaluators"}
    assert await store.ledger() is None
