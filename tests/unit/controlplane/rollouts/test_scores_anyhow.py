"""Whatever comes first, comes twice, or is taken back, and whoever dies meanwhile: each unit that was ever called bad is
one bad unit. Random courses of ingestion, scores, placements and restarts, against a model that knows no time.
"""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.test_rollout_scores import SCORED
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score
from tests.support.staged import entry, record

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane import scoring
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.controlplane.scoring import Scoring
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store import sqlite_scores
from llmgateway.store.sqlite import SqliteStore

# A user who comes back, one who is moved from the stable version to the candidate, and an exchange without a user.
EXCHANGES = (("ann", "v1"), ("ann", "v1"), ("eve", "v1"), ("eve", "v2"), (None, "v2"))
which = st.integers(0, len(EXCHANGES) - 1)
when = st.integers(0, 3)  # what was said when has nothing to do with when it comes
courses = st.lists(
    st.one_of(
        st.tuples(st.just("ingest"), which),
        st.tuples(st.just("say"), which, st.sampled_from(("ann", "ben")), st.booleans(), when, st.booleans()),
        st.tuples(st.just("judge"), which, st.booleans(), when),
        st.tuples(st.just("review"), which, st.sampled_from(("bad", "good")), when),
        st.tuples(st.just("send_again"), which),
        st.tuples(st.just("place")),
        st.tuples(st.just("lose_the_answer")),
        st.tuples(st.just("restart")),
    ),
    min_size=5,
    max_size=30,
)


class Unlucky(SqliteStore):
    """The answer to a placement may be lost, when it is saved already."""

    loses = False

    async def place_scores(self, placements, state):
        await super().place_scores(placements, state)
        if self.loses:
            raise StoreUnavailableError("nobody answers")


class Course:
    """One rollout, and what was said of its exchanges, as the store and as the model have it."""

    def __init__(self, folder):
        self.path, self.make = folder / "store.sqlite3", ExchangeFactory()
        self.entries = [
            entry(self.make, user, version=version, caller_request_id=f"r{number}", unit=user and f"unit-{user}")
            for number, (user, version) in enumerate(EXCHANGES)
        ]
        self.stored, self.sent, self.words = set(), [], []

    async def begin(self):
        self.store = Unlucky(self.path)
        await self.store.open()
        self.store.count_scores(score_tallies(self.make.clock.time))
        self.scoring = Scoring(self.store, Snapshot(1), self.make.clock)

    async def restart(self):
        await self.store.close()
        await self.begin()

    async def ingest(self, which):
        if which not in self.stored:
            self.stored.add(which)
            await self.store.append([self.entries[which]], [], [], None)

    async def say(self, which, who, is_good, at, by_reference):
        row = self.entries[which].row
        found = {"reference": f"r{which}", "exchange_id": None} if by_reference else {"exchange_id": row["id"]}
        self.sent.append(score(self.make, value=is_good, source_id=who, at=float(at), **found))
        self.words.append(("thumbs", which, not is_good))
        await self.store.append([], [], [], None, self.sent[-1:])

    async def judge(self, which, is_good, at):
        said = {"name": "kind", "data_type": DataType.BOOL, "value": is_good, "at": float(at)}
        if await self.store.add_scores([judgement(self.make, self.entries[which].row["id"], **said)], b"{}"):
            self.words.append(("tone", which, not is_good))

    async def review(self, which, value, at):
        said = {"name": "quality", "data_type": DataType.CATEGORY, "value": value, "at": float(at)}
        person = {"source_kind": SourceKind.HUMAN, "source_id": "ann"}
        if await self.store.add_score(judgement(self.make, self.entries[which].row["id"], **said, **person)):
            self.words.append(("quality", which, value == "bad"))

    async def send_again(self, which):
        await self.store.append([], [], [], None, self.sent[which : which + 1])

    async def place(self):
        await self.scoring.settle()

    async def lose_the_answer(self):
        self.store.loses = True
        try:
            await self.scoring.settle()
        except StoreUnavailableError:
            pass
        self.store.loses = False

    async def end(self):
        for number in range(len(EXCHANGES)):
            await self.ingest(number)
        await self.place()
        counts, _ = await self.store.epoch_counts("r1")
        return {each.metric: tuple(each[2:6]) for each in counts}

    def unit(self, which):
        return EXCHANGES[which][0] or f"exchange-{which}"

    def units(self, metric, *, bad):
        """The units that were judged, or called bad, each with the versions of which it was said."""
        found = {}
        for name, which, is_bad in self.words:
            if name == metric and (is_bad or not bad):
                found.setdefault(self.unit(which), set()).add(EXCHANGES[which][1])
        return found


def certain(units, version):
    """How many were on that version alone: who was on both counts where the word came first."""
    return sum(versions == {version} for versions in units.values())


async def followed(steps):
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(scoring, "LIMIT", 2),  # of scores in one look, and of exchanges
        mock.patch.object(sqlite_scores, "SPAN", 2),
    ):
        course = Course(Path(folder))
        await course.begin()
        try:
            await course.store.add_rollout(record(of=SCORED))
            for name, *values in steps:
                await getattr(course, name)(*values)
            return course, await course.end(), await course.store.scores(WantedScores(every=True), limit=100)
        finally:
            await course.store.close()


@settings(max_examples=80, deadline=None)
@given(courses)
def test_each_unit_that_was_called_bad_is_one_bad_unit(steps):
    course, counts, scores = asyncio.run(followed(steps))
    for metric in ("thumbs", "tone", "quality"):
        judged, bad = course.units(metric, bad=False), course.units(metric, bad=True)
        stable, candidate, stable_bad, candidate_bad = counts.get(metric, (0, 0, 0, 0))
        assert stable_bad + candidate_bad == len(bad), metric
        assert stable_bad >= certain(bad, "v1") and candidate_bad >= certain(bad, "v2"), metric
        assert len(judged) <= stable + candidate <= sum(map(len, judged.values())), metric
        assert stable >= certain(judged, "v1") and candidate >= certain(judged, "v2"), metric
    current = Counter((each.exchange_id, each.name, each.source_id) for each in scores if each.is_current)
    assert set(current.values()) <= {1}, "and of what one source says one word holds"
    last = {(each.exchange_id, each.name, each.source_id): each for each in sorted(scores, key=lambda s: (s.at, s.id))}
    assert all(each.is_current for each in last.values())
