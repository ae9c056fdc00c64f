"""What every store does, whatever database it is. A new one is added to `tests/support/stores.py` and has to pass."""

from random import Random
from typing import Any

import pytest
from tests.support.exchanges import REQUEST, ExchangeFactory, ids, verdict
from tests.support.guardrails import numbers

from llmgateway.domain.exchange import Exchange
from llmgateway.domain.pseudonyms import mark_of
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.chain import Hit
from llmgateway.guarding.notes import Notes
from llmgateway.journal import records
from llmgateway.ports import generations as port
from llmgateway.ports.generations import Generation, GenerationHead, SeenVersion
from llmgateway.ports.store import (
    ATTEMPT,
    COLUMNS,
    FACTS,
    OUTCOME,
    VERDICT,
    Body,
    Entry,
    Position,
    Row,
    Store,
    StoreKnownError,
    StoreRejectedError,
    Wanted,
)  # fmt: skip
from llmgateway.store import sqlite_generations as HISTORY_BOUNDS


async def append(store: Store, entries: list[Entry]) -> list[Row]:
    await store.append(entries, [], [], None)
    return [entry.row for entry in entries]


def test_the_columns_are_the_names_the_journal_writes(make: ExchangeFactory) -> None:
    exchange: Exchange = make.exchange()
    exchange.rollout = "r"
    assert tuple(records._facts(exchange)) == FACTS
    outcome = records._outcome(exchange, make.clock.monotonic())
    assert tuple(outcome) == (*OUTCOME, "attempts")
    assert tuple(outcome["attempts"][0]) == ATTEMPT
    notes = Notes()
    notes.add(Stage.REPLY, [Hit(0, 1, numbers(), "number", 1.0)])
    assert tuple(notes.rows()[0]) == VERDICT


async def test_a_row_comes_back_as_it_went_in(store: Store, make: ExchangeFactory) -> None:
    entry = make.entry(tags={"team": "växt"}, stream=True, error_detail="no", user="u-1", session="s-1")
    await append(store, [entry])
    found = await store.exchange(entry.row["id"])
    assert found == entry.row
    assert set(found) == {*COLUMNS, "seq", "attempts", "verdicts"}


async def test_verdicts_come_back_in_their_order(store: Store, make: ExchangeFactory) -> None:
    said = [verdict(stage="reply", count=7), verdict(guardrail="people", action="block", mode="observe"), verdict()]
    first, second, silent = await append(
        store, [make.entry(verdicts=said), make.entry(verdicts=said[:1]), make.entry()]
    )
    assert (await store.exchange(first["id"]) or {})["verdicts"] == said
    assert (await store.exchange(silent["id"]) or {})["verdicts"] == []
    found = await store.verdicts([row["seq"] for row in (first, second, silent)])
    assert found == {first["seq"]: said, second["seq"]: said[:1]}


