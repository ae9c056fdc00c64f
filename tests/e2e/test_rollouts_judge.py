"""A judge whose own route is in a rollout: what the candidate answers is not its word. Real processes."""

import asyncio

from tests.support.staging import CONFIG, staged

CONFIG = CONFIG.replace('"anthropic"', '"openai"').replace('"ONE"', '"ONE/v1"').replace('"TWO"', '"TWO/v1"')
CONFIG = CONFIG.replace("weight = 0.2, min_time", "weight = 0.4, min_time")
CONFIG += """
[routes.asked.versions.v1]
backends = ["one"]
[evaluators.kind]
use = "judge"
route = "chat"
routes = ["asked"]
rubric = "Answers must be kind."
sample = 1.0
"""


async def judged(it):
    _, answer = await it.admin("GET", "evaluators")
    (found,) = answer["evaluators"]
    return found["runs"].get("judge_error", 0), found["skipped"].get("on_trial", 0)


async def until(it, enough):
    """Callers ask until the judge has said enough; the pretend models give no verdicts that can be read."""
    body = {"model": "asked", "messages": [{"role": "user", "content": "Where is it?"}]}
    async with asyncio.timeout(60):
        while not enough(*await judged(it)):
            async with it.session.post(f"{it.gateway.base_url}/v1/chat/completions", json=body) as reply:
                assert reply.status == 200
            await asyncio.sleep(0.02)


async def test_what_the_candidate_says_is_not_the_judges_word(tmp_path):
    async with staged(tmp_path, config=CONFIG) as it:
        await until(it, lambda errors, on_trial: errors >= 3)
        assert (await judged(it))[1] == 0, "before the rollout whoever answers is the judge"
        await it.start()
        await until(it, lambda errors, on_trial: on_trial >= 3)
        await it.act("rollback", reason="enough")
        await it.until("rolled_back")
