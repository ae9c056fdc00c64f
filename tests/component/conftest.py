"""Tests of the HTTP layer run on both event loops: uvloop, as in production, and asyncio's own. `gateway` is one to ask
over its admin API, where a file has no other of its own.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from tests.support.admin import AdminGateway


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name.startswith("test_http_"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[AdminGateway]:
    gateway = AdminGateway(tmp_path)
    yield gateway
    gateway.listener.close()