async def test_an_exchange_that_comes_again_brings_its_verdicts_once(store: Store, make: ExchangeFactory) -> None:
    entry = make.entry(verdicts=[verdict()])
    (row,) = await append(store, [entry])
    seq = row["seq"]
    with pytest.raises(StoreKnownError):
        await append(store, [Entry({**entry.row, "verdicts": [verdict(), verdict()]}, entry.bodies)])
    assert await store.verdicts([seq, seq + 1]) == {seq: [verdict()]}


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800 surrogate", "\u2028\x1b[31m"])
async def test_any_text_in_a_verdict_can_be_stored(store: Store, make: ExchangeFactory, text: str) -> None:
    (row,) = await append(store, [make.entry(verdicts=[verdict(guardrail=text, kind=text)])])
    ((stored,),) = (await store.verdicts([row["seq"]])).values()
    assert "\0" not in stored["guardrail"] + stored["kind"]
    assert ids(await store.page(Wanted(guardrail=text), limit=5)) == [row["id"]]


async def test_bodies_come_back_byte_for_byte_in_the_order_of_the_conversation(
    store: Store, make: ExchangeFactory
) -> None:
    bodies = [
        Body("events", "text/event-stream", 3, b"\x00\xff\xfe"),
        Body("reply", "text/event-stream", 9_000_000, REQUEST, "ab" * 32, is_truncated=True),
        Body("request", "application/json", 5, None, "cd" * 32),
    ]
    (row,) = await append(store, [Entry(make.row(), bodies)])
    assert (await store.bodies([row["seq"]]))[row["seq"]] == [bodies[2], bodies[1], bodies[0]]


async def test_a_known_exchange_is_named_and_nothing_is_saved(store: Store, make: ExchangeFactory) -> None:
    first, second, third, fourth = make.entries(4)
    await append(store, [first, second])
    with pytest.raises(StoreKnownError) as raised:
        await store.append([third, second, fourth, first], [Position("a", 1, 1)], [], b'{"n":4}')
    assert raised.value.indexes == {1, 3}
    assert ids(await store.page(Wanted(), limit=10)) == ids([second.row, first.row])
    assert (await store.positions(), await store.ledger()) == ([], None)
    await append(store, [third, fourth])
    rows = await store.page(Wanted(), limit=10)
    assert len(rows) == 4
    assert all(len(each) == 1 for each in (await store.attempts([row["seq"] for row in rows])).values())


async def test_an_id_twice_in_one_batch_is_known_the_second_time(store: Store, make: ExchangeFactory) -> None:
    entry = make.entry()
    with pytest.raises(StoreKnownError) as raised:
        await append(store, [entry, Entry({**entry.row}, entry.bodies)])
    assert raised.value.indexes == {1}


async def test_rows_positions_and_ledger_are_saved_together_or_not_at_all(store: Store, make: ExchangeFactory) -> None:
    await store.append(make.entries(1), [Position("a", 1, 10)], [], b'{"n":1}')
    bad = make.entry(at=None)
    with pytest.raises(StoreRejectedError):
        await store.append([*make.entries(2), bad], [Position("a", 2, 20)], [], b'{"n":4}')
    assert len(await store.page(Wanted(), limit=10)) == 1
    assert await store.positions() == [Position("a", 1, 10)]
    assert await store.ledger() == {"n": 1}


@pytest.mark.parametrize("changes", [{"generation": 2**70}, {"operation": {"a": 1}}, {"status": "no"}, {"end": None}])
async def test_what_no_database_takes_is_rejected_and_not_taken_for_an_outage(
    store: Store, make: ExchangeFactory, changes: dict[str, Any]
) -> None:
    with pytest.raises(StoreRejectedError):
        await append(store, [make.entry(), make.entry(**changes)])
    assert len(await append(store, make.entries(1))) == 1


async def test_positions_move_on_and_finished_incarnations_are_forgotten(store: Store) -> None:
    await store.append([], [Position("a", 0, 10), Position("b", 0, 5)], [], None)
    await store.append([], [Position("a", 3, 1)], ["b"], None)
    assert await store.positions() == [Position("a", 3, 1)]


async def test_no_ledger_state_keeps_the_one_there_is(store: Store) -> None:
    assert await store.ledger() is None
    await store.append([], [], [], b'{"x":[1,2.5,null]}')
    await store.append([], [], [], None)
    assert await store.ledger() == {"x": [1, 2.5, None]}


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800 surrogate", "\ud83d", "\u2028\x1b[31m", "ünï", "\\u0000"])
async def test_any_text_can_be_stored(store: Store, make: ExchangeFactory, text: str) -> None:
    entry = make.entry(user=text, error_detail=text, tags={text: text}, route=text.replace("\0", ""))
    entry.row["attempts"][0]["detail"] = text
    await append(store, [*make.entries(2), entry])
    found = await store.exchange(entry.row["id"])
    assert found is not None
    for stored in (found["user"], found["attempts"][0]["detail"], *found["tags"].values()):
        stored.encode()
        assert stored[-1] == text[-1] or "\ud800" <= text[-1] <= "\udfff"
    assert "\0" not in found["user"]


async def test_pages_go_back_in_time_without_gap_or_overlap(store: Store, make: ExchangeFactory) -> None:
    entries = make.entries(7)
    await append(store, entries)
    seen: list[str] = []
    before = None
    while page := await store.page(Wanted(), limit=3, before=before):
        seen += ids(page)
        before = page[-1]["id"]
    assert seen == ids(entry.row for entry in reversed(entries))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(route="support"), [0, 2, 3]),
        (Wanted(version="v2"), [2]),
        (Wanted(key="team-b"), [1, 3]),
        (Wanted(status=200), [0]),
        (Wanted(status=429), [1]),
        (Wanted(status=4), [1]),
        (Wanted(status=5), [2]),
        (Wanted(end="interrupted"), [3]),
        (Wanted(end="completed"), [0, 1]),
        (Wanted(route="support", status=5, key="team-a"), [2]),
        (Wanted(route="sup_ort"), []),
        (Wanted(route="%"), []),
        (Wanted(since=1_700_000_025.0), [2, 3]),
        (Wanted(until=1_700_000_025.0), [0, 1]),
        (Wanted(since=1_700_000_015.0, until=1_700_000_035.0), [1, 2]),
    ],
)
async def test_filters_choose(store: Store, make: ExchangeFactory, wanted: Wanted, expected: list[int]) -> None:
    entries = []
    for changes in (
        {},
        {"route": "other", "key": "team-b", "status": 429},
        {"served_version": "v2", "status": 502, "end": "upstream_error"},
        {"key": "team-b", "status": None, "end": "interrupted"},
    ):
        make.clock.advance(10.0)
        entries.append(make.entry(**changes))
    await append(store, entries)
    chosen = [entries[at].row["id"] for at in expected]
    assert ids(await store.page(wanted, limit=10)) == chosen[::-1]
    assert ids(await store.since_seq(wanted, seq=0, limit=10)) == chosen


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(user="ada"), [0]),
        (Wanted(user="ada@example.com"), [1, 2]),
        (Wanted(user="bob@example.com"), []),
        (Wanted(user="%"), []),
        (Wanted(user=""), []),
        (Wanted(user="ada", status=429), []),
    ],
)
async def test_a_user_is_found_by_name_also_where_a_pseudonym_is_stored(
    store: Store, make: ExchangeFactory, wanted: Wanted, expected: list[int]
) -> None:
    entries = []
    for user in ("ada", "[EMAIL]" + mark_of("ada@example.com"), "ada@example.com", None):
        make.clock.advance(10.0)
        entries.append(make.entry(user=user))
    await append(store, entries)
    assert ids(await store.page(wanted, limit=10)) == [entries[at].row["id"] for at in expected][::-1]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (("team", "a"), [0, 1]),
        (("team", 'a","b":"c'), [3]),
        (("b", "c"), []),
        (("k", "v"), [5]),
        (("te", "a"), []),
        (("team", "%"), []),
        (("växt", "\0\ud800"), [4]),
    ],
)
async def test_a_tag_is_found_by_its_name_and_value_and_not_by_what_looks_like_them(
    store: Store, make: ExchangeFactory, tag: tuple[str, str], expected: list[int]
) -> None:
    tags = [
        {"team": "a"},
        {"a": "team", "team": "a"},
        {"team": "b"},
        {"team": 'a","b":"c'},
        {"växt": "\0\ud800"},
        {"k": "v"},
        {'x"k': "v"},
        None,
    ]
    entries = []
    for each in tags:
        make.clock.advance(10.0)
        entries.append(make.entry(tags=each))
    await append(store, entries)
    chosen = [entries[at].row["id"] for at in expected]
    assert ids(await store.page(Wanted(tag=tag), limit=10)) == chosen[::-1]
    assert ids(await store.since_seq(Wanted(tag=tag), seq=0, limit=10)) == chosen


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(guardrail="credentials"), [0, 2]),
        (Wanted(guardrail="people"), [1, 2]),
        (Wanted(guardrail="%"), []),
        (Wanted(verdict="redact"), [0, 2]),
        (Wanted(verdict="block"), [1, 2]),
        (Wanted(verdict="flag"), []),
        (Wanted(guardrail="credentials", verdict="block"), []),  # another one's verdict does not count
        (Wanted(guardrail="people", verdict="block", route="other"), [2]),
        (Wanted(error="guardrail_blocked"), [1]),
        (Wanted(error="guardrail_blocked", guardrail="credentials"), []),
        (Wanted(error="internal_error"), []),
        (Wanted(verdict="redact", since=1_700_000_025.0), [2]),
        (Wanted(verdict="redact", until=1_700_000_025.0), [0]),
    ],
)
async def test_what_was_judged_can_be_found(
    store: Store, make: ExchangeFactory, wanted: Wanted, expected: list[int]
) -> None:
    blocked = verdict(guardrail="people", action="block", kind="email")
    entries = []
    for changes in (
        {"verdicts": [verdict(), verdict(stage="reply")]},
        {"verdicts": [blocked], "error_code": "guardrail_blocked", "status": 400, "end": "refused"},
        {"verdicts": [verdict(), blocked], "route": "other"},
        {},
    ):
        make.clock.advance(10.0)
        entries.append(make.entry(**changes))
    await append(store, entries)
    chosen = [entries[at].row["id"] for at in expected]
    assert ids(await store.page(wanted, limit=10)) == chosen[::-1]
    assert ids(await store.since_seq(wanted, seq=0, limit=10)) == chosen


