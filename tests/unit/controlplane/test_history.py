"""The history takes each text down once, under a number of its own, and waits for a store that is away."""

from dataclasses import replace

import pytest

from llmgateway.config.snapshot import Backend, Route, Snapshot, Version
from llmgateway.controlplane import history as module
from llmgateway.controlplane.history import Entry, History
from llmgateway.domain.clock import ManualClock
from llmgateway.ports.store import StoreRejectedError, StoreUnavailableError

BACKEND = Backend("local", "openai", "http://127.0.0.1:9")
SNAPSHOT = Snapshot(1, routes={"chat": Route("chat", (Version("v1", "aaaaaaaaaaaa", (BACKEND,)),))})


class Store:
    """A store in memory that may be away."""

    def __init__(self):
        self.rows, self.versions, self.is_away = {}, [], False

    def _come(self):
        if self.is_away:
            raise StoreUnavailableError("away")

    async def last_generation(self):
        self._come()
        held = [row for _, row in sorted(self.rows.items()) if row.refused is None]
        return max(self.rows, default=0), held[-1] if held else None

    async def add_generation(self, generation, versions):
        self._come()
        if generation.number in self.rows:
            raise StoreRejectedError("known")
        self.rows[generation.number] = generation
        self.versions += versions

    async def refuse_generation(self, number, reason):
        self._come()
        self.rows[number] = replace(self.rows[number], refused=reason)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def history(store):
    return History(store, ManualClock())


def at(generation):
    return replace(SNAPSHOT, generation=generation)


async def test_what_came_by_the_file_is_taken_down_with_its_diff_and_versions(history, store):
    history.note(at(1), "a = 1\n")
    history.note(at(2), "a = 2\n")
    await history.catch_up()
    assert [(row.number, row.author, row.text) for row in store.rows.values()] == [
        (1, "file", "a = 1\n"),
        (2, "file", "a = 2\n"),
    ]
    assert store.rows[2].diff == "--- generation 1\n+++ generation 2\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
    assert [(each.route, each.name, each.id, each.generation) for each in store.versions[:1]] == [
        ("chat", "v1", "aaaaaaaaaaaa", 1)
    ]


async def test_the_same_text_again_makes_no_entry(history, store):
    for number in (1, 2, 3):
        history.note(at(number), "a = 1\n")
    await history.catch_up()
    assert list(store.rows) == [1]


async def test_it_waits_for_a_store_that_is_away_and_then_loses_nothing(history, store):
    store.is_away = True
    history.note(at(1), "a = 1\n")
    with pytest.raises(StoreUnavailableError):
        await history.catch_up()
    history.note(at(2), "a = 2\n")
    store.is_away = False
    await history.catch_up()
    assert list(store.rows) == [1, 2]


async def test_what_waits_is_bounded(history, store):
    for number in range(1, module.MAX_WAITING + 10):
        history.note(at(number), f"a = {number}\n")
    await history.catch_up()
    assert len(store.rows) == module.MAX_WAITING
    assert max(store.rows) == module.MAX_WAITING + 9


@pytest.mark.parametrize(
    ("generation", "text", "number"),
    [(6, "other", 6), (5, "a = 5\n", 5), (5, "other", 6), (2, "a = 5\n", 5), (2, "other", 6)],
)
async def test_a_number_that_the_history_has_for_something_else_is_not_used_again(
    history, store, generation, text, number
):
    history.note(at(5), "a = 5\n")
    await history.catch_up()
    assert history.number_for(generation, text) == number


@pytest.mark.parametrize(("generation", "text", "number"), [(5, "a = 5\n", 5), (6, "a = 5\n", 7), (4, "a = 5\n", 7)])
async def test_the_number_of_one_that_was_taken_back_names_nothing_else(history, store, generation, text, number):
    history.note(at(5), "a = 5\n")
    await history.catch_up()
    await history.add(Entry(2.0, at(6), "a = 6\n", "ada", "why"))
    await history.refuse(6, "worker 0: no")
    await history.load()
    assert history.number_for(generation, text) == number


async def test_another_store_in_the_place_of_the_first_is_read_anew(history, store):
    history.note(at(1), "a = 1\n")
    await history.catch_up()
    store.rows[2] = store.rows[9] = replace(store.rows[1], number=9)
    history.note(at(2), "a = 2\n")
    with pytest.raises(StoreRejectedError):
        await history.catch_up()
    await history.catch_up()
    assert max(store.rows) == 10


async def test_numbers_go_on_behind_those_that_are_there(history, store):
    history.note(at(5), "a = 5\n")
    await history.catch_up()
    again = History(store, ManualClock())
    again.note(at(1), "a = 1\n")
    await again.catch_up()
    assert list(store.rows) == [5, 6]


async def test_one_that_was_taken_back_is_compared_with_no_more(history, store):
    history.note(at(1), "a = 1\n")
    await history.catch_up()
    await history.add(Entry(2.0, at(2), "a = 2\n", "ada", "why"))
    await history.refuse(2, "worker 0: no")
    history.note(at(3), "a = 1\n")
    await history.catch_up()
    assert list(store.rows) == [1, 2]
    assert store.rows[2].refused == "worker 0: no"
    assert history.highest == 2


async def test_one_whose_refusal_could_not_be_told_is_followed_by_what_is_in_force(history, store):
    history.note(at(1), "a = 1\n")
    await history.catch_up()
    await history.add(Entry(2.0, at(2), "a = 2\n", "ada", "why"))
    store.is_away = True
    await history.refuse(2, "worker 0: no")
    store.is_away = False
    history.note(at(3), "a = 1\n", "generation 2 was taken back")
    await history.catch_up()
    assert [(row.number, row.text, row.reason) for row in store.rows.values()][-1] == (
        3,
        "a = 1\n",
        "generation 2 was taken back",
    )
