"""The registry of versions in every store: specs and terms as they were, times that only grow, labels and notes bounded."""

from pathlib import Path

import pytest

from llmgateway.ports import versions as port
from llmgateway.ports.generations import Generation, SeenVersion
from llmgateway.ports.store import Store, StoreRejectedError
from llmgateway.ports.versions import ServedVersion, Terms, VersionLabel, VersionNote, VersionRecord
from llmgateway.store import sqlite_versions
from llmgateway.store.salvage import salvage
from llmgateway.store.sqlite import SqliteStore

ONE, TWO = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def record(
    generation: int = 1, version: str = ONE, *, name: str = "v1", spec: str = '{"model":"m"}', terms: str = '{"t":1}'
) -> VersionRecord:
    return VersionRecord("chat", name, version, generation, float(generation), "ada", spec, terms)


async def test_a_version_comes_back_as_it_went_in(store: Store) -> None:
    spec = '{"model":null,"prompt":"Sei höflich.\\u0000\\n"}'
    await store.record_versions([record(spec=spec), record(name="same", spec=spec)])
    known = await store.known_version(ONE)
    assert known is not None
    assert (known.id, known.spec, known.served, known.labels, known.notes) == (ONE, spec, [], {}, [])
    assert known.terms == [
        Terms("chat", "same", 1, 1.0, "ada", '{"t":1}'),
        Terms("chat", "v1", 1, 1.0, "ada", '{"t":1}'),
    ]
    assert await store.known_version(TWO) is None


async def test_terms_are_kept_where_they_differ_from_the_ones_before(store: Store) -> None:
    for generation, terms in enumerate(["a", "a", "b", "a"], 1):
        await store.record_versions([record(generation, terms=terms)])
    known = await store.known_version(ONE)
    assert known is not None
    assert [(each.generation, each.terms) for each in known.terms] == [(1, "a"), (3, "b"), (4, "a")]


async def test_what_is_recorded_twice_stays_as_it_was_first(store: Store) -> None:
    await store.record_versions([record(3)])
    await store.record_versions([record(3, spec="{}", terms="other")])
    known = await store.known_version(ONE)
    assert known is not None
    assert (known.spec, [each.terms for each in known.terms]) == ('{"model":"m"}', ['{"t":1}'])


async def test_a_version_from_before_specs_were_kept_is_known_by_its_sighting(store: Store) -> None:
    seen = SeenVersion("chat", "v0", TWO, 5.0, 2)
    await store.add_generation(Generation(2, 5.0, "file", "", "", "text"), [seen])
    known = await store.known_version(TWO)
    assert known is not None
    assert known.spec is None
    assert known.terms == [Terms("chat", "v0", 2, 5.0, "", "{}")]
    assert await store.label_version(TWO, {"was": "good"}, "ada", 1.0)


async def test_routes_of_the_past_are_known(store: Store) -> None:
    for number, names in ((1, ["b", "a"]), (2, ["a", "c"])):
        seen = [SeenVersion(name, f"v{number}", ONE, 1.0, number) for name in names]
        await store.add_generation(Generation(number, 1.0, "file", "", "", "text"), seen)
    assert await store.version_routes() == ["a", "b", "c"]


async def test_when_a_version_answered_last_only_grows(store: Store) -> None:
    await store.record_versions([record(), record(version=TWO, name="v2")])
    for at in (5.0, 9.0, 7.0):
        await store.note_served([ServedVersion("chat", "v1", ONE, at), ServedVersion("chat", "v2", TWO, -at)])
    known = await store.known_version(ONE)
    assert known is not None
    assert known.served == [ServedVersion("chat", "v1", ONE, 9.0)]
    said = await store.said_of_versions([ONE, TWO])
    assert said.served == {("chat", "v1", ONE): 9.0, ("chat", "v2", TWO): -5.0}
    assert (await store.said_of_versions([])).served == {}


async def test_labels_are_set_changed_and_taken_off_and_say_who_did(store: Store) -> None:
    await store.record_versions([record()])
    assert await store.label_version(ONE, {"stage": "canary", "ticket": "T-1"}, "ada", 1.0)
    assert await store.label_version(ONE, {"stage": "stable", "ticket": None, "never": None}, "bob", 2.0)
    known = await store.known_version(ONE)
    assert known is not None
    assert known.labels == {"stage": VersionLabel("stable", 2.0, "bob")}
    assert (await store.said_of_versions([ONE])).labels == {ONE: {"stage": "stable"}}
    assert not await store.label_version(TWO, {"a": "b"}, "ada", 1.0)
    assert await store.known_version(TWO) is None


async def test_a_version_has_so_many_labels_and_one_more_changes_nothing(store: Store) -> None:
    await store.record_versions([record()])
    every: dict[str, str | None] = {f"l{number}": "x" for number in range(port.MAX_LABELS)}
    assert await store.label_version(ONE, every, "ada", 1.0)
    with pytest.raises(StoreRejectedError, match=str(port.MAX_LABELS)):
        await store.label_version(ONE, {"l0": "other", "more": "x"}, "ada", 2.0)
    assert (await store.said_of_versions([ONE])).labels == {ONE: every}
    assert await store.label_version(ONE, {"l0": None, "more": "x"}, "ada", 2.0)


async def test_notes_stand_in_their_order_and_the_oldest_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_versions, "MAX_NOTES", 2)
    await store.record_versions([record()])
    notes = [VersionNote(float(number), "ada", f"note {number}\n\0") for number in range(3)]
    for note in notes:
        assert await store.add_version_note(ONE, note)
    assert not await store.add_version_note(TWO, notes[0])
    known = await store.known_version(ONE)
    assert known is not None
    assert known.notes == [note._replace(text=f"note {number}\n\\u0000") for number, note in enumerate(notes)][1:]
    assert (await store.said_of_versions([ONE, TWO])).notes == {ONE: 2}


async def test_specs_and_terms_have_their_bounds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (sqlite_versions.MAX_SPEC_BYTES, sqlite_versions.MAX_TERMS) == (port.MAX_SPEC_BYTES, port.MAX_TERMS)
    monkeypatch.setattr(sqlite_versions, "MAX_SPEC_BYTES", 25)
    monkeypatch.setattr(sqlite_versions, "MAX_TERMS", 3)
    ids = [f"{number:012x}" for number in range(4)]
    for generation, each in enumerate(ids, 1):
        await store.record_versions([record(generation, each, spec="x" * 10)])
        assert await store.label_version(each, {"n": str(generation)}, "ada", 1.0)
    assert await store.known_version(ids[0]) is None
    labels = (await store.said_of_versions(ids)).labels  # what was said of a version goes with it
    assert labels == {each: {"n": str(at)} for at, each in enumerate(ids[1:], 2)}
    specs = [known.spec if (known := await store.known_version(each)) else None for each in ids]
    assert specs == [None, None, "x" * 10, "x" * 10]


async def test_the_registry_survives_a_damaged_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "old.sqlite3")
    await store.open()
    await store.record_versions([record()])
    await store.label_version(ONE, {"a": "b"}, "ada", 1.0)
    await store.add_version_note(ONE, VersionNote(1.0, "ada", "kept"))
    await store.note_served([ServedVersion("chat", "v1", ONE, 4.0)])
    before = await store.known_version(ONE)
    await store.close()
    assert salvage(tmp_path / "old.sqlite3", tmp_path / "new.sqlite3").lost == 0
    fresh = SqliteStore(tmp_path / "new.sqlite3")
    await fresh.open()
    assert await fresh.known_version(ONE) == before
    await fresh.close()