async def test_following_by_seq_finds_what_arrived_early_and_ended_late(store: Store, make: ExchangeFactory) -> None:
    slow, quick = make.entries(2)
    await append(store, [quick])
    last = await store.last_seq()
    await append(store, [slow])
    assert ids(await store.since_seq(Wanted(), seq=last, limit=10)) == [slow.row["id"]]
    assert await store.last_seq() == last + 1


async def test_a_seq_is_never_used_twice_not_even_after_everything_was_purged(
    store: Store, make: ExchangeFactory
) -> None:
    await append(store, make.entries(3))
    last = await store.last_seq()
    assert await store.purge_exchanges(None, limit=10) == 3
    (row,) = await append(store, make.entries(1))
    assert row["seq"] > last


async def test_exchanges_are_purged_oldest_first_and_leave_nothing_behind(store: Store, make: ExchangeFactory) -> None:
    entries = make.entries(5, verdicts=[verdict()])
    rows = await append(store, entries)
    assert await store.purge_exchanges(entries[3].row["at"], limit=2) == 2
    assert await store.purge_exchanges(entries[3].row["at"], limit=2) == 1
    assert await store.purge_exchanges(entries[3].row["at"], limit=2) == 0
    assert ids(await store.page(Wanted(), limit=10)) == ids([entries[4].row, entries[3].row])
    gone = [row["seq"] for row in rows[:3]]
    assert await store.attempts(gone) == {}
    assert list(await store.verdicts([row["seq"] for row in rows])) == [row["seq"] for row in rows[3:]]
    assert await store.bodies(gone) == {}


