"""A newer rollout takes the place of a paused one: real processes, traffic all the while."""

from tests.e2e.test_rollouts import command, until_judged
from tests.e2e.test_rollouts_aftermath import SLOW_STEPS
from tests.support.staging import staged

THREE = SLOW_STEPS.replace(
    "[routes.chat.rollout]\n",
    '[routes.chat.versions.v3]\nbackends = ["two"]\nmodel = "newer"\nweight = 0\n[routes.chat.rollout]\n',
)


async def test_a_newer_candidate_takes_the_place_of_a_paused_one(tmp_path):
    async with staged(tmp_path, config=THREE) as it:
        first = await it.start()
        async with it.traffic():
            await until_judged(it, 10)
            await it.act("pause", author="bob")
            it.gateway.config.write_text(it.gateway.config.read_text().replace('candidate = "v2"', 'candidate = "v3"'))
            status, _ = await it.admin("POST", "reload")
            assert status == 200
            assert "A reason has to be given." in await command(it, "start", "chat", code=1)
            await command(it, "start", "chat", "--reason", "v3 is out")
            await until_judged(it, 10)
            second = await it.status()
        assert (second["candidate"], second["state"]) == ("v3", "canary")
        _, answer = await it.admin("GET", "rollouts/chat/history", id=first["id"])
        last = answer["transitions"][-1]
        assert (last["to"], last["weight"]) == ("superseded", 0.0)
        assert last["reason"] == f"v3 is out (rollout {second['id']})"
        assert set(it.statuses) == {200}
        status, answer = await it.admin("GET", "rollouts/chat/bundle")
        assert (status, answer["error"]["code"]) == (404, "bundle_not_found")
