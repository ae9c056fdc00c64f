"""What a backend says of itself: judged when it is new, and free from then on."""

from llmgateway.guarding.told import MAX_KNOWN, Told


def chunk(**more):
    return {"id": "a", "model": "m", "choices": [{"index": 0, "delta": {"content": ""}}], **more}


def told(*events):
    memory = Told()
    for event in events:
        memory.remember(event)
    return memory


def test_an_event_is_new_once_whatever_its_numbers():
    assert not Told().is_known(chunk(), b"1")
    assert told(chunk(created=1)).is_known(chunk(created=2), b"2")


def test_a_value_is_new_under_another_name_and_as_a_name():
    for more in ({"model": "a"}, {"m": 1}, {"more": ["m"]}, {"choices": [{"index": 0, "id": "m"}]}, {"usage": {}}):
        assert not told(chunk()).is_known(chunk() | more, b"x"), more


def test_an_event_like_the_last_one_costs_a_comparison():
    memory = told(chunk())
    assert memory.is_known(chunk(), b"same")
    assert memory.is_known(None, b"same")
    assert not memory.is_known({"b": "new"}, b"other")


def test_what_is_random_or_sound_is_not_new():
    memory = told(chunk())
    assert memory.is_known(chunk(obfuscation="aB3", delta="aGVs+/" * 90 + "=="), b"x")
    assert not memory.is_known(chunk(obfuscation="a b"), b"y")
    assert not memory.is_known(chunk(obfuscation="a" * 99), b"z")
    assert not memory.is_known(chunk(delta="a b " * 90), b"0")


def test_it_keeps_no_more_than_it_may():
    memory = Told()
    for at in range(3 * MAX_KNOWN):
        memory.remember({"a": f"{at}", "b": "x" * 10_000})
    assert len(memory._known) <= MAX_KNOWN
    assert not memory.is_known({"b": "x" * 10_000}, b"x")


def test_what_stands_in_the_texts_is_never_noise():
    memory = told(chunk(obfuscation={"delta": "", "event_id": ""}))
    assert not memory.is_known(chunk(obfuscation={"delta": "A" * 90, "event_id": ""}), b"x")
    assert not memory.is_known(chunk(obfuscation={"delta": "", "event_id": "secret"}), b"y")
