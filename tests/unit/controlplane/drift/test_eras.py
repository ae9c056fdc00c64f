"""Which version a name meant: rows of a configuration that is over are its versions'."""

from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.drift.eras import MAX_ERAS, MAX_VERSIONS, Eras, Place, names_of
from llmgateway.wire.jsoncodec import decode, encode


def names(version):
    return {("chat", "v1"): Place("chat", "v1", version)}


def test_a_row_belongs_to_the_version_of_its_generation():
    eras = Eras()
    eras.begin(3, names("a"))
    eras.begin(5, names("a"))  # nothing but a weight
    eras.begin(7, names("b"))
    assert eras.since == 7
    assert [eras.find(generation, "chat", "v1").id for generation in (1, 3, 6, 7, 9)] == ["a", "a", "a", "b", "b"]
    assert eras.find(7, "chat", "v2") is None
    assert [each.id for each in eras.current()] == ["b"]
    assert {each.id for each in eras.places()} == {"a", "b"}


def test_they_are_bounded():
    eras = Eras()
    for generation in range(20):
        eras.begin(generation, names(str(generation)))
    assert len(eras.places()) == MAX_ERAS
    assert eras.since == 19


def test_numbers_that_begin_anew_are_another_story():
    eras = Eras()
    eras.begin(9, names("a"))
    eras.begin(1, names("b"))
    assert eras.find(1, "chat", "v1").id == "b"
    assert eras.find(9, "chat", "v1").id == "b"


def test_they_survive():
    eras = Eras()
    eras.begin(3, names("a"))
    eras.begin(4, names("b"))
    again = Eras.restored(decode(encode(eras.state())))
    assert again.state() == eras.state()
    assert again.find(3, "chat", "v1") == Place("chat", "v1", "a")


def test_a_configuration_has_so_many_versions_and_no_more():
    route = Route("chat", tuple(Version(f"v{number}", str(number), ()) for number in range(MAX_VERSIONS + 5)))
    found = names_of(Snapshot(1, routes={"chat": route}))
    assert len(found) == MAX_VERSIONS
    assert found["chat", "v0"] == Place("chat", "v0", "0")


def test_nothing_is_known_at_first():
    assert Eras().find(1, "chat", "v1") is None
    assert list(Eras().current()) == []
    assert Eras().since == 0
