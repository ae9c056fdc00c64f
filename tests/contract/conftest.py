"""What the suites of stores have in common: each store in turn, and exchanges to put into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.stores import STORES

from llmgateway.ports.store import Store


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()
