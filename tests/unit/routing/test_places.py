"""Places are neither lost nor made up, and who waits is served in order or told in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.errors import GatewayError
from llmgateway.routing.places import MIN_RETRY_S, Places, Share, Shed

HIGH, NORMAL, LOW = 0, 1, 2


class Queue:
    """Places with a record of who got what."""

    def __init__(self, limit=1, queue=4, wait=5.0):
        self.sheds = dict.fromkeys(Shed, 0)
        self.places = Places(limit, queue, wait, self.sheds)
        self.served, self.refused = [], []

    def wait(self, name, rank=NORMAL, now=0.0):
        def on_turn(refusal):
            (self.served if refusal is None else self.refused).append(name)

        return self.places.wait(rank, now, on_turn)


def test_there_are_as_many_places_as_the_limit_says():
    places = Queue(limit=2).places
    assert [places.take() for _ in range(3)] == [True, True, False]
    places.leave(1.0, 0.0)
    assert places.take()


def test_a_place_goes_to_the_most_important_who_came_first():
    queue = Queue()
    queue.places.take()
    for name, rank in (("low", LOW), ("n1", NORMAL), ("high", HIGH), ("n2", NORMAL)):
        queue.wait(name, rank)
    for _ in range(4):
        queue.places.leave(None, 1.0)
    assert queue.served == ["high", "n1", "n2", "low"]
    assert queue.places.in_use == 1


def test_nobody_overtakes_the_queue():
    queue = Queue(limit=2)
    queue.places.take()
    queue.places.take()
    queue.wait("first")
    queue.places.leave(None, 0.0)
    assert not queue.places.is_free
    assert queue.served == ["first"]


def test_a_full_queue_refuses_at_once():
    queue = Queue(queue=1)
    queue.places.take()
    queue.wait("first")
    with pytest.raises(GatewayError) as told:
        queue.wait("second")
    assert (told.value.code, told.value.status) == ("overloaded", 503)
    assert told.value.retry_after_s >= MIN_RETRY_S
    assert queue.sheds[Shed.FULL] == 1


def test_no_queue_at_all_is_a_choice():
    queue = Queue(queue=0)
    queue.places.take()
    with pytest.raises(GatewayError):
        queue.wait("anyone", HIGH)


def test_the_important_displaces_the_last_of_the_least_important():
    queue = Queue(queue=3)
    queue.places.take()
    for name, rank in (("n", NORMAL), ("l1", LOW), ("l2", LOW)):
        queue.wait(name, rank)
    queue.wait("high", HIGH)
    assert queue.refused == ["l2"]
    assert queue.sheds[Shed.DISPLACED] == 1
    with pytest.raises(GatewayError):
        queue.wait("another", LOW)
    assert queue.places.waiting == 3


def test_a_wait_that_cannot_be_met_is_refused_before_it_begins():
    queue = Queue(limit=2, wait=5.0)
    for _ in range(2):
        queue.places.take()
    for _ in range(2):
        queue.places.leave(4.0, 0.0)
        queue.places.take()
    assert queue.places.service_s == 4.0
    queue.wait("first")  # 2 s
    queue.wait("second")  # 4 s
    with pytest.raises(GatewayError) as told:
        queue.wait("third")  # 6 s
    assert told.value.retry_after_s == pytest.approx(6.0)
    assert queue.sheds[Shed.TOO_LONG] == 1
    queue.wait("high", HIGH)  # nobody is ahead of it


def test_the_service_time_follows_what_is_measured():
    places = Queue().places
    for held in (1.0, 2.0):
        places.take()
        places.leave(held, 0.0)
    assert places.service_s == pytest.approx(1.1)


def test_who_is_late_gets_no_place():
    queue = Queue(wait=5.0)
    queue.places.take()
    queue.wait("late", now=0.0)
    queue.wait("in time", now=3.0)
    queue.places.leave(None, 6.0)
    assert (queue.refused, queue.served) == (["late"], ["in time"])
    assert queue.sheds[Shed.TIMEOUT] == 1


def test_a_timeout_says_when_to_come_back():
    queue = Queue()
    queue.places.take()
    waiter = queue.wait("late")
    assert queue.places.time_out(waiter).retry_after_s >= MIN_RETRY_S
    queue.places.leave(None, 6.0)
    assert (queue.served, queue.places.in_use, queue.places.waiting) == ([], 0, 0)


def test_who_leaves_the_queue_is_not_called():
    queue = Queue()
    queue.places.take()
    queue.places.give_up(queue.wait("gone"))
    queue.wait("there")
    queue.places.leave(None, 1.0)
    assert queue.served == ["there"]


def test_a_raised_limit_lets_those_who_wait_in():
    queue = Queue()
    queue.places.take()
    queue.wait("a")
    queue.wait("b")
    queue.places.configure(2, 4, 5.0)
    assert queue.served == ["a"]
    queue.places.open_wide()
    assert queue.served == ["a", "b"]


def test_people_who_left_do_not_pile_up():
    queue = Queue(queue=2)
    queue.places.take()
    for name in range(1_000):
        queue.places.give_up(queue.wait(name))
    assert len(queue.places._heap) <= 2 * 2 + 17


def test_the_shares_of_all_workers_add_up():
    for total in range(40):
        for count in range(1, 9):
            assert sum(Share(slot, count).of(total) for slot in range(count)) == total


STEPS = st.one_of(
    st.tuples(st.just("come"), st.sampled_from([HIGH, NORMAL, LOW])),
    st.tuples(st.sampled_from(["leave", "give_up", "time_out", "limit"]), st.integers(0, 9)),
)


@given(st.lists(STEPS, max_size=120))
def test_no_walk_loses_a_place_or_makes_one_up(steps):
    queue, places, now = Queue(limit=3), None, 0.0
    places = queue.places
    inside, waiting, limit = 0, {}, 3
    for what, number in steps:
        now += 0.1
        if what == "come":
            if places.take():
                inside += 1
            else:
                try:
                    waiting[len(waiting)] = queue.wait(len(waiting), number, now)
                except GatewayError:
                    pass
        elif what == "leave" and inside:
            inside -= 1
            before = len(queue.served)
            places.leave(1.0, now)
            inside += len(queue.served) - before
        elif what in {"give_up", "time_out"} and waiting:
            waiter = waiting[number % len(waiting)]
            if waiter.is_waiting:
                getattr(places, what)(waiter)
        elif what == "limit":
            before = len(queue.served)
            limit = 1 + number % 4
            places.configure(limit, 4, 5.0)
            inside += len(queue.served) - before
        assert places.in_use == inside
        assert places.waiting == sum(each.is_waiting for each in waiting.values()) <= 4
        assert not (places.waiting and places.in_use < limit), "a place is free and somebody waits"
    assert len(queue.served) + len(queue.refused) <= len(waiting)
