"""Backends over the admin API: what is shown of them, and an operator's word that reaches every worker."""

import logging

import pytest
from tests.support.admin import CANARY, CONFIG, until

from llmgateway.controlplane.byhand import MAX_EJECT_S
from llmgateway.dataplane.link import News


async def test_backends_say_where_they_are_who_uses_them_and_how_they_are(gateway):
    async with gateway.running():
        _, view = await gateway.ask("GET", "backends")
        one, two = view["backends"]
        assert (one["name"], one["base_url"]) == ("one", "http://127.0.0.1:9001/v1")
        assert (one["credential"], two["credential"]) == ("***", "env:TWO")
        assert (one["used_by"], two["used_by"]) == (["chat/v1", "vendor/m-*/pass"], ["chat/v2"])
        assert {name: one[name] for name in ("state", "why", "since", "until", "in_flight", "faults", "probe")} == {
            "state": "in", "why": "", "since": None, "until": None, "in_flight": 0, "faults": 0, "probe": None,
        }  # fmt: skip
        assert CANARY not in str(view)


async def test_an_operators_word_is_with_the_workers_and_in_the_log(gateway, caplog):
    caplog.set_level(logging.INFO)
    views = []
    async with gateway.running(workers=1) as (_, (worker,)):
        worker.link._news = News(views.append, lambda: None)
        said = {"headers": {"x-llmgateway-author": "ada"}, "params": {"reason": "new disk\nFAKE"}}
        code, done = await gateway.ask("POST", "backends/one/drain", **said)
        assert (code, done["backend"]["state"], done["backend"]["why"]) == (200, "drained", "drained by hand")
        assert done["backend"]["used_by"] == ["chat/v1", "vendor/m-*/pass"]
        await until(lambda: views and views[-1]["out"]["one"]["drained"] is True)
        (line,) = [each for each in caplog.messages if "backend one" in each]
        assert line.startswith("backend one drained by ada: new disk")
        assert "\n" not in line
        assert (await gateway.ask("POST", "backends/one/undrain"))[1]["backend"]["state"] == "in"
        await until(lambda: "one" not in views[-1]["out"])
        assert "backend one undrained by local" in caplog.messages
        assert (await gateway.history())[0]["number"] == 1, "no change to the configuration"


async def test_an_ejection_by_hand_lasts_as_long_as_was_said(gateway):
    async with gateway.running(workers=0) as (control, _):
        for body, seconds in (({}, 300), ({"json": {}}, 300), ({"json": {"seconds": 60}}, 60)):
            code, done = await gateway.ask("POST", "backends/two/eject", **body)
            assert (code, done["backend"]["state"], done["backend"]["why"]) == (200, "ejected", "ejected by hand")
            assert done["backend"]["until"] - control._clock.time() == pytest.approx(seconds, abs=5)
        assert [each["name"] for each in (await gateway.ask("GET", "live"))[1]["out"]] == ["two"]
        code, done = await gateway.ask("POST", "backends/two/heal")
        assert (code, done["backend"]["state"], done["backend"]["until"]) == (200, "in", None)


@pytest.mark.parametrize("what", ["drain", "undrain", "eject", "heal"])
async def test_an_unknown_backend_is_404_with_the_nearest(gateway, what):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("POST", f"backends/onee/{what}")
        assert (code, answer["error"]["code"]) == (404, "backend_not_found")
        assert answer["error"]["message"] == 'No backend is called "onee"; did you mean "one"?'


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"seconds": 0}, "lasts up to"),
        ({"seconds": MAX_EJECT_S + 1}, "lasts up to"),
        ({"seconds": True}, "for how long"),
        ({"seconds": "60"}, "for how long"),
        ({"second": 60}, "for how long"),
    ],
)
async def test_what_is_no_time_ejects_nobody(gateway, sent, words):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("POST", "backends/one/eject", json=sent)
        assert (code, words in answer["error"]["message"]) == (422, True)
        assert (await gateway.ask("GET", "backends"))[1]["backends"][0]["state"] == "in"


async def test_what_the_configuration_drains_no_word_brings_back(gateway):
    gateway.file.write_text(CONFIG.replace("[backends.two]", "[backends.two]\ndrained = true"))
    async with gateway.running(workers=0):
        assert (await gateway.ask("GET", "backends"))[1]["backends"][1]["why"] == "drained in the configuration"
        code, answer = await gateway.ask("POST", "backends/two/undrain")
        assert (code, answer["error"]["code"]) == (422, "not_possible")
        assert answer["error"]["message"] == "The configuration drains two: set drained = false there."
