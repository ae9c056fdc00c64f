"""Addresses of a backend: fresh, last good, none; one lookup at a time."""

import asyncio
import socket

import pytest

from llmgateway.domain.clock import ManualClock
from llmgateway.http import client_resolve
from llmgateway.http.client_resolve import FRESH_S, LAST_GOOD_S, MAX_ADDRESSES, Resolver, Target, usable_targets


def found(*hosts: str) -> list:
    return [(socket.AF_INET6 if ":" in host else socket.AF_INET, 1, 6, "", (host, 80)) for host in hosts]


class FakeSystem:
    """Stands in for the loop's getaddrinfo."""

    def __init__(self) -> None:
        self.answer: object = found("192.0.2.1")
        self.count = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def getaddrinfo(self, host, port, **_):
        self.count += 1
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
async def system(monkeypatch):
    system = FakeSystem()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", system.getaddrinfo)
    monkeypatch.setattr(client_resolve, "PATIENCE_S", 0.01)
    return system


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def resolver(clock):
    return Resolver("a.test", 80, clock)


ONE = [Target(socket.AF_INET, ("192.0.2.1", 80))]
TWO = [Target(socket.AF_INET, ("192.0.2.2", 80))]


async def test_an_answer_serves_while_it_is_fresh(resolver, system, clock):
    assert await resolver.targets() == ONE
    system.answer = found("192.0.2.2")
    clock.advance(FRESH_S)
    assert await resolver.targets() == ONE
    clock.advance(0.1)
    assert await resolver.targets() == TWO
    assert system.count == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "::1"])
async def test_an_address_is_taken_as_it_is(system, clock, host):
    clock.advance(10**6)
    (target,) = await Resolver(host, 80, clock).targets()
    assert target.address[:2] == (host, 80)
    assert system.count == 0


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "no"), OSError("no"), UnicodeError("no"), []])
async def test_the_last_good_answer_serves_for_a_minute_while_the_resolver_fails(resolver, system, clock, failure):
    await resolver.targets()
    system.answer = failure
    clock.advance(LAST_GOOD_S)
    assert await resolver.targets() == ONE
    clock.advance(0.1)
    with pytest.raises(OSError, match="does not resolve"):
        await resolver.targets()


async def test_a_hanging_resolver_holds_nobody_up_who_has_a_last_good_answer(resolver, system, clock):
    await resolver.targets()
    system.gate.clear()
    clock.advance(FRESH_S + 1)
    assert await resolver.targets() == ONE
    assert await resolver.targets() == ONE
    assert system.count == 2  # the second one hangs; nobody started a third
    system.answer = found("192.0.2.2")
    system.gate.set()
    await asyncio.sleep(0)
    assert await resolver.targets() == TWO


async def test_callers_share_one_lookup_and_one_leaving_does_not_harm_the_others(resolver, system):
    system.gate.clear()
    waiting = [asyncio.create_task(resolver.targets()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    system.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [ONE, ONE]
    assert system.count == 1


async def test_close_ends_a_running_lookup(resolver, system):
    system.gate.clear()
    waiting = asyncio.create_task(resolver.targets())
    await asyncio.sleep(0)
    resolver.close()
    with pytest.raises(OSError, match="does not resolve"):
        await waiting


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "fe80::1", "fe80::1%lo", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254"]
)  # fmt: skip
def test_a_name_never_leads_to_metadata_or_nowhere(host):
    assert usable_targets(found(host, "10.0.0.1")) == [Target(socket.AF_INET, ("10.0.0.1", 80))]


def test_addresses_keep_their_order_without_repeats_up_to_the_bound():
    hosts = [f"10.0.0.{i}" for i in range(20)]
    targets = usable_targets(found(hosts[0], *hosts))
    assert [target.address[0] for target in targets] == hosts[:MAX_ADDRESSES]
