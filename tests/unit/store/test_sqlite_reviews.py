"""What is asked often of the review tables is asked of an index: a long queue is no slower than a short one."""

import sqlite3

import pytest

from llmgateway.domain.review import State
from llmgateway.ports.reviews import WantedItems
from llmgateway.store import sqlite_concerns, sqlite_reviews
from llmgateway.store.schema import prepare


@pytest.fixture
def plans():
    """A connection that takes down how each of its statements is carried out."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    prepare(connection)
    seen = []

    class Planning:
        def execute(self, sql, values=()):
            seen.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
            return connection.execute(sql, values)

        def executemany(self, sql, values):
            return connection.executemany(sql, values)

    yield Planning(), seen
    connection.close()


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda db: sqlite_reviews.claimable(db, "ann", 1.0, None), "queue_item_free"),
        (lambda db: sqlite_reviews.claimable(db, "ann", 1.0, None), "queue_item_held (claimed_until<?)"),
        (lambda db: sqlite_reviews.held(db, "ann", 1.0), "queue_item_held (claimed_until>?)"),
        (lambda db: sqlite_reviews.backlog(db, 1.0), "COVERING INDEX queue_item_standing"),
        (lambda db: sqlite_reviews.waiting_since(db, 10), "queue_item_waiting"),
        (lambda db: sqlite_reviews.page(db, WantedItems(), 10, None), "queue_item_order"),
        (lambda db: sqlite_reviews.page(db, WantedItems(state=State.DONE), 10, "x"), "queue_item_order"),
        (lambda db: sqlite_reviews.purge(db, [(1,)]), "queue_item_exchange"),
        (lambda db: sqlite_reviews.purge(db, [(1,)]), "queue_item_other"),
        (lambda db: sqlite_reviews.forget(db, 1.0, 10), "review_said"),
        (lambda db: sqlite_reviews.said(db, ["x"]), "sqlite_autoindex_review_1"),
        (lambda db: sqlite_concerns.against(db, "chat", ["v1"]), "concern_open"),
    ],
)
def test_an_index_answers(plans, ask, index):
    connection, seen = plans
    ask(connection)
    assert any(index in step for step in seen), seen


def test_the_next_item_is_found_without_sorting_the_queue(plans):
    connection, seen = plans
    sqlite_reviews.claimable(connection, "ann", 1.0, None)
    at = next(number for number, step in enumerate(seen) if "queue_item_free" in step)
    assert seen[at].startswith("SCAN")  # in its order, to the first that fits
    assert "TEMP B-TREE" not in " ".join(seen[: at + 2])
