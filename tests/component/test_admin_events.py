"""Events over the admin API: pages of what is wanted, one with everything, and taking one back."""

from types import SimpleNamespace

import pytest
from aiohttp import web
from tests.support import admin
from tests.support.admin import CONFIG, AdminGateway, until
from tests.support.control import status

from llmgateway.controlplane import distress, outages
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent


@pytest.fixture
def gateway(tmp_path):
    gateway = AdminGateway(tmp_path, CONFIG.replace('["one"]', '["one", "two"]'))
    yield gateway
    gateway.listener.close()


@pytest.fixture
async def service():
    """An operator's service: remembers what it was told."""
    app, told = web.Application(), []

    async def hear(request):
        told.append(await request.json())
        return web.Response()

    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook", told=told)
    await runner.cleanup()


def event(number, **changes):
    given = {"kind": EventKind.DRIFT, "action": "drifted", "severity": EventSeverity.ALARM, "text": "refusals rose"}
    return GatewayEvent(f"e{number}", float(number), **(given | changes))


async def ids(gateway, **query):
    status, page = await gateway.ask("GET", "events", params=query)
    assert status == 200, page
    return [each["id"] for each in page["events"]], page["next"]


async def test_pages_go_from_the_newest_to_the_oldest(gateway):
    async with gateway.running():
        await gateway.store.add_events([event(number) for number in range(5)])
        assert await ids(gateway, limit="2") == (["e4", "e3"], "e3")
        assert await ids(gateway, limit="2", before="e3") == (["e2", "e1"], "e1")
        assert await ids(gateway, limit="2", before="e1") == (["e0"], None)
        assert await ids(gateway, before="e0") == ([], None)  # what follows the last one
        status, answer = await gateway.ask("GET", "events", params={"before": "e9"})
        assert (status, answer["error"]["code"]) == (422, "invalid_parameter")
        assert "names no event" in answer["error"]["message"]
        assert await ids(gateway, limit="5") == (["e4", "e3", "e2", "e1", "e0"], None)


async def test_every_filter(gateway):
    async with gateway.running():
        await gateway.store.add_events(
            [
                event(1, kind=EventKind.BACKEND, severity=EventSeverity.INFO),
                event(2, route="chat"),
                event(3, severity=EventSeverity.WARNING),
                event(4, cleared_at=9.0),
            ]
        )
        for query, found in [
            ({"kind": "backend"}, ["e1"]),
            ({"severity": "warning"}, ["e3"]),
            ({"route": "chat"}, ["e2"]),
            ({"since": "3"}, ["e4", "e3"]),
            ({"until": "2"}, ["e1"]),
            ({"open": "true"}, ["e2"]),
        ]:
            assert await ids(gateway, **query) == (found, None)
        status, answer = await gateway.ask("GET", "events", params={"kind": "nonsense"})
        assert (status, answer["error"]["code"]) == (422, "invalid_parameter")


async def test_one_event_has_everything(gateway):
    whole = event(1, version="v2", figures={"psi": 0.3}, undo={"act": "backends.heal", "backend": "one"})
    async with gateway.running():
        await gateway.store.add_events([whole])
        status, answer = await gateway.ask("GET", "events/e1")
        assert status == 200
        shown = answer["event"]
        assert (shown["text"], shown["figures"], shown["undo"]) == ("refusals rose", {"psi": 0.3}, whole.undo)
        assert (shown["kind"], shown["severity"], shown["cleared_at"]) == ("drift", "alarm", None)
        status, answer = await gateway.ask("GET", "events/nothing")
        assert (status, answer["error"]["code"]) == (404, "event_not_found")


async def test_a_journal_that_can_not_be_written_is_an_alarm(gateway, monkeypatch):
    monkeypatch.setattr(distress, "AFTER_S", 0.0)

    def full(slot, **changes):
        fields = status(slot, **changes)
        return fields | {"gauges": fields["gauges"] | {"journal_full": 1}}

    monkeypatch.setattr(admin, "status", full)
    async with gateway.running():

        async def is_told():
            return (await ids(gateway, open="true", kind="gateway"))[0]

        await until(is_told)
        ((name,), _) = await ids(gateway, open="true")
        assert name.startswith("gateway-log_full-")


async def test_a_backend_that_is_out_is_an_alarm_that_is_undone_and_clears(gateway, service, monkeypatch):
    monkeypatch.setattr(outages, "SETTLE_S", 0.0)
    gateway.file.write_text(gateway.file.read_text() + f'[webhooks.ops]\nurl = "{service.url}"\n')
    async with gateway.running() as (control, (worker, _)):
        news = {"n": 1, "what": "eject", "backend": "one", "reason": "consecutive", "epoch": control._merged._epoch}
        assert worker.link.tell(news)

        async def is_out():
            return (await ids(gateway, open="true", kind="backend"))[0]

        await until(is_out)
        ((name,), _) = await ids(gateway, open="true")
        status, answer = await gateway.ask("POST", f"events/{name}/undo")
        assert (status, answer["error"]["code"]) == (422, "reason_missing")
        said = {"headers": {"x-llmgateway-author": "ada"}, "params": {"reason": "the disk is new"}}
        status, answer = await gateway.ask("POST", f"events/{name}/undo", **said)
        assert (status, answer["event"]["undone_by"]) == (200, "ada")
        assert (await gateway.ask("GET", "backends"))[1]["backends"][0]["state"] == "in"
        status, answer = await gateway.ask("POST", f"events/{name}/undo", **said)
        assert (status, answer["error"]["code"]) == (409, "undone_already")
        assert "ada has taken this back already" in answer["error"]["message"]
        await until(lambda: len(service.told) == 2)
        status, live = await gateway.ask("GET", "live")
        assert (status, live["alarms"]) == (200, [])
    assert [(each["type"], each["key"]) for each in service.told] == [("event", name), ("event", f"{name}:cleared")]
    assert f"llmgateway events undo {name}" in service.told[0]["text"]
    assert service.told[1]["event"]["cleared_at"] is not None
