"""Who gives way when there are too many."""

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.http.census import Census


def test_counts_by_peer_and_in_all() -> None:
    census: Census[int] = Census(3, 2)
    census.add(1, "a")
    census.add(2, "a")
    assert census.is_peer_full("a") and not census.is_peer_full("b") and not census.is_full()
    census.add(3, "b")
    assert census.is_full() and len(census) == 3
    census.remove(1)
    census.remove(1)
    assert not census.is_peer_full("a") and len(census) == 2


def test_names_who_has_been_idle_longest() -> None:
    census: Census[int] = Census(9, 9)
    for guest, peer in ((1, "a"), (2, "b"), (3, "a")):
        census.add(guest, peer)
    assert (census.oldest_idle(), census.oldest_idle("b"), census.oldest_idle("c")) == (1, 2, None)
    assert census.idle_count == 3
    census.busy(1)
    assert (census.oldest_idle(), census.oldest_idle("a"), census.idle_count) == (2, 3, 2)
    census.idle(1)
    assert census.oldest_idle("a") == 3
    for guest in (1, 2, 3):
        census.busy(guest)
    assert census.oldest_idle() is None


def test_a_guest_it_has_forgotten_stays_forgotten() -> None:
    census: Census[int] = Census(9, 9)
    census.add(1, "a")
    census.remove(1)
    census.idle(1)
    assert census.oldest_idle() is None


@given(st.lists(st.tuples(st.sampled_from(["add", "idle", "busy", "remove"]), st.integers(0, 5)), max_size=60))
def test_keeps_nothing_of_who_left(steps: list[tuple[str, int]]) -> None:
    census: Census[int] = Census(99, 99)
    inside: set[int] = set()
    for step, guest in steps:
        if step == "add" and guest not in inside:
            census.add(guest, f"peer {guest % 2}")
            inside.add(guest)
        elif step == "remove":
            census.remove(guest)
            inside.discard(guest)
        elif step != "add":
            getattr(census, step)(guest)
    assert set(census) == inside
    for guest in inside:
        census.remove(guest)
    assert (census._peers, census._guests, len(census._idle)) == ({}, {}, 0)
