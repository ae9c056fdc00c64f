import pytest

from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import ApiError
from llmgateway.modelserver.service import MOST_ARRIVALS, MOST_RECORDED_BYTES, Service, Settings, Shelf


def test_a_shelf_drops_the_oldest_beyond_a_number():
    shelf = Shelf(most=2)
    for name in "abc":
        shelf.put(name, name)
    assert list(shelf) == ["b", "c"]


def test_a_shelf_drops_the_oldest_beyond_a_size():
    shelf = Shelf(most_bytes=10)
    shelf.put("a", "A", 6)
    shelf.put("b", "B", 6)
    assert list(shelf) == ["B"]
    shelf.put("c", "C", 11)
    assert len(shelf) == 0


def test_a_shelf_counts_what_was_replaced_or_taken_no_more():
    shelf = Shelf(most_bytes=10)
    for _ in range(5):
        shelf.put("a", "A", 6)
    assert list(shelf) == ["A"]
    assert shelf.take("a") == "A"
    assert shelf.take("a") is None
    shelf.put("b", "B", 10)
    assert shelf.get("b") == "B"


def test_trouble_for_the_first_arrivals_is_counted_by_request():
    service, knobs = Service(Settings()), Knobs(error_rate=1, first=1)
    assert service.trouble(knobs, "one") == (True, "")
    assert service.trouble(knobs, "two") == (True, "")
    assert service.trouble(knobs, "one") == (False, "")


def test_the_memory_of_arrivals_is_bounded():
    service, knobs = Service(Settings()), Knobs(first=1)
    for number in range(MOST_ARRIVALS + 10):
        service.trouble(knobs, str(number))
    assert len(service._arrivals) == MOST_ARRIVALS


def test_errors_come_before_faults_and_each_is_tallied():
    service = Service(Settings())
    assert service.trouble(Knobs(error_rate=1, fault="cut", fault_rate=1), "x") == (True, "")
    assert service.trouble(Knobs(fault="cut", fault_rate=1), "x") == (False, "cut")
    assert (service.tallies.errors, service.tallies.faults) == (1, 1)


def test_the_stronger_place_turns_the_knob():
    service = Service(Settings(knobs=Knobs(latency=1)))
    body = {"model": "m@latency=2,seed=5", "metadata": {"mock_latency": "3"}}
    assert service.turn({"x-mock-latency": "4"}, body) == Knobs(latency=4, seed=5)
    assert body["model"] == "m"
    assert service.turn({}, {"model": "m@latency=2", "metadata": {"mock_latency": "3"}}).latency == 3


def test_only_served_models_are_known():
    service = Service(Settings(models=("a",)))
    service.check_model({"model": "a"})
    with pytest.raises(ApiError, match="does not exist"):
        service.check_model({"model": "b"})


def test_recorded_requests_are_bounded_in_number_and_size():
    service = Service(Settings(record=2))
    for _ in range(3):
        service.record("POST", "/", [("Authorization", "Bearer secret")], b"x" * (MOST_RECORDED_BYTES + 1))
    assert len(service.recorded) == 2
    assert len(service.recorded[0]["body"]) == MOST_RECORDED_BYTES
    assert "secret" not in str(service.recorded)