async def test_bodies_are_purged_alone(store: Store, make: ExchangeFactory) -> None:
    entries = make.entries(3)
    rows = await append(store, entries)
    assert await store.purge_bodies(entries[2].row["at"], limit=3) == 3
    assert await store.purge_bodies(entries[2].row["at"], limit=3) == 1
    assert await store.purge_bodies(entries[2].row["at"], limit=3) == 0
    assert list(await store.bodies([row["seq"] for row in rows])) == [rows[2]["seq"]]
    assert len(await store.page(Wanted(), limit=10)) == 3


async def test_space_that_was_freed_goes_back_to_the_disk(store: Store, make: ExchangeFactory) -> None:
    noise = Random(7).randbytes  # what can't be compressed
    await append(store, [Entry(make.row(), [Body("request", "x", 1, noise(20_000))]) for _ in range(40)])
    await store.purge_exchanges(None, limit=100)
    before = await store.stats()
    assert before.free_bytes > 256 * 1024
    assert await store.shrink(128 * 1024) > 64 * 1024, "as much as was asked for, within a page"
    while await store.shrink(64 * 1024):
        pass
    after = await store.stats()
    assert after.free_bytes == 0
    assert after.used_bytes <= before.used_bytes


async def test_an_id_can_be_found_by_its_beginning(store: Store, make: ExchangeFactory) -> None:
    entries = make.entries(3)
    await append(store, entries)
    whole = entries[1].row["id"]
    assert await store.matching_ids(whole, limit=5) == [whole]
    assert await store.matching_ids(whole[:8], limit=2) == ids(entry.row for entry in entries[:2])
    assert await store.matching_ids("%", limit=5) == []


