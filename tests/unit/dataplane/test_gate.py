"""How often judges are asked about a stream that grows."""

from llmgateway.dataplane.gate import WINDOW, window
from llmgateway.wire.replies import MAX_TEXT


def test_short_answers_are_judged_a_window_at_a_time():
    assert [window(seen) for seen in (0, WINDOW, 15 * WINDOW)] == [WINDOW, WINDOW, WINDOW]


def test_the_longest_answer_is_not_put_together_thousands_of_times():
    seen = times = 0
    while seen < MAX_TEXT:
        seen += window(seen)
        times += 1
    assert times < 150
