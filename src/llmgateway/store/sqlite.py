"""The SQLite store: one file, one connection that writes, one that reads."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
from llmgateway.ports.store import Entry, Position
from llmgateway.store import sqlite_aftermath as followed
from llmgateway.store import sqlite_concerns as concerned
from llmgateway.store import sqlite_datasets as sets
from llmgateway.store import sqlite_erasures as erasures
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
from llmgateway.store.sqlite_forgetting import ErasureWriting
from llmgateway.store.sqlite_purge import purge_bodies, purge_exchanges
from llmgateway.store.sqlite_registry import RegistryWriting
from llmgateway.store.sqlite_writer import SqliteWriter


class SqliteStore(SqliteWriter, RegistryWriting, ErasureWriting):
    """A Store in one SQLite file. Only the control process may own one: it holds the connection that writes."""

    def __init__(
        self, path: Path, durability: Durability = Durability.PROCESS, *, query_s: float | None = None
    ) -> None:
        super().__init__(path, durability, query_s=query_s)
        self._write_codec = BodyCodec()
        self._score_tallies: ScoreTallies | None = None

    def count_scores(self, tallies: ScoreTallies) -> None:
        self._score_tallies = tallies

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
            meant, said = erasures.take_out(connection, entries, scores)
            self._insert(connection, entries)
            erasures.empty(connection, meant)
            scored.insert(connection, said)
            staged.tally(connection, tallies)
            write.save_progress(connection, positions, finished, ledger)
            self._refuse_moved()
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

    async def hear_until(self, now: float) -> None:
        await self._write(lambda connection: staged.hear_until(connection, now))

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

    async def discard_rollout(self, transition: TransitionRecord) -> bool:
        return await self._write(lambda connection: staged.discard(connection, transition))

    async def approve_rollout(self, approval: ApprovalRecord) -> bool:
        return await self._write(lambda connection: staged.approve(connection, approval))

    async def note_exemplars(self, rollout: str, person: str, exchanges: Sequence[str], at: float) -> bool:
        return await self._write(lambda connection: staged.note_exemplars(connection, rollout, person, exchanges, at))

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
