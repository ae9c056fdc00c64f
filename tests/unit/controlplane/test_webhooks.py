"""Services are told of each move, in order, signed, again where need be, and never hold each other up."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web
from tests.support.staged import SNAPSHOT, made, row

from llmgateway.config.snapshot import Secret
from llmgateway.config.webhooks import Webhook
from llmgateway.controlplane.rollouts.shown import message
from llmgateway.controlplane.webhooks import MAX_WAITING, TRIES, Webhooks
from llmgateway.domain.clock import ManualClock
from llmgateway.wire.signature import SIGNATURE, TIMESTAMP, signature

SECRET = "a secret that is shared"


class Service:
    """An operator's service: answers as it is told to, and remembers what came."""

    def __init__(self):
        self.statuses, self.came = [], []

    async def answer(self, request):
        self.came.append((dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"location": "/other"})

    @property
    def revisions(self):
        return [json.loads(body)["revision"] for _, body in self.came]


@asynccontextmanager
async def telling(*services, secret=None, urls=()):
    """Webhooks that are told to these services, and then to `urls`."""
    runners, hooks = [], []
    for number, service in enumerate(services):
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", service.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        hooks.append(Webhook(f"h{number}", Secret(f"http://127.0.0.1:{runner.addresses[0][1]}/x"), secret))
    hooks += [Webhook(f"u{number}", Secret(url)) for number, url in enumerate(urls)]
    snapshot = replace(SNAPSHOT, webhooks=tuple(hooks))
    made = Webhooks(lambda: snapshot, ManualClock(time=1_790_000_000.0), first_wait_s=0.001)
    task = asyncio.ensure_future(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for runner in runners:
            await runner.cleanup()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_move_is_told_in_words_and_values_and_signed():
    service = Service()
    async with telling(service, secret=Secret(SECRET)) as hooks:
        hooks.tell(message(made(), row(reason="too slow", actor="ann")))
        await until(lambda: hooks.counts["sent"])
    ((headers, body),) = service.came
    told = json.loads(body)
    assert told["text"].startswith("Rollout of v2 on chat: canary → rolling_back, harm by ann (too slow). ")
    assert (told["type"], told["route"], told["to"], told["key"]) == (
        "rollout.transition", "chat", "rolling_back", "r1:1:harm",
    )  # fmt: skip
    by_name = {name.lower(): value for name, value in headers.items()}
    assert by_name[TIMESTAMP] == "1790000000"
    assert by_name[SIGNATURE] == signature(SECRET, 1_790_000_000, body)


def test_who_gives_a_reason_calls_nobody_in_a_chat():
    told = message(made(), row(reason="<!channel> & <https://evil.example|look>", actor="<@U1>"))
    assert "<" not in told["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|look&gt;" in told["text"]
    assert told["reason"] == "<!channel> & <https://evil.example|look>"


async def test_without_a_secret_nothing_is_signed():
    service = Service()
    async with telling(service) as hooks:
        hooks.tell(message(made(), row()))
        await until(lambda: hooks.counts["sent"])
    assert SIGNATURE not in {name.lower() for name in service.came[0][0]}


async def test_moves_come_in_order_and_again_until_they_are_taken():
    service = Service()
    service.statuses = [500, 302, 200, 429]
    async with telling(service) as hooks:
        for revision in (1, 2, 3):
            hooks.tell(message(made(), row(revision)))
        await until(lambda: hooks.counts["sent"] == 3)
    assert service.revisions == [1, 1, 1, 2, 2, 3]


async def test_one_that_is_away_is_given_up_and_holds_up_no_other():
    service = Service()
    async with telling(service, urls=["http://127.0.0.1:9/", "http://[broken"]) as hooks:
        hooks.tell(message(made(), row()))
        await until(lambda: hooks.counts["failed"] == 2)
        assert hooks.counts["sent"] == 1


async def test_tries_are_bounded():
    service = Service()
    service.statuses = [503] * 100
    async with telling(service) as hooks:
        hooks.tell(message(made(), row()))
        await until(lambda: hooks.counts["failed"])
    assert len(service.came) == TRIES


def test_what_waits_is_bounded_and_the_oldest_goes():
    hooks = Webhooks(lambda: replace(SNAPSHOT, webhooks=(Webhook("a", Secret("http://h/")),)), ManualClock())
    for revision in range(MAX_WAITING + 3):
        hooks.tell(message(made(), row(revision)))
    (line,) = hooks._lines.values()
    assert len(line) == MAX_WAITING
    assert line[0]["revision"] == hooks.counts["dropped"] == 3


async def test_a_url_stands_in_no_log(caplog):
    async with telling(urls=["http://127.0.0.1:9/services/T000/SECRET"]) as hooks:
        hooks.tell(message(made(), row()))
        await until(lambda: hooks.counts["failed"])
    assert "webhook u0" in caplog.text
    assert "SECRET" not in caplog.text
