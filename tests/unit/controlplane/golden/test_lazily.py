"""What asks golden questions is made when there are some, and not before."""

import asyncio
from contextlib import suppress

from llmgateway.config.golden import Golden
from llmgateway.config.snapshot import Route, Snapshot
from llmgateway.controlplane.golden.lazily import LazyGolden

NONE = Snapshot(1, routes={"chat": Route("chat", ())})
SOME = Snapshot(2, routes={"chat": Route("chat", (), golden=Golden("g"))})


class Watch:
    """Stands for what asks; `heard` has what it was told."""

    def __init__(self, snapshot):
        self.heard = [snapshot.generation]

    def configure(self, snapshot):
        self.heard.append(snapshot.generation)

    def ask_now(self, route):
        self.heard.append(route)

    async def status(self, route):
        return [{"route": route}]

    async def run(self):
        self.heard.append("runs")


async def test_without_questions_nothing_is_made():
    made = []
    golden = LazyGolden(NONE, made.append)
    task = asyncio.ensure_future(golden.run())
    golden.configure(NONE)
    await asyncio.sleep(0)
    assert await golden.status() == []
    assert (made, task.done()) == ([], False)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_first_questions_begin_it_and_later_configurations_reach_it():
    made = []

    def make(snapshot):
        made.append(Watch(snapshot))
        return made[-1]

    golden = LazyGolden(NONE, make)
    task = asyncio.ensure_future(golden.run())
    golden.configure(SOME)
    await task
    golden.configure(NONE)
    golden.ask_now("chat")
    assert await golden.status("chat") == [{"route": "chat"}]
    assert [each.heard for each in made] == [[2, "runs", 1, "chat"]]


async def test_questions_of_the_first_configuration_need_no_other():
    golden = LazyGolden(SOME, Watch)
    await golden.run()
    assert await golden.status("chat") == [{"route": "chat"}]