async def test_an_unknown_id_is_none(store: Store) -> None:
    assert await store.exchange("nothing") is None


def copies(make: ExchangeFactory, primaries: list[Row], **changes: Any) -> list[Entry]:
    return [make.entry(shadow_of=row["id"], assigned_version="v2", served_version="v2", **changes) for row in primaries]


async def test_copies_can_be_left_out_and_asked_for(store: Store, make: ExchangeFactory) -> None:
    first, second = await append(store, make.entries(2))
    (copy,) = await append(store, copies(make, [first]))
    assert ids(await store.page(Wanted(), limit=10)) == ids([copy, second, first])
    assert ids(await store.page(Wanted(shadow=False), limit=10)) == ids([second, first])
    assert ids(await store.page(Wanted(shadow=True), limit=10)) == ids([copy])
    assert ids(await store.page(Wanted(shadow_of=first["id"]), limit=10)) == ids([copy])
    assert await store.page(Wanted(shadow_of=second["id"]), limit=10) == []
    assert ids(await store.since_seq(Wanted(shadow=False), seq=0, limit=10)) == ids([first, second])
    assert (await store.exchange(copy["id"]) or {})["shadow_of"] == first["id"]


async def test_pairs_come_newest_first_page_by_page(store: Store, make: ExchangeFactory) -> None:
    primaries = await append(store, make.entries(7))
    await append(store, copies(make, primaries[:6]))
    seen: list[tuple[str, str]] = []
    before = None
    while page := await store.pairs(Wanted(), limit=4, before=before):
        assert len(page) <= 4
        seen += [(primary["id"], copy["shadow_of"]) for primary, copy in page if primary is not None]
        before = page[-1][1]["shadow_of"]
    assert seen == [(each, each) for each in reversed(ids(primaries[:6]))]


async def test_pairs_are_found_by_route_and_time_of_the_primary(store: Store, make: ExchangeFactory) -> None:
    old = await append(store, make.entries(2))
    make.clock.advance(100)
    new = await append(store, [*make.entries(1), make.entry(route="other")])
    make.clock.advance(100)  # the copies came much later
    await append(store, [*copies(make, [*old, new[0]]), *copies(make, [new[1]], route="other")])

    async def found(wanted: Wanted) -> list[str]:
        return [copy["shadow_of"] for _, copy in await store.pairs(wanted, limit=10)]

    border = new[0]["at"] - 50
    assert await found(Wanted(since=border)) == [new[1]["id"], new[0]["id"]]
    assert await found(Wanted(until=border)) == [old[1]["id"], old[0]["id"]]
    assert await found(Wanted(since=border, route="other")) == [new[1]["id"]]
    assert await found(Wanted(route="nobody")) == []


async def test_a_copy_whose_primary_is_gone_stands_alone(store: Store, make: ExchangeFactory) -> None:
    absent = make.row()
    (copy,) = await append(store, copies(make, [absent]))
    ((primary, found),) = await store.pairs(Wanted(), limit=10)
    assert primary is None
    assert found["id"] == copy["id"]


def generation(number: int, **changes: Any) -> Generation:
    values = {
        "at": 1_700_000_000.0 + number,
        "author": "ada",
        "reason": "why",
        "diff": "-a\n+b\n",
        "text": f"t{number}",
    }
    return Generation(number, **(values | changes))


