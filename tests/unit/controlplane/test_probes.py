"""What is asked of a backend, where, with which credential; what counts as well; whose turn it is."""

import asyncio
import json
import socket
from dataclasses import replace

import pytest
import trustme
from tests.support.backends import backend
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, forever, reply, send, until_closed

from llmgateway.config.snapshot import HealthRules, ProbeKind, Route, Secret, Snapshot, Version
from llmgateway.controlplane.backends import Backends
from llmgateway.controlplane.probes import MAX_ANSWER_BYTES, Probes, ask, judge, question
from llmgateway.domain.clock import SystemClock
from llmgateway.providers.anthropic.provider import AnthropicProvider
from llmgateway.providers.openai.provider import OpenAIProvider

PROVIDERS = {"openai": OpenAIProvider(), "anthropic": AnthropicProvider()}
CLOCK = SystemClock()


def probed(kind, base_url="http://a:8000/v1", provider="openai", **more):
    rules = HealthRules(
        probe=ProbeKind(kind), probe_model="tiny", probe_interval_s=0.1, probe_timeout_s=0.3, eject_s=60
    )
    return replace(backend("a", rules), base_url=base_url, provider=provider, api_key=Secret("sk-probe"), **more)


def asked(kind, *where, **more):
    of = probed(kind, *where, **more)
    return question(of, PROVIDERS[of.provider])


@pytest.mark.parametrize(
    ("kind", "where", "url"),
    [
        ("models", ("http://a:8000/v1", "openai"), "http://a:8000/v1/models"),
        ("models", ("https://a/openai/v1", "openai"), "https://a/openai/v1/models"),
        ("models", ("https://a", "anthropic"), "https://a/v1/models"),
        ("health", ("http://a:8000/v1", "openai"), "http://a:8000/health"),
        ("health", ("http://a/x/v1", "openai"), "http://a/x/health"),
        ("health", ("https://a", "anthropic"), "https://a/health"),
        ("chat", ("http://a:8000/v1", "openai"), "http://a:8000/v1/chat/completions"),
        ("chat", ("https://a", "anthropic"), "https://a/v1/messages"),
    ],
)
def test_the_probe_goes_where_the_configuration_says(kind, where, url):
    assert asked(kind, *where).url == url


def test_it_carries_the_backends_credential_and_headers():
    assert asked("models").headers["authorization"] == "Bearer sk-probe"
    theirs = asked("models", "https://a", "anthropic", headers=(("x-team", "ops"),)).headers
    assert (theirs["x-api-key"], theirs["x-team"]) == ("sk-probe", "ops")
    assert "anthropic-version" in theirs


def test_a_chat_asks_for_one_token():
    body = asked("chat").body
    assert (body["model"], body["max_tokens"], len(body["messages"])) == ("tiny", 1, 1)


@pytest.mark.parametrize(
    ("status", "is_ok"), [(200, True), (204, True), (429, True), (301, False), (401, False), (404, False), (503, False)]
)
def test_what_counts_as_well(status, is_ok):
    assert judge(status) is is_ok


# --- on the wire


async def asks(*script, **more):
    async with WireBackend(list(script)) as there:
        of = probed("models", f"{there.url}/v1", **more)
        return await ask(of, question(of, PROVIDERS["openai"])), there


async def test_a_probe_is_one_request_and_the_connection_ends():
    status, there = await asks(expect(), send(reply(b"{}")), until_closed())
    (request,) = there.requests
    assert (status, request.method, request.target) == (200, "GET", "/v1/models")
    assert request.header(b"authorization") == b"Bearer sk-probe"


async def test_redirects_are_not_followed():
    elsewhere = reply(b"", status="302 Found", headers=[("location", "http://127.0.0.1:1/steal")])
    status, there = await asks(expect(), send(elsewhere), until_closed())
    assert (status, len(there.requests), len(there.connections)) == (302, 1, 1)


async def test_an_answer_without_an_end_is_read_up_to_a_bound():
    flood = chunked_head() + chunk(b"x" * MAX_ANSWER_BYTES) + chunk(b"y" * 100)
    status, _ = await asks(expect(), send(flood), until_closed())
    assert status == 200


