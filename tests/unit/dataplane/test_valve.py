"""A source rests for as long as anybody has a reason."""

from types import SimpleNamespace

from llmgateway.dataplane.valve import Valve


def test_one_reason_is_enough_and_the_last_one_counts():
    heard: list[str] = []
    valve = Valve(SimpleNamespace(pause=lambda: heard.append("pause"), resume=lambda: heard.append("resume")))
    for why, is_shut, expected in (
        ("a", True, "pause"),
        ("b", True, "pause"),
        ("a", False, "pause"),
        ("a", False, "pause"),
        ("b", False, "resume"),
        ("c", False, "resume"),
    ):
        valve.turn(why, is_shut=is_shut)
        assert heard[-1] == expected
