"""Reading the SQLite store: the control process's pages and the `logs` command, also while another process writes."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.review import Concern, ConcernState, Item, Review, Schema
from llmgateway.domain.score import Score, Value
from llmgateway.ports.aftermath import Aftermath
from llmgateway.ports.datasets import Dataset, DatasetItem, ReplayRecord
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.fingerprints import Fingerprint
from llmgateway.ports.generations import Generation, GenerationHead, SeenVersion
from llmgateway.ports.report import Found, Kept, Labelled, Reviewed, Took, Traffic, Window
from llmgateway.ports.reviews import Backlog, WantedItems
from llmgateway.ports.rollouts import ApprovalRecord, EpochCount, RolloutRecord, TransitionRecord
from llmgateway.ports.scores import Group, Judged, WantedJudged, WantedScores
from llmgateway.ports.store import Body, Pair, Row, StoreError, StoreStats, StoreUnavailableError, Wanted
from llmgateway.store import sqlite_aftermath as followed
from llmgateway.store import sqlite_concerns as concerned
from llmgateway.store import sqlite_datasets as sets
from llmgateway.store import sqlite_events as happened
from llmgateway.store import sqlite_fingerprints as prints
from llmgateway.store import sqlite_generations as history
from llmgateway.store import sqlite_judged as judging
from llmgateway.store import sqlite_queries as queries
from llmgateway.store import sqlite_replays as replayed
from llmgateway.store import sqlite_report as reported
from llmgateway.store import sqlite_reviews as reviews
from llmgateway.store import sqlite_rollouts as staged
from llmgateway.store import sqlite_scores as scored
from llmgateway.store.rows import BodyCodec
from llmgateway.store.schema import VERSION, check
from llmgateway.store.sqlite_connection import ENGINE, QUERY_S, Connection, open_reader, time_limit
from llmgateway.store.sqlite_forgetting import ErasureReading
from llmgateway.store.sqlite_registry import RegistryReading
from llmgateway.store.sqlite_write import page_counts

T = TypeVar("T")


class SqliteReader(RegistryReading, ErasureReading):
    """A StoreReader over one read-only connection, opened at the first call. Close it."""

    def __init__(self, path: Path, *, query_s: float | None = None) -> None:
        self.path = path
        self._query_s = QUERY_S if query_s is None else query_s
        self._connection: Connection | None = None
        self._codec = BodyCodec()
        self._opening = asyncio.Lock()

    async def page(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[Row]:
        return await self._read(lambda connection: queries.page(connection, wanted, limit, before))

    async def since_seq(self, wanted: Wanted, *, seq: int, limit: int) -> list[Row]:
        return await self._read(lambda connection: queries.since_seq(connection, wanted, seq, limit))

    async def last_seq(self) -> int:
        return await self._read(queries.last_seq)

    async def exchange(self, exchange_id: str) -> Row | None:
        return await self._read(lambda connection: queries.exchange(connection, exchange_id))

    async def matching_ids(self, prefix: str, *, limit: int) -> list[str]:
        return await self._read(lambda connection: queries.matching_ids(connection, prefix, limit))

    async def attempts(self, seqs: Sequence[int]) -> dict[int, list[Row]]:
        return await self._read(lambda connection: queries.attempts(connection, seqs))

    async def verdicts(self, seqs: Sequence[int]) -> dict[int, list[Row]]:
        return await self._read(lambda connection: queries.verdicts(connection, seqs))

    async def bodies(self, seqs: Sequence[int]) -> dict[int, list[Body]]:
        return await self._read(lambda connection: queries.bodies(connection, self._codec, seqs))

    async def pairs(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[Pair]:
        return await self._read(lambda connection: queries.pairs(connection, wanted, limit, before))

    async def generations(self, *, limit: int, before: int | None = None) -> list[GenerationHead]:
        return await self._read(lambda connection: history.page(connection, limit, before))

    async def generation(self, number: int) -> Generation | None:
        return await self._read(lambda connection: history.one(connection, number))

    async def seen_versions(self, routes: Sequence[str]) -> list[SeenVersion]:
        return await self._read(lambda connection: history.seen(connection, routes))

    async def scores(self, wanted: WantedScores, *, limit: int, before: int | None = None) -> list[Score]:
        return await self._read(lambda connection: scored.page(connection, wanted, limit, before))

    async def scores_of(self, exchange_seq: int) -> list[Score]:
        return await self._read(lambda connection: scored.of_exchange(connection, exchange_seq))

    async def labelled(self, name: str, source_id: str, run: str | None = None) -> list[tuple[Value, Value]]:
        return await self._read(lambda connection: scored.labelled(connection, name, source_id, run))

    async def judged(self, wanted: WantedJudged) -> list[Judged]:
        return await self._read(lambda connection: judging.judged(connection, wanted))

    async def score_groups(self, wanted: WantedScores) -> list[Group]:
        return await self._read(lambda connection: scored.groups(connection, wanted))

    async def items(self, wanted: WantedItems, *, limit: int, after: str | None = None) -> list[Item]:
        return await self._read(lambda connection: reviews.page(connection, wanted, limit, after))

    async def item(self, item_id: str) -> Item | None:
        return await self._read(lambda connection: reviews.one(connection, item_id))

    async def in_open_pairs(self, exchange_ids: Sequence[str]) -> frozenset[str]:
        return await self._read(lambda connection: reviews.in_open_pairs(connection, exchange_ids))

    async def reviews_of(self, item_ids: Sequence[str]) -> dict[str, list[Review]]:
        return await self._read(lambda connection: reviews.said(connection, item_ids))

    async def claimable(self, reviewer: str, now: float, *, queue: str | None = None) -> Item | None:
        return await self._read(lambda connection: reviews.claimable(connection, reviewer, now, queue))

    async def held(self, reviewer: str, now: float) -> Item | None:
        return await self._read(lambda connection: reviews.held(connection, reviewer, now))

    async def review_backlog(self, now: float) -> list[Backlog]:
        return await self._read(lambda connection: reviews.backlog(connection, now))

    async def waiting_since(self, *, limit: int) -> list[float]:
        return await self._read(lambda connection: reviews.waiting_since(connection, limit))

    async def reviewed(self, queue: str | None, *, since: float | None = None) -> list[tuple[Item, list[Review]]]:
        return await self._read(lambda connection: reviews.reviewed(connection, queue, since))

    async def schema(self, name: str, number: int | None = None) -> Schema | None:
        return await self._read(lambda connection: reviews.schema(connection, name, number))

    async def schemas(self) -> list[Schema]:
        return await self._read(reviews.schemas)

    async def concerns(
        self, *, route: str | None = None, state: ConcernState | None = None, limit: int
    ) -> list[Concern]:
        return await self._read(lambda connection: concerned.page(connection, route, state, limit))

    async def concern(self, concern_id: str) -> Concern | None:
        return await self._read(lambda connection: concerned.one(connection, concern_id))

    async def open_concerns(self, route: str, *versions: str) -> list[Concern]:
        return await self._read(lambda connection: concerned.against(connection, route, versions))

    async def running_rollouts(self) -> list[RolloutRecord]:
        return await self._read(staged.running)

    async def rollouts(self, route: str | None, *, limit: int) -> list[RolloutRecord]:
        return await self._read(lambda connection: staged.newest(connection, route, limit))

    async def transitions(self, rollout: str) -> list[TransitionRecord]:
        return await self._read(lambda connection: staged.transitions(connection, rollout))

    async def approvals(self, rollout: str) -> list[ApprovalRecord]:
        return await self._read(lambda connection: staged.approvals(connection, rollout))

    async def exemplars_seen(self, rollout: str, person: str) -> int:
        return await self._read(lambda connection: staged.exemplars_seen(connection, rollout, person))

    async def exemplars(self, rollout: str, version: str, *, limit: int) -> list[Row]:
        return await self._read(lambda connection: staged.exemplars(connection, rollout, version, limit))

    async def epoch_counts(self, rollout: str) -> tuple[list[EpochCount], dict[int, float]]:
        return await self._read(lambda connection: staged.epoch_counts(connection, rollout))

    async def unfollowed(self, *, limit: int) -> list[RolloutRecord]:
        return await self._read(lambda connection: followed.unfollowed(connection, limit))

    async def aftermath(self, rollout: str) -> Aftermath | None:
        return await self._read(lambda connection: followed.one(connection, rollout))

    async def assigned_rows(self, rollout: str, version: str, *, limit: int, before: str | None = None) -> list[Row]:
        return await self._read(lambda connection: followed.rows(connection, rollout, version, limit, before))

    async def datasets(self, name: str | None = None) -> list[Dataset]:
        return await self._read(lambda connection: sets.every(connection, name))

    async def dataset_items(
        self, name: str, version: int, *, after: int = -1, limit: int, limit_bytes: int
    ) -> list[DatasetItem]:
        def work(connection: sqlite3.Connection) -> list[DatasetItem]:
            return sets.items(connection, self._codec, (name, version), after, (limit, limit_bytes))

        return await self._read(work)

    async def replays(self, *, limit: int) -> list[ReplayRecord]:
        return await self._read(lambda connection: replayed.page(connection, limit))

    async def replay(self, replay_id: str) -> ReplayRecord | None:
        return await self._read(lambda connection: replayed.one(connection, replay_id))

    async def replay_pairs(self, replay_id: str, *, after: int = -1, limit: int) -> list[tuple[int, bytes]]:
        return await self._read(lambda connection: replayed.pairs(connection, replay_id, after, limit))

    async def events(self, wanted: WantedEvents, *, limit: int, before: str | None = None) -> list[GatewayEvent]:
        return await self._read(lambda connection: happened.page(connection, wanted, limit, before))

    async def event(self, event_id: str) -> GatewayEvent | None:
        return await self._read(lambda connection: happened.one(connection, event_id))

    async def report_traffic(self, window: Window) -> list[Traffic]:
        return await self._read(lambda connection: reported.traffic(connection, window))

    async def report_durations(self, window: Window) -> list[Took]:
        return await self._read(lambda connection: reported.durations(connection, window))

    async def report_first_tokens(self, window: Window) -> list[Took]:
        return await self._read(lambda connection: reported.first_tokens(connection, window))

    async def report_verdicts(self, window: Window) -> list[Found]:
        return await self._read(lambda connection: reported.verdicts(connection, window))

    async def report_labelled(self, window: Window) -> list[Labelled]:
        return await self._read(lambda connection: reported.labelled(connection, window))

    async def report_reviewed(self, window: Window) -> list[Reviewed]:
        return await self._read(lambda connection: reported.reviewed(connection, window))

    async def report_kept(self) -> Kept:
        return await self._read(reported.kept)

    async def fingerprints(self) -> list[Fingerprint]:
        return await self._read(prints.every)

    async def stats(self) -> StoreStats:
        used, free, size = await self._read(page_counts)
        return StoreStats(used * size, free * size, log_bytes(self.path), ENGINE)

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        opened = await self._opened()

        def bounded(connection: sqlite3.Connection) -> T:
            with time_limit(connection, self._query_s):
                return work(connection)

        return await opened.run(bounded)

    async def _opened(self) -> Connection:
        async with self._opening:  # two first calls at once would open two, and lose one
            if self._connection is None:
                self._connection = await self._open()
            return self._connection

    async def _open(self) -> Connection:
        if not self.path.is_file():
            raise StoreUnavailableError(f"there is no store at {self.path}")
        connection = await open_reader(self.path)
        try:
            await connection.run(_check_ready)
        except StoreError as error:
            await connection.close()
            raise type(error)(f"{self.path}: {error}") from error
        return connection


def _check_ready(connection: sqlite3.Connection) -> None:
    version = check(connection)
    if version == 0:
        raise StoreUnavailableError("the store is still empty; a gateway fills it when it starts")
    if version < VERSION:
        raise StoreUnavailableError("the store is an older version's; a gateway brings it up to date when it starts")


def log_bytes(path: Path) -> int:
    """The size of the write-ahead log beside the file."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return 0
