"""What has ended is free at once: nothing of an exchange or a connection waits for the cyclic collector.

Thousands of streams that end together would otherwise stay in memory until somebody looks for cycles, which holds up
the event loop in proportion to what there is.
"""

import asyncio
import gc

import pytest
from tests.support.rows import OK, STREAM, answering, chat, facing, stream, streamed


@pytest.mark.parametrize(("raw", "ask"), [(OK, chat), (streamed(STREAM), stream)], ids=["whole", "streamed"])
async def test_neither_an_exchange_nor_its_connection_leaves_a_cycle(tmp_path, raw, ask):
    async with facing(tmp_path, answering(raw)) as (running, _):
        await ask(running)  # what is made once is made
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            answer = await ask(running)
            running.callers[-1].writer.transport.abort()
            await running.quiet()
            async with asyncio.timeout(10):
                while running.worker.http.connections > 1:  # the first caller stays
                    await asyncio.sleep(0.001)
            gc.collect()
            left = [type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("llmgateway.")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert answer.status == 200
        assert left == []
