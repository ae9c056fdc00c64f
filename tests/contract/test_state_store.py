"""What parts of the control process keep in every store: one state each, the last that was saved."""

from llmgateway.ports.states import StateOf
from llmgateway.ports.store import Store
from llmgateway.wire.jsoncodec import encode


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