async def test_generations_come_back_as_they_went_in_and_newest_first(store: Store) -> None:
    assert await store.last_generation() == (0, None)
    made = [generation(number, reason="växt \u2028") for number in (1, 2, 5, 9)]
    for each in made:
        await store.add_generation(each, [])
    assert await store.last_generation() == (9, made[-1])
    assert await store.generation(2) == made[1]
    assert await store.generation(3) is None
    page = await store.generations(limit=2)
    assert page == [GenerationHead(each.number, each.at, "ada", each.reason, None) for each in (made[3], made[2])]
    assert [each.number for each in await store.generations(limit=10, before=page[-1].number)] == [2, 1]


async def test_a_number_is_given_once(store: Store) -> None:
    await store.add_generation(generation(1), [])
    with pytest.raises(StoreRejectedError):
        await store.add_generation(generation(1, text="other"), [SeenVersion("r", "v", "id", 1.0, 1)])
    assert await store.generation(1) == generation(1)
    assert await store.seen_versions(["r"]) == []


async def test_one_that_was_taken_back_is_not_the_latest_but_keeps_its_number(store: Store) -> None:
    await store.add_generation(generation(1), [])
    await store.add_generation(generation(2), [])
    await store.refuse_generation(2, "worker 1: no certificate")
    assert await store.last_generation() == (2, generation(1))
    assert await store.generation(2) == generation(2, refused="worker 1: no certificate")


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800", "\u2028"])
async def test_any_author_and_reason_can_be_kept(store: Store, text: str) -> None:
    await store.add_generation(generation(1, author=text, reason=text, text=text, diff=text), [])
    found = await store.generation(1)
    assert found is not None
    assert "\0" not in found.author + found.text


async def test_a_version_keeps_the_day_it_was_first_seen(store: Store) -> None:
    first, other = SeenVersion("chat", "v1", "aaaa", 1.0, 1), SeenVersion("other", "v1", "bbbb", 1.0, 1)
    await store.add_generation(generation(1), [first, other])
    changed = SeenVersion("chat", "v1", "cccc", 2.0, 2)
    await store.add_generation(generation(2), [first._replace(at=2.0, generation=2), changed])
    assert await store.seen_versions(["chat", "other"]) == [first, changed, other]
    assert await store.seen_versions(["chat"]) == [first, changed]


async def test_the_history_has_bounds_and_always_keeps_the_newest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HISTORY_BOUNDS, "MAX_GENERATIONS", 3)
    for number in range(1, 6):
        await store.add_generation(generation(number), [SeenVersion("r", f"v{number}", "id", float(number), number)])
    assert [each.number for each in await store.generations(limit=10)] == [5, 4, 3]
    monkeypatch.setattr(HISTORY_BOUNDS, "MAX_TEXT_BYTES", 100)
    monkeypatch.setattr(HISTORY_BOUNDS, "MAX_VERSIONS", 2)
    await store.add_generation(generation(6, text="x" * 200), [])
    assert [each.number for each in await store.generations(limit=10)] == [6]
    assert [each.name for each in await store.seen_versions(["r", "s"])] == ["v4", "v5"]
    assert port.MAX_GENERATIONS == 1_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100%", [0]), ("_", [1]), ("\\", [2]), ("RATE", [3]), ("%", [0]), ("nothing", []), ("'", [])],
)
async def test_text_is_looked_for_to_the_letter(
    store: Store, make: ExchangeFactory, text: str, expected: list[int]
) -> None:
    entries = [
        make.entry(user="100% sure", session="s"),
        make.entry(user="a_b", session="s"),
        make.entry(user="back\\slash", session="s"),
        make.entry(user="u", session="s", error_detail="rate limited"),
    ]
    for entry in entries:
        entry.row.update(user_agent=None, request_model="m", response_model=None, response_id=None)
    await append(store, entries)
    assert ids(await store.page(Wanted(text=text), limit=10)) == [entries[at].row["id"] for at in expected]
