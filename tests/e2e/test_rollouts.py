"""Staged rollouts from end to end: real processes, a pretend model behind each version."""

import asyncio

from tests.support.staging import staged


async def promoted(it):
    """Do what people have to, once the rollout asks for it."""
    await it.until("awaiting_approval")
    await it.act("approve", author="ann")
    shown = await it.act("exemplars", author="ann")
    assert len(shown["exemplars"]) == 10
    await it.act("promote", author="ann", reason="as good as the old one, at half the price")


async def test_a_good_candidate_goes_through_every_step_and_becomes_the_routes_version(tmp_path):
    async with staged(tmp_path) as it:
        await it.start()
        async with it.traffic():
            await promoted(it)
            ended = await it.until("succeeded")
            while ended["running"]:
                ended = await it.status()
                await asyncio.sleep(0.05)
        moves = [(each["from"], each["event"], each["to"]) for each in await it.history()]
        text = it.gateway.config.read_text()
    assert moves == [
        ("draft", "submit", "pending_start"),
        ("pending_start", "start", "canary"),
        ("canary", "advance", "canary"),
        ("canary", "proven", "awaiting_approval"),
        ("awaiting_approval", "promote", "promoting"),
        ("promoting", "in_force", "bake"),
        ("bake", "baked", "succeeded"),
    ]
    assert set(it.statuses) == {200}
    assert "weight = 0\n[routes.chat.versions.v2]" in text
    assert 'backends = ["two"]\nweight = 1' in text
