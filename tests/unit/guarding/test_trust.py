"""When it makes no sense to ask a slow judge."""

from llmgateway.guarding.trust import FIRST_S, LONGEST_S, MAX_RUNNING, SHUT_AFTER, Trust


def test_who_answers_is_asked():
    trust = Trust()
    for _ in range(100):
        assert trust.refused(5.0) is None
        trust.answered()


def test_so_many_wait_for_it_and_no_more():
    trust = Trust()
    trust.running = MAX_RUNNING - 1
    assert trust.refused(0.0) is None
    trust.running = MAX_RUNNING
    assert trust.refused(0.0) == "overloaded"


def test_some_failures_in_a_row_shut_it_for_a_while():
    trust = Trust()
    for _ in range(SHUT_AFTER - 1):
        trust.failed(10.0)
    assert trust.refused(10.0) is None
    trust.failed(10.0)
    assert trust.refused(10.0) == "unavailable"
    assert trust.refused(10.0 + FIRST_S - 0.001) == "unavailable"
    assert trust.refused(10.0 + FIRST_S) is None


def test_each_further_one_shuts_it_for_longer_up_to_a_bound_and_an_answer_forgives_all():
    trust = Trust()
    waits = []
    for _ in range(SHUT_AFTER + 1000):
        trust.failed(0.0)
        waits.append(next(wait for wait in range(100) if not trust.refused(float(wait))))
    assert waits[SHUT_AFTER - 1 :][:5] == [1, 2, 4, 8, 16]
    assert max(waits) == LONGEST_S
    trust.answered()
    trust.failed(1000.0)
    assert trust.refused(1000.0) is None
