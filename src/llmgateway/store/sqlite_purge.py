"""What retention deletes from the SQLite store, statement by statement, in the writing connection's thread."""

import sqlite3

from llmgateway.store import sqlite_reviews as reviews
from llmgateway.store import sqlite_scores as scores
from llmgateway.store.sqlite_queries import id_floor
from llmgateway.store.sqlite_write import begin


def purge_exchanges(connection: sqlite3.Connection, before: float | None, limit: int) -> int:
    """Delete the oldest exchanges with all that hangs on them, and the oldest scores that hang on nothing."""
    floor = "~" if before is None else id_floor(before)  # "~" sorts behind every id
    begin(connection)
    found = connection.execute('SELECT seq FROM exchange WHERE "id" < ? ORDER BY "id" LIMIT ?', (floor, limit))
    seqs = found.fetchall()
    reviews.purge(connection, seqs)
    for statement in (
        "DELETE FROM body WHERE id BETWEEN ?1 * 4 AND ?1 * 4 + 3",
        "DELETE FROM attempt WHERE exchange_seq = ?",
        "DELETE FROM verdict WHERE exchange_seq = ?",
        "DELETE FROM score WHERE exchange_seq = ?",
        "DELETE FROM exchange WHERE seq = ?",
    ):
        connection.executemany(statement, seqs)
    scores.purge(connection, before, limit)
    connection.execute("COMMIT")
    return len(seqs)


def purge_bodies(connection: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete the oldest bodies, and what scores and reviews say in words. Looks at `limit` of the bodies in the order
    of ingestion, so a pass is never long.
    """
    sql = (
        "SELECT body.id FROM (SELECT id FROM body ORDER BY id LIMIT ?) AS body "
        'LEFT JOIN exchange ON exchange.seq = body.id / 4 WHERE exchange."id" IS NULL OR exchange."id" < ?'
    )
    begin(connection)
    found = connection.execute(sql, (limit, id_floor(before))).fetchall()
    connection.executemany("DELETE FROM body WHERE id = ?", found)
    forgotten = scores.forget(connection, before, limit) + reviews.forget(connection, before, limit)
    connection.execute("COMMIT")
    return len(found) + forgotten
