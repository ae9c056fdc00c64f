"""The stage of shows: where another program is quicker to take a port that was free, another port is taken."""

import asyncio
from contextlib import AsyncExitStack

import pytest
import tomlkit

from llmgateway.cli.demo import setting, stage
from llmgateway.cli.demo.children import ChildDiedError
from llmgateway.cli.demo.stage import Stage

IN_USE = "llmgateway serve ended with exit code 1:\n  error: 127.0.0.1:8080 is in use by another program"


class Actor:
    """A child that says one line, or dies."""

    def __init__(self, name, arguments, line):
        self.name = name
        self.arguments = arguments
        self.line = line

    async def first_line(self):
        if isinstance(self.line, Exception):
            raise self.line
        return self.line

    async def died(self):
        await asyncio.Event().wait()

    async def stop(self):
        pass


@pytest.fixture
def cast(monkeypatch):
    """What the children say, in the order in which they are started; who was started."""
    lines, started = [], []

    async def start(name, arguments, environ):
        started.append(Actor(name, arguments, lines.pop(0)))
        return started[-1]

    async def ready(*_):
        pass

    monkeypatch.setattr(stage.Child, "start", start)
    monkeypatch.setattr(stage, "_ready", ready)
    return lines, started


async def played(folder):
    document = tomlkit.parse(setting.example().read_text())
    async with AsyncExitStack() as stack:
        played_on = Stage(folder, stack)
        return await played_on.start(document, {"one": ()}), [each.name for each in played_on.children]


async def test_a_model_whose_port_was_taken_listens_where_the_system_says(cast, tmp_path):
    lines, started = cast
    lines += [ChildDiedError("cannot listen on 127.0.0.1:9001"), b'{"port": 4711}', b"{}"]
    where, children = await played(tmp_path)
    assert where.servers == {"one": "http://127.0.0.1:4711"}
    assert started[1].arguments[:3] == ["model-server", "--port", "0"]
    assert children == ["model server one", "llmgateway serve"], "nobody waits for the death of the one that is dead"


async def test_a_gateway_whose_port_was_taken_gets_others(cast, tmp_path, monkeypatch):
    lines, started = cast
    lines += [b'{"port": 4711}', ChildDiedError(IN_USE), b"{}"]
    ports = iter((9001, 8080, 8081, 5001, 5002))  # of the model, and of what is listened on at each try
    monkeypatch.setattr(stage.setting, "free_port", lambda _: next(ports))
    where, children = await played(tmp_path)
    assert (where.url, where.admin_url) == ("http://127.0.0.1:5001", "http://127.0.0.1:5002")
    assert tomlkit.parse(where.config.read_text())["server"]["listen"] == "127.0.0.1:5001"
    assert children == ["model server one", "llmgateway serve"]
    assert [each.name for each in started].count("llmgateway serve") == 2


@pytest.mark.parametrize(("deaths", "tries"), [([IN_USE] * 3, 3), (["it ended: no such plug-in"], 1)])
async def test_it_is_not_tried_for_ever_nor_after_anything_else(cast, tmp_path, deaths, tries):
    lines, started = cast
    lines += [b'{"port": 4711}', *map(ChildDiedError, deaths)]
    with pytest.raises(ChildDiedError, match=deaths[0].splitlines()[-1].strip()):
        await played(tmp_path)
    assert [each.name for each in started].count("llmgateway serve") == tries
