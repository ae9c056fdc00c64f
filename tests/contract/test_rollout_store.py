"""What every store does with rollouts."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from tests.support.staged import entry, made, record

from llmgateway.controlplane.rollouts.records import REQUESTS, evidence_of
from llmgateway.controlplane.rollouts.tally import tallies
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.review import Concern, ConcernState, Severity
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.rollouts import PROMOTE, Added, ApprovalRecord, TransitionRecord
from llmgateway.ports.store import StoreKnownError, StoreRejectedError
from llmgateway.rollout.counts import Arms
from llmgateway.store import sqlite_rollouts


def moved(to, revision, **changes):
    """A record at its next revision, and the row that says so."""
    row = TransitionRecord(
        "r1",
        revision,
        f"r1:{revision}:x",
        5.0,
        "x",
        "draft",
        to,
        None,
        0,
        revision,
        0.2,
        "ann",
        "why",
        {"a": [1]},
        "h",
        7,
    )
    return replace(record(), state=to, revision=revision, place={**record().place, "state": to}), replace(
        row, **changes
    )


async def test_a_rollout_is_read_as_it_was_saved(store):
    await store.add_rollout(record())
    assert await store.running_rollouts() == [record()] == await store.rollouts("chat", limit=9)
    assert await store.rollouts("other", limit=9) == []
    assert await store.rollouts(None, limit=9) == [record()]


async def test_a_route_has_one_that_runs(store):
    await store.add_rollout(record())
    with pytest.raises(StoreRejectedError):
        await store.add_rollout(record("r2"))
    await store.add_rollout(record("r3", route="other"))
    await store.file_rollout("r1", 4)
    await store.add_rollout(record("r2"))
    assert [each.id for each in await store.running_rollouts()] == ["r2", "r3"]
    (kept,) = [each for each in await store.rollouts("chat", limit=9) if each.id == "r1"]
    assert kept.filed == 4


async def test_a_move_is_made_from_the_revision_before_it_or_not_at_all(store):
    await store.add_rollout(record())
    assert await store.move_rollout(*moved("canary", 1))
    assert not await store.move_rollout(*moved("paused", 1)), "somebody else was first"
    assert not await store.move_rollout(*moved("paused", 3)), "one is missing in between"
    (found,) = await store.running_rollouts()
    assert (found.state, found.revision) == ("canary", 1)
    (row,) = await store.transitions("r1")
    assert row == moved("canary", 1)[1]
    assert (await store.epoch_counts("r1"))[1] == {1: 0.2}


async def test_a_move_and_its_event_are_there_together_or_not_at_all(store):
    await store.add_rollout(record())
    event = GatewayEvent("rollout-r1-1", 5.0, EventKind.ROLLOUT, "start", EventSeverity.INFO, "it has begun")
    assert not await store.move_rollout(*moved("canary", 2), event), "one is missing in between"
    assert await store.event("rollout-r1-1") is None
    assert await store.move_rollout(*moved("canary", 1), event)
    with pytest.raises(StoreRejectedError):
        await store.move_rollout(*moved("paused", 2, key="r1:1:x"), replace(event, id="rollout-r1-2"))
    assert await store.events(WantedEvents(), limit=9) == [event]


@pytest.mark.parametrize("version", ["v2", "id-2", None])
async def test_no_promotion_is_saved_while_a_concern_is_open(store, version):
    await store.add_rollout(record())
    concern = Concern("c1", 1.0, "bob", "chat", version, Severity.LOW, "it is rude")
    await store.add_concern(concern)
    assert not await store.move_rollout(*moved("promoting", 1, event=PROMOTE))
    assert await store.transitions("r1") == []
    await store.close_concern(replace(concern, state=ConcernState.ACCEPTED, closed_at=2.0, closed_by="ann"))
    assert await store.move_rollout(*moved("promoting", 1, event=PROMOTE))


async def test_a_transitions_key_is_there_once(store):
    await store.add_rollout(record())
    await store.move_rollout(*moved("canary", 1))
    with pytest.raises(StoreRejectedError):
        await store.move_rollout(*moved("paused", 2, key="r1:1:x"))
    (found,) = await store.running_rollouts()
    assert found.revision == 1, "all of a move or nothing"


async def test_people(store):
    for at in (1.0, 2.0):
        await store.approve_rollout(ApprovalRecord("r1", "ann", "v", "e", at))
    await store.approve_rollout(ApprovalRecord("r1", "bob", "v", "e", 3.0))
    assert await store.approvals("r1") == [
        ApprovalRecord("r1", "ann", "v", "e", 2.0),
        ApprovalRecord("r1", "bob", "v", "e", 3.0),
    ]
    await store.note_exemplars("r1", "ann", ["a", "b"], 1.0)
    await store.note_exemplars("r1", "ann", ["b", "c"], 2.0)
    assert await store.exemplars_seen("r1", "ann") == 3
    assert await store.exemplars_seen("r1", "bob") == 0


async def append(store, entries):
    await store.append(entries, [], [], None, tallies=tallies(entries, {"r1": made()}, 9.0))


async def test_counts_come_with_the_rows_and_add_up_over_batches(store, make):
    await store.add_rollout(record())
    await store.move_rollout(*moved("canary", 1))
    bad = {"version": "v2", "status": 500}
    await append(store, [entry(make, "ann"), entry(make, "cat", **bad)])
    await append(store, [entry(make, "ann"), entry(make, "dan", **bad), entry(make, "cat", **bad), entry(make, None)])
    found = evidence_of(*await store.epoch_counts("r1"), 1)
    assert found.assigned == {1: Arms(2, 2)}
    assert found.units["error"] == {1: Arms(2, 2)}
    assert found.bad["error"] == {1: Arms(0, 2)}
    assert (found.failing.requests, found.failing.run) == (Arms(3, 3), Arms(0, 3))
    await append(store, [entry(make, "eve", version="v2")])
    assert evidence_of(*await store.epoch_counts("r1"), 1).failing.run == Arms(0, 0)
    assert evidence_of(*await store.epoch_counts("r1"), 2).failing.requests == Arms(0, 0), "of the weights now"


async def test_a_batch_that_is_not_taken_counts_nothing(store, make):
    await store.add_rollout(record())
    known = entry(make, "ann")
    await append(store, [known])
    before = await store.epoch_counts("r1")
    with pytest.raises(StoreKnownError):
        await append(store, [entry(make, "bob"), known])
    assert await store.epoch_counts("r1") == before


async def test_many_units_at_once(store, make):
    await store.add_rollout(record())
    entries = [entry(make, f"u{number}") for number in range(1_200)]
    await append(store, entries)
    await append(store, [entry(make, f"u{number}") for number in range(1_200)])
    counts, _ = await store.epoch_counts("r1")
    assert {each.metric: each.stable_units for each in counts} == {"": 1_200, "error": 1_200, REQUESTS: 2_400}


async def test_units_are_forgotten_when_it_has_ended_and_sums_are_not(store, make):
    await store.add_rollout(record())
    await append(store, [entry(make, "ann")])
    await store.file_rollout("r1", 2)
    assert (await store.epoch_counts("r1"))[0]
    await append(store, [entry(make, "ann")])
    counts, _ = await store.epoch_counts("r1")
    assert next(each for each in counts if not each.metric).stable_units == 2, "nobody remembers ann"


async def test_exemplars_are_the_versions_own_and_of_this_rollout(store, make):
    rows = [entry(make, "ann", version="v2"), entry(make, "bob"), entry(make, "cat", version="v2", rollout="r9")]
    await store.append(rows, [], [], None)
    (found,) = await store.exemplars("r1", "v2", limit=10)
    assert (found["id"], found["unit"]) == (rows[0].row["id"], "unit-ann")


def superseded(revision=1, **changes):
    return moved("superseded", revision, event="supersede", generation=9, **changes)


async def test_one_takes_the_place_of_another_all_or_nothing(store):
    await store.add_rollout(record())
    assert await store.replace_rollout(*superseded(), record("r2"))
    assert [each.id for each in await store.running_rollouts()] == ["r2"]
    (old,) = [each for each in await store.rollouts("chat", limit=9) if each.id == "r1"]
    assert (old.state, old.revision, old.filed) == ("superseded", 1, 9)
    assert [row.to_state for row in await store.transitions("r1")] == ["superseded"]


async def test_what_has_moved_meanwhile_is_not_replaced(store):
    await store.add_rollout(record())
    await store.move_rollout(*moved("canary", 1))
    assert not await store.replace_rollout(*superseded(), record("r2"))
    assert [each.id for each in await store.rollouts("chat", limit=9)] == ["r1"]
    assert (await store.running_rollouts())[0].state == "canary"


async def test_what_is_filed_is_not_replaced(store):
    await store.add_rollout(record())
    await store.file_rollout("r1", 4)
    assert not await store.replace_rollout(*superseded(), record("r2"))
    assert await store.running_rollouts() == []


async def test_a_new_one_that_can_not_be_saved_leaves_the_old_one_where_it_is(store):
    await store.add_rollout(record())
    with pytest.raises(StoreRejectedError):
        await store.replace_rollout(*superseded(), record("r1"))
    (found,) = await store.running_rollouts()
    assert (found.id, found.state) == ("r1", "draft")
    assert await store.transitions("r1") == []


async def test_of_those_that_are_over_a_route_keeps_so_many_and_rather_those_that_were_judged(store, monkeypatch):
    monkeypatch.setattr(sqlite_rollouts, "MAX_ROLLOUTS", 3)
    ends = [
        "rolled_back",
        "superseded",
        "succeeded",
        "aborted",
        "superseded",
        "superseded",
        "rolled_back",
        "superseded",
    ]
    for at, end in enumerate(ends):
        await store.add_rollout(record(f"r{at}", state=end))
        await store.approve_rollout(ApprovalRecord(f"r{at}", "ann", "id-2", "h", 1.0))
        await store.file_rollout(f"r{at}", 4)
    await store.add_rollout(record("other", route="other"))
    await store.add_rollout(record("r9"))
    assert {each.id for each in await store.rollouts("chat", limit=99)} == {"r0", "r2", "r6", "r9"}
    assert [bool(await store.approvals(f"r{at}")) for at in (0, 1, 2, 7)] == [True, False, True, False]
    assert len(await store.rollouts(None, limit=99)) == 5


async def test_nor_does_taking_the_place_of_one_after_the_other_add_without_end(store, monkeypatch):
    monkeypatch.setattr(sqlite_rollouts, "MAX_ROLLOUTS", 2)
    await store.add_rollout(record())
    for at in range(2, 9):
        before, row = superseded()
        old, row = replace(before, id=f"r{at - 1}"), replace(row, rollout=f"r{at - 1}", key=f"r{at - 1}:1:x")
        assert await store.replace_rollout(old, row, record(f"r{at}"))
    assert {each.id for each in await store.rollouts("chat", limit=99)} == {"r6", "r7", "r8"}
    assert [len(await store.transitions(name)) for name in ("r1", "r6", "r7")] == [0, 1, 1]


class Pairs:
    """A tally that leaves marks and takes them away."""

    rollout, units = "r1", ("x", "y")

    def __init__(self, marks=(), spent=()):
        self.added, self.marked = Added(marks, spent=spent), None

    def count(self, marked):
        self.marked = set(marked)
        return self.added


async def test_marks_that_nobody_needs_are_forgotten(store):
    await store.add_rollout(record())
    marks = {("m", "x", "stable"), ("m", "y", "stable")}
    for tally, found in (
        (Pairs(marks), set()),
        (Pairs(spent=["x"]), marks),
        (Pairs(), {("m", "y", "stable")}),
    ):
        await store.append([], [], [], None, tallies=[tally])
        assert tally.marked == found


async def test_damaged_json_is_empty_and_the_rest_of_its_row_and_of_the_others_is_there(store):
    await store.add_rollout(record())
    await store.add_rollout(record("r2", route="other"))
    await store.move_rollout(*moved("canary", 1))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE rollout SET policy = '{', place = '[]' WHERE id = 'r1'")
        connection.execute("UPDATE transition SET evidence = ''")
    damaged, whole = await store.running_rollouts()
    assert (damaged.id, damaged.state, damaged.policy, damaged.place) == ("r1", "canary", {}, {})
    assert whole == record("r2", route="other")
    (row,) = await store.transitions("r1")
    assert (row.to_state, row.evidence) == ("canary", {})
    assert (await store.epoch_counts("r1"))[1] == {1: 0.2}, "what it was told last is a column of its own"


async def test_one_that_nobody_can_read_is_ended_and_filed_at_once_or_not_at_all(store, make):
    await store.add_rollout(record())
    await store.add_rollout(record("r2", route="other"))
    _, row = moved("aborted", 1, to_state="aborted")
    entries = [entry(make, "ann")]
    await store.append(entries, [], [], None, tallies=tallies(entries, {"r1": made()}, 9.0))
    assert not await store.discard_rollout(replace(row, revision=2)), "it stands elsewhere"
    assert await store.transitions("r1") == []
    assert await store.discard_rollout(row)
    assert not await store.discard_rollout(replace(row, revision=2, key="again")), "once"
    kept = next(each for each in await store.rollouts("chat", limit=9) if each.id == "r1")
    assert kept == replace(record(), state="aborted", revision=1, filed=7), "what was damaged is not touched"
    assert await store.transitions("r1") == [row]
    assert [each.id for each in await store.running_rollouts()] == ["r2"]
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT count(*) FROM unit_event").fetchone() == (0,)


async def test_of_one_rollout_only_so_many_approvals_are_kept(store, monkeypatch):
    monkeypatch.setattr(sqlite_rollouts, "MAX_APPROVALS", 3)
    words = [ApprovalRecord("r1", f"p{number}", "v", f"e{number}", 1.0) for number in range(4)]
    assert [await store.approve_rollout(each) for each in words] == [True, True, True, False]
    assert await store.approve_rollout(words[0]._replace(at=9.0)), "who has given it may give it again"
    assert await store.approve_rollout(words[3]._replace(rollout="r2")), "another has its own"
    kept = await store.approvals("r1")
    assert {(each.by, each.at) for each in kept} == {("p0", 9.0), ("p1", 1.0), ("p2", 1.0)}


async def test_of_what_people_were_shown_only_so_much_is_kept(store, monkeypatch):
    monkeypatch.setattr(sqlite_rollouts, "MAX_SEEN", 5)
    monkeypatch.setattr(sqlite_rollouts, "MAX_SEEN_BY", 3)
    for _ in range(2):
        assert await store.note_exemplars("r1", "ann", ["a", "b", "c"], 1.0)
    assert await store.note_exemplars("r1", "ann", ["d", "e"], 1.0), "she has seen enough, and may see more"
    assert await store.exemplars_seen("r1", "ann") == 3
    assert await store.note_exemplars("r1", "bob", ["a", "b"], 1.0)
    assert not await store.note_exemplars("r1", "cat", ["a"], 1.0)
    assert await store.exemplars_seen("r1", "cat") == 0
    assert await store.note_exemplars("r2", "cat", ["a"], 1.0)


async def test_what_was_heard_of_later_than_now_is_heard_of_now(store, make):
    await store.add_rollout(record())
    await store.add_rollout(record("r2", route="other"))
    for name, at in (("r1", 900.0), ("r2", 100.0)):
        entries = [entry(make, "ann", rollout=name), entry(make, "bob", rollout=name, version="v2")]
        running = {name: made(name)}
        await store.append(entries, [], [], None, tallies=tallies(entries, running, at))
    await store.hear_until(500.0)
    for name, at in (("r1", 500.0), ("r2", 100.0)):
        counts, _ = await store.epoch_counts(name)
        assert {(each.stable_at, each.candidate_at) for each in counts if each.metric == "error"} == {(at, at)}
    await store.file_rollout("r1", 1)
    await store.hear_until(50.0)
    counts, _ = await store.epoch_counts("r1")
    assert max(each.stable_at for each in counts) == 500.0, "of one that is over nothing is touched"
