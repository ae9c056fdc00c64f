"""The order of what judges say of one session: nothing overtakes, nothing follows while something else is judged."""

import asyncio

from llmgateway.dataplane.sessionreply import MAX_ASKING, Verdicts
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.holding import Held
from llmgateway.guarding.steps import Step


class Court:
    """Verdicts, and what came of them; a judgement is given with `say`."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.failed: list[str] = []
        self.held: list[bool] = []
        self.over = 0
        self.is_free = True
        self.waiting: dict[str, asyncio.Future] = {}
        self.asked: list[str] = []
        self.verdicts = Verdicts(
            self.judge,
            act=self.act,
            fail=lambda error: self.failed.append(error.code),
            is_free=lambda: self.is_free,
            then=self.ended,
            hold=self.held.append,
        )

    async def judge(self, held: Held):
        self.asked.append(held.owner)
        return await self.waiting[held.owner]

    def act(self, step: Step) -> None:
        self.done += step.to_caller
        self.verdicts.put(step.ready)

    def ended(self) -> None:
        self.over += 1

    def put(self, *names: str) -> list[Held]:
        held = [Held(name) for name in names]
        self.waiting |= {name: asyncio.get_running_loop().create_future() for name in names}
        self.verdicts.put(held)
        return held

    async def say(self, name: str, follow=None) -> None:
        self.waiting[name].set_result(follow or (lambda: Step(to_caller=[name.encode()])))
        for _ in range(5):
            await asyncio.sleep(0)


async def test_what_is_judged_first_waits_for_what_was_ready_before():
    court = Court()
    court.put("a", "b", "c")
    await court.say("b")
    assert (court.done, court.verdicts.is_busy) == ([], True)
    await court.say("a")
    assert (court.done, court.over) == ([b"a", b"b"], 0)
    await court.say("c")
    assert (court.done, court.over, court.verdicts.is_busy) == ([b"a", b"b", b"c"], 1, False)


async def test_while_a_message_is_being_judged_nothing_follows():
    court = Court()
    court.put("a")
    court.is_free = False
    await court.say("a")
    assert court.done == []
    court.is_free = True
    court.verdicts.flush()
    assert (court.done, court.over) == ([b"a"], 1)
    court.verdicts.flush()
    assert court.over == 1


async def test_what_becomes_ready_then_is_judged_behind():
    court = Court()
    court.put("a", "b")
    late = Held("late")
    court.waiting["late"] = asyncio.get_running_loop().create_future()
    await court.say("a", lambda: Step(to_caller=[b"a"], ready=[late]))
    await court.say("late")
    assert (court.done, court.over) == ([b"a"], 0)
    await court.say("b")
    assert (court.done, court.over) == ([b"a", b"b", b"late"], 1)


async def test_where_many_wait_the_backend_does():
    court = Court()
    court.put(*(f"{at}" for at in range(MAX_ASKING - 1)))
    assert court.held == []
    court.put("last")
    assert court.held == [True]
    await court.say("0")
    assert court.held == [True, False]


async def test_of_much_that_becomes_ready_at_once_only_so_much_is_asked_about_at_once():
    court, names = Court(), [f"{at}" for at in range(3 * MAX_ASKING)]
    court.put(*names)
    await asyncio.sleep(0)
    assert court.asked == names[:MAX_ASKING]
    for at, name in enumerate(names):
        assert len(court.asked) <= at + MAX_ASKING
        await court.say(name)
    assert (court.asked, court.done, court.over) == (names, [name.encode() for name in names], 1)


async def test_what_fails_ends_the_session():
    court = Court()
    court.put("a", "b")

    def refuses() -> Step:
        raise GatewayError("guardrail_unsupported")

    def fails() -> Step:
        raise RuntimeError

    await court.say("a", refuses)
    await court.say("b", fails)
    assert (court.failed, court.done) == (["guardrail_unsupported", "internal_error"], [])


async def test_what_waits_when_it_is_over_goes_nowhere():
    court = Court()
    court.put("a", "b")
    await asyncio.sleep(0)
    court.verdicts.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert all(each.cancelled() for each in court.waiting.values())
    assert (court.done, court.over, court.verdicts.is_busy) == ([], 0, False)