async def test_the_certificate_is_verified_against_the_backends_authority(tmp_path):
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with WireBackend([expect(), send(reply(b"{}"))], tls=context) as there:
        of = probed("models", f"{there.url}/v1")
        trusting = replace(of, ca_file=str(tmp_path / "ca.pem"))
        assert await ask(trusting, question(trusting, PROVIDERS["openai"])) == 200
        with pytest.raises(Exception, match="certificate"):
            await ask(of, question(of, PROVIDERS["openai"]))


# --- in turn


class Watch:
    def __init__(self, *backends):
        self.backends, self.shares = Backends(self.snapshot(*backends), "now"), 0
        self.probes = Probes(self.backends, self.share, PROVIDERS.__getitem__, CLOCK)

    def snapshot(self, *backends):
        version = Version("v", "v", backends)
        return Snapshot(1, backends={each.name: each for each in backends}, routes={"r": Route("r", (version,))})

    def share(self):
        self.shares += 1

    async def run(self, condition):
        task = asyncio.ensure_future(self.probes.run())
        try:
            async with asyncio.timeout(5):
                while not condition(self.backends["a"]):
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not self.probes._running


OTHER = backend("b")


async def test_one_that_fails_its_probes_is_out_and_back_with_the_first_that_succeeds():
    moods = [b"503 No", b"503 No", b"503 No", b"200 OK"]

    async def answer(wire):
        await expect()(wire)
        status = moods.pop(0) if len(moods) > 1 else moods[0]
        await send(reply(b"{}", status=status.decode()))(wire)

    async with WireBackend([answer]) as there:
        watch = Watch(probed("health", f"{there.url}/v1"), OTHER)
        await watch.run(lambda entry: entry.health.reason == "probe")
        assert watch.backends["a"].probed.detail == "status 503"
        await watch.run(lambda entry: entry.health.state == "in")
        assert watch.shares >= 4


@pytest.mark.parametrize("script", ["silent", "refused", "nonsense"])
async def test_whatever_goes_wrong_is_a_failure_and_tells_no_secret(script):
    steps = {"silent": [expect(), until_closed()], "nonsense": [expect(), send(b"\x00sk-probe\r\n\r\n")]}
    async with WireBackend(steps.get(script, [])) as there:
        url = there.url
        if script == "refused":
            with socket.create_server(("127.0.0.1", 0)) as closed:
                url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        watch = Watch(probed("models", f"{url}/v1"), OTHER)
        await watch.run(lambda entry: entry.probed.failures >= 3)
        assert watch.backends["a"].health.state == "ejected"
        assert "sk-probe" not in json.dumps(watch.backends["a"].probed.detail)


async def test_who_wants_none_or_is_drained_is_not_probed():
    async with WireBackend([forever(expect(), send(reply(b"{}")))]) as there:
        url = f"{there.url}/v1"
        watch = Watch(probed("none", url), replace(probed("models", url), name="b", is_drained=True))
        task = asyncio.ensure_future(watch.probes.run())
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert there.requests == []


async def test_while_nobody_is_to_be_probed_it_sleeps_and_a_reload_wakes_it():
    async with WireBackend([forever(expect(), send(reply(b"{}")))]) as there:
        wanted = probed("models", f"{there.url}/v1")
        watch, looks = Watch(replace(wanted, is_drained=True)), []
        task = asyncio.ensure_future(watch.probes.run())
        for _ in range(5):
            await asyncio.sleep(0)
        asleep = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
        looks.append(len(asleep))
        watch.backends.configure(watch.snapshot(wanted))
        watch.probes.configure()
        async with asyncio.timeout(20):
            while not there.requests:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert looks == [0]


async def test_a_probe_each_interval_and_no_more():
    async with WireBackend([forever(expect(), send(reply(b"{}")))]) as there:
        watch = Watch(probed("models", f"{there.url}/v1"))
        task = asyncio.ensure_future(watch.probes.run())
        await asyncio.sleep(0.75)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert 2 <= len(there.requests) <= 8
