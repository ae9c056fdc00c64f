"""The SQLite store: one file, one connection that writes, one that reads."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from llmgateway.config.snapshot import Durability
from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.review import Concern, Item, Review, Schema
from llmgateway.domain.score import Score
from llmgateway.ports.aftermath import Aftermath
from llmgateway.ports.datasets import Dataset, DatasetItem, ReplayRecord
from llmgateway.ports.fingerprints import Fingerprint
from llmgateway.ports.generations import Generation, SeenVersion
from llmgateway.ports.reviews import Added
from llmgateway.ports.rollouts import ApprovalRecord, RolloutRecord, ScoreTallies, Tally, TransitionRecord
from llmgateway.ports.scores import Cursor, Found, Placement
from llmgateway.ports.states import StateOf
from llmgateway.ports.store import Entry, Position, StoreRefusedError, StoreUnavailableError
from llmgateway.store import sqlite_aftermath as followed
from llmgateway.store import sqlite_concerns as concerned
from llmgateway.store import sqlite_datasets as sets
from llmgateway.store import sqlite_events as happened
from llmgateway.store import sqlite_fingerprints as prints
from llmgateway.store import sqlite_generations as history
from llmgateway.store import sqlite_replays as replayed
from llmgateway.store import sqlite_reviews as reviews
from llmgateway.store import sqlite_rollouts as staged
from llmgateway.store import sqlite_scores as scored
from llmgateway.store import sqlite_states as states
from llmgateway.store import sqlite_write as write
from llmgateway.store.rows import BodyCodec
from llmgateway.store.schema import check, prepare
from llmgateway.store.sqlite_connection import Connection, check_integrity, open_reader, open_writer
from llmgateway.store.sqlite_purge import purge_bodies, purge_exchanges
from llmgateway.store.sqlite_reader import SqliteReader
from llmgateway.store.sqlite_registry import RegistryWriting

T = TypeVar("T")

FileIdentity = tuple[int, int]


class SqliteStore(SqliteReader, RegistryWriting):
    """A Store in one SQLite file. Only the control process may own one: it holds the connection that writes.

    Everything slow happens in the connections' threads. A file that is moved or deleted under the running store is
    noticed before the next commit: rows would go into a file nobody can find again.
    """

    def __init__(
        self, path: Path, durability: Durability = Durability.PROCESS, *, query_s: float | None = None
    ) -> None:
        super().__init__(path, query_s=query_s)
        self._durability = durability
        self._writer: Connection | None = None
        self._identity: FileIdentity | None = None
        self._write_codec = BodyCodec()
        self._turn = asyncio.Lock()
        self._score_tallies: ScoreTallies | None = None

    def count_scores(self, tallies: ScoreTallies) -> None:
        self._score_tallies = tallies

    async def open(self) -> None:
        async with self._turn:
            _ = await self._sound_writer()

    async def close(self) -> None:
        await super().close()  # first: the last connection to go writes the log back, and has to be one that may
        async with self._turn:
            await self._close_writer()

    async def append(
        self,
        entries: Sequence[Entry],
        positions: Sequence[Position],
        finished: Sequence[str],
        ledger: bytes | None,
        scores: Sequence[Score] = (),
        *,
        tallies: Sequence[Tally] = (),
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            self._insert(connection, entries)
            scored.insert(connection, scores)
            staged.tally(connection, tallies)
            write.save_progress(connection, positions, finished, ledger)
            if _identity(self.path) != self._identity:
                raise StoreUnavailableError(_moved(self.path))
            connection.execute("COMMIT")

        await self._write(work)

    async def positions(self) -> list[Position]:
        return await self._write(write.positions)

    async def ledger(self) -> dict[str, Any] | None:
        return await self._write(write.ledger)

    async def purge_exchanges(self, before: float | None, *, limit: int) -> int:
        return await self._write(lambda connection: purge_exchanges(connection, before, limit))

    async def purge_bodies(self, before: float, *, limit: int) -> int:
        return await self._write(lambda connection: purge_bodies(connection, before, limit))

    async def shrink(self, limit_bytes: int) -> int:
        return await self._write(lambda connection: write.shrink(connection, limit_bytes))

    async def last_generation(self) -> tuple[int, Generation | None]:
        return await self._write(history.last)

    async def add_generation(self, generation: Generation, versions: Sequence[SeenVersion]) -> None:
        await self._write(lambda connection: history.add(connection, generation, versions))

    async def refuse_generation(self, number: int, reason: str) -> None:
        await self._write(lambda connection: history.refuse(connection, number, reason))

    async def add_score(self, score: Score) -> Score | None:
        return await self._write(lambda connection: scored.add(connection, score, self._score_tallies))

    async def add_scores(self, scores: Sequence[Score], state: bytes) -> int:
        return await self._write(lambda connection: scored.add_many(connection, scores, state, self._score_tallies))

    async def evaluation_state(self) -> dict[str, Any] | None:
        return await self._write(lambda connection: scored.state(connection, "evaluation"))

    async def unplaced(self, cursor: Cursor, *, overdue: float, limit: int) -> Found:
        return await self._write(lambda connection: scored.unplaced(connection, cursor, overdue, limit))

    async def place_scores(self, placements: Sequence[Placement], state: bytes) -> None:
        await self._write(lambda connection: scored.place(connection, placements, state, self._score_tallies))

    async def scores_state(self) -> dict[str, Any] | None:
        return await self._write(scored.state)

    async def add_items(self, items: Sequence[Item], *, max_waiting: int) -> Added:
        return await self._write(lambda connection: reviews.add(connection, items, max_waiting))

    async def change_item(
        self, item: Item, seen: int, review: Review | None = None, scores: Sequence[Score] = ()
    ) -> bool:
        return await self._write(lambda connection: reviews.change(connection, item, seen, review, scores))

    async def add_schema(self, schema: Schema) -> bool:
        return await self._write(lambda connection: reviews.add_schema(connection, schema))

    async def add_concern(self, concern: Concern) -> None:
        await self._write(lambda connection: concerned.add(connection, concern))

    async def close_concern(self, concern: Concern) -> bool:
        return await self._write(lambda connection: concerned.close(connection, concern))

    async def add_rollout(self, record: RolloutRecord) -> None:
        await self._write(lambda connection: staged.add(connection, record))

    async def replace_rollout(self, old: RolloutRecord, transition: TransitionRecord, new: RolloutRecord) -> bool:
        return await self._write(lambda connection: staged.replace(connection, old, transition, new))

    async def move_rollout(
        self, record: RolloutRecord, transition: TransitionRecord, event: GatewayEvent | None = None
    ) -> bool:
        return await self._write(lambda connection: staged.move(connection, record, transition, event))

    async def file_rollout(self, rollout: str, generation: int) -> None:
        await self._write(lambda connection: staged.file(connection, rollout, generation))

    async def approve_rollout(self, approval: ApprovalRecord) -> None:
        await self._write(lambda connection: staged.approve(connection, approval))

    async def note_exemplars(self, rollout: str, person: str, exchanges: Sequence[str], at: float) -> None:
        await self._write(lambda connection: staged.note_exemplars(connection, rollout, person, exchanges, at))

    async def add_aftermath(self, aftermath: Aftermath) -> Aftermath:
        return await self._write(lambda connection: followed.add(connection, aftermath))

    async def finish_aftermath(self, rollout: str, outcome: Mapping[str, Any], at: float) -> None:
        await self._write(lambda connection: followed.finish(connection, rollout, outcome, at))

    async def add_dataset(self, dataset: Dataset) -> Dataset:
        return await self._write(lambda connection: sets.add(connection, dataset))

    async def add_dataset_items(self, name: str, version: int, items: Sequence[DatasetItem]) -> Dataset:
        codec = self._write_codec
        return await self._write(lambda connection: sets.add_items(connection, codec, name, version, items))

    async def seal_dataset(self, name: str, version: int, content_hash: str) -> Dataset:
        return await self._write(lambda connection: sets.seal(connection, name, version, content_hash))

    async def erase_dataset_items(self, *, at: float, exchange_id: str | None, dataset: tuple[str, int] | None) -> int:
        return await self._write(lambda connection: sets.erase(connection, at, exchange_id, dataset))

    async def add_replay(self, replay: ReplayRecord) -> None:
        await self._write(lambda connection: replayed.add(connection, replay))

    async def add_pairs(self, replay_id: str, pairs: Sequence[tuple[int, bytes]], cost_usd: float) -> None:
        await self._write(lambda connection: replayed.add_pairs(connection, replay_id, pairs, cost_usd))

    async def end_replay(self, replay_id: str, ended: str | None, verdict: str | None) -> ReplayRecord:
        return await self._write(lambda connection: replayed.end(connection, replay_id, ended, verdict))

    async def add_events(self, events: Sequence[GatewayEvent]) -> list[GatewayEvent]:
        return await self._write(lambda connection: happened.add(connection, events))

    async def clear_event(self, event_id: str, at: float) -> bool:
        return await self._write(lambda connection: happened.clear(connection, event_id, at))

    async def note_undone(self, event_id: str, by: str, at: float) -> bool:
        return await self._write(lambda connection: happened.note_undone(connection, event_id, by, at))

    async def add_fingerprints(self, seen: Sequence[Fingerprint]) -> None:
        await self._write(lambda connection: prints.add(connection, seen))

    async def save_state(self, whose: StateOf, state: bytes) -> None:
        await self._write(lambda connection: states.save(connection, whose, state))

    async def saved_state(self, whose: StateOf) -> dict[str, Any] | None:
        return await self._write(lambda connection: states.saved(connection, whose))

    def _insert(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        write.begin(connection)
        try:
            write.insert(connection, self._write_codec, entries)
        except (UnicodeEncodeError, TypeError):  # a lone surrogate somewhere: rare enough to be found the slow way
            write.begin(connection)
            write.clean(entries)
            write.insert(connection, self._write_codec, entries)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._turn:
            writer = await self._sound_writer()
            try:
                return await writer.run(work)
            except BaseException:
                await writer.run(_rollback)
                raise

    async def _sound_writer(self) -> Connection:
        """The writer, opened again if another file has taken the place of the one it holds."""
        identity = _identity(self.path)
        if self._writer is None or identity != self._identity:
            if self._identity is not None and identity is None:
                raise StoreUnavailableError(_moved(self.path))
            await self._close_writer()
            await super().close()  # the reading connection is of the old file too
            self._writer = await self._open_writer()
        return self._writer

    async def _open_writer(self) -> Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(str(error)) from error
        try:
            await self._examine()
            writer = await open_writer(self.path, self._durability)
        except StoreRefusedError as error:
            raise StoreRefusedError(f"{self.path}: {error}") from error
        try:
            await writer.run(prepare)
        except BaseException:
            await writer.close()
            raise
        self._identity = _identity(self.path)
        return writer

    async def _examine(self) -> None:
        """Look at what is there without changing a byte of it; raises StoreRefusedError."""
        if not self.path.exists():
            return
        reader = await open_reader(self.path)
        try:
            await reader.run(check)
            await reader.run(check_integrity)
        finally:
            await reader.close()

    async def _close_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.close()


def _moved(path: Path) -> str:
    return f"{path} was moved or deleted while the gateway ran: put it back, or restart to begin with an empty store"


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.rollback()


def _identity(path: Path) -> FileIdentity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 -- twice a batch; Path.stat costs three times as much
    except OSError:
        return None
    return found.st_dev, found.st_ino
