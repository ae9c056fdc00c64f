"""The two clocks for slow callers."""

from llmgateway.http.pace import BodyPace, SendProgress


def test_a_body_has_its_grace_then_a_rate() -> None:
    pace = BodyPace(30.0, 1_000)
    assert pace.due(0) is None
    pace.start(100.0, is_paused=False)
    assert (pace.due(0), pace.due(29_000), pace.due(60_000)) == (130.0, 130.0, 160.0)
    pace.stop()
    assert pace.due(0) is None


def test_pauses_are_free() -> None:
    pace = BodyPace(30.0, 1_000)
    pace.start(100.0, is_paused=True)
    assert pace.due(0) is None
    pace.resume(150.0)
    pace.resume(160.0)
    assert pace.due(0) == 180.0
    pace.pause(160.0)
    pace.pause(170.0)
    assert pace.due(0) is None
    pace.resume(180.0)
    assert pace.due(0) == 200.0


def test_a_rate_of_nothing_is_one_byte_a_second() -> None:
    pace = BodyPace(30.0, 0)
    pace.start(0.0, is_paused=False)
    assert pace.due(90) == 90.0


def test_progress_is_any_byte() -> None:
    progress = SendProgress(60.0)
    assert not progress.is_stalled(1_000.0, 0)
    assert progress.due(0.0) is None
    progress.start(100.0, 5)
    assert progress.due(100.0) == 103.0
    assert not progress.is_stalled(159.0, 5)
    assert not progress.is_stalled(160.0, 6)
    assert not progress.is_stalled(219.0, 6)
    assert progress.due(219.0) == 220.0
    assert progress.is_stalled(220.0, 6)
    progress.stop()
    assert not progress.is_stalled(500.0, 6)
