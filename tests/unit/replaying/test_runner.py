"""A replay's way: batches, both orders, resumption, and its ends."""

import asyncio

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying.badness import Judge
from llmgateway.replaying.runner import Course, Logged, Means, Setting, is_turned, run
from llmgateway.replaying.stopping import Budget, Ended

SETTING = Setting("v2", "v1", concurrency=3)
REPLY = b'{"choices":[{"message":{"content":"fine"}}]}'


def items(count):
    return [
        DatasetItem(at, f"x-{at}", f"h-{at}", "openai", "/v1/chat/completions", request=b"{}") for at in range(count)
    ]


class Gateway:
    """Answers everything; `failing` versions with an error. Knows who was asked when, and how many at once."""

    def __init__(self, *failing, cost=0.01):
        self.failing, self.cost = failing, cost
        self.asked, self.saved, self.running, self.most = [], [], 0, 0
        self.make = ExchangeFactory()

    async def ask(self, item, version):
        self.asked.append((item.ordinal, version))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return f"{item.ordinal}/{version}"

    async def logged(self, exchange_id):
        is_bad = exchange_id.partition("/")[2] in self.failing
        end = {"status": 502, "end": "upstream_error"} if is_bad else {"finish_reason": "stop"}
        return Logged(self.make.row() | end | {"id": exchange_id, "cost_usd": self.cost}, REPLY)

    async def save(self, pairs, cost_usd):
        self.saved.append(([pair.ordinal for pair in pairs], cost_usd))

    def means(self):
        return Means(self, Judge(), self.save)


async def test_every_item_goes_to_both_and_is_written_down_batch_by_batch():
    gateway, course = Gateway(), Course(Budget(None))
    assert await run(items(7), SETTING, course, gateway.means()) is Ended.DONE
    assert [ordinals for ordinals, _ in gateway.saved] == [[0, 1, 2], [3, 4, 5], [6]]
    assert gateway.saved[-1][1] == pytest.approx(0.14)
    assert sorted(gateway.asked) == sorted((at, version) for at in range(7) for version in ("v1", "v2"))
    assert gateway.most <= 3


async def test_which_side_is_asked_first_is_drawn_by_item():
    gateway = Gateway()
    await run(items(40), Setting("v2", "v1", concurrency=1), Course(Budget(None)), gateway.means())
    first = [version for _, version in gateway.asked[::2]]
    assert 10 < first.count("v1") < 30
    assert first == ["v2" if is_turned(item, 0) else "v1" for item in items(40)]


async def test_a_harmful_candidate_stops_it():
    gateway, course = Gateway("v2"), Course(Budget(None))
    assert await run(items(100), SETTING, course, gateway.means()) is Ended.WORSE
    assert course.evidence.decided_at == 8
    assert len(course.pairs) == 9  # the batch in which it became clear


async def test_a_version_beside_itself_says_nothing():
    gateway, course = Gateway(), Course(Budget(None))
    assert await run(items(4), Setting("v1", "v1"), course, gateway.means()) is Ended.DONE
    assert course.evidence.lost.both == 0
    assert len(gateway.asked) == 8


async def test_the_cap_is_not_gone_over():
    gateway, course = Gateway(cost=0.05), Course(Budget(0.55, expected=0.1))
    assert await run(items(100), SETTING, course, gateway.means()) is Ended.COST
    assert course.budget.spent_usd <= 0.55
    assert len(course.pairs) == 4  # each is reckoned at twice what was expected


async def test_a_price_nobody_knows_ends_it_under_a_cap_only():
    gateway = Gateway(cost=None)
    assert await run(items(9), SETTING, Course(Budget(1.0)), gateway.means()) is Ended.UNPRICED
    assert await run(items(9), SETTING, Course(Budget(None)), gateway.means()) is Ended.DONE


async def test_what_was_done_before_counts():
    first, course = Gateway("v2"), Course(Budget(None))
    await run(items(6), SETTING, course, first.means())
    gateway = Gateway("v2")
    assert await run(items(100)[6:], SETTING, course, gateway.means()) is Ended.WORSE
    assert len(gateway.asked) == 6
