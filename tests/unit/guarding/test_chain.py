"""Links in order: what they find together, and what is done about it."""

from types import SimpleNamespace

import pytest
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.verdict import Action, Mode
from llmgateway.guarding.chain import Chain, Link, blocking, strictest, united
from llmgateway.ports.guardrail import MAX_GROWING, Growing
from llmgateway.wire.view import SEPARATOR, View


def spans(hits):
    return [(hit.start, hit.end, hit.kind) for hit in hits]


def test_hits_of_all_links_come_by_place():
    links = chain(word("7 is"), numbers())
    assert spans(links.hits(View("1234 7 is 5678"))) == [(0, 4, "number"), (5, 9, "word"), (10, 14, "number")]
    assert spans(links.hits(View("1234 7 is 5678"), 4)) == [(5, 9, "word"), (10, 14, "number")]


def test_links_that_only_look_change_nothing():
    links = chain(numbers(Action.FLAG), numbers(Action.BLOCK, Mode.OBSERVE), word("x"))
    assert [link.name for link in links.enforced] == ["word"]
    view = View("1234 x")
    assert spans(links.enforced_hits(view)) == [(5, 6, "word")]
    assert len(links.hits(view)) == 3
    assert strictest(links.hits(view)) is Action.REDACT
    assert strictest(chain(numbers(Action.BLOCK, Mode.OBSERVE)).hits(view)) is Action.ALLOW


def test_what_overlaps_becomes_one_and_the_strictest_names_it():
    links = chain(numbers(), word("34a", Action.BLOCK), word("a5", Action.REDACT))
    assert spans(united(links.hits(View("1234a5")))) == [(0, 6, "word")]
    assert united(links.hits(View("1234a5")))[0].link.action is Action.BLOCK
    assert spans(united(links.hits(View("1234 a5")))) == [(0, 4, "number"), (5, 7, "word")]


def test_the_first_that_blocks():
    links = chain(word("no", Action.BLOCK), numbers())
    assert blocking(links.hits(View("1234"))) is None
    assert blocking(links.hits(View("1234 no"))).kind == "word"


def test_without_links_everything_is_settled():
    assert chain().settled(View("1234"), 0) == 4
    assert not chain()


def test_short_texts_with_nothing_in_them_are_remembered_the_first_of_a_body_only():
    links = chain(numbers())
    begin = set(links.clean)
    links.remember(SEPARATOR.join(["gpt-4.1", "x" * 64, "x" * 65, "ä", *"cdefgh"]))
    assert links.clean - begin == {b"gpt-4.1", b"x" * 64, "ä".encode(), b"c", b"d", b"e", b"f"}


def test_no_more_than_so_many_texts_are_remembered():
    links = chain(numbers())
    begin = set(links.clean)
    for at in range(5000):
        links.remember(f"user-{at}")
        assert len(links.clean) <= len(begin) + 1024
    assert begin < links.clean
    assert b"user-4999" in links.clean


def test_what_is_one_exchanges_own_remembers_nothing():
    links = chain(numbers())
    own = links.bound({id(links.links[0].guardrail): numbers().guardrail}, "")
    own.remember("gpt-4.1")
    assert own.clean == chain().clean


def growing(*kinds: Growing, action=Action.REDACT) -> Chain:
    return Chain([Link("each", SimpleNamespace(name="each", growing=kinds), action), *chain(numbers()).links])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Growing.WORD, "abc7"),
        (Growing.SIGNS, "abc7"),
        (Growing.SIGNS, "a.b/7,"),
        (Growing.KANJI, "東京"),
        (Growing.KANJI, "一鿿"),
    ],
)
def test_what_only_grows_is_told_by_its_characters(kind, text):
    assert growing(kind).is_growing(text)
    assert not growing(kind).is_growing(text + " ")
    assert not growing(kind).is_growing("「" + text)
    assert not growing(kind).is_growing("")
    assert not growing().is_growing(text)
    assert not growing(kind, action=Action.FLAG).is_growing(text)
    assert not growing(kind).is_growing(text[-1] * (MAX_GROWING + 1))


def test_of_two_sorts_each_grows_by_itself():
    assert not growing(*Growing).is_growing("abc東京")
    assert not growing(Growing.WORD).is_growing("a.b")
    assert not growing(Growing.WORD, Growing.SIGNS).is_growing("東京")


def test_as_soon_as_one_settles_nothing_the_others_are_not_asked():
    asked = []

    def settled(name: str, at: int) -> SimpleNamespace:
        return SimpleNamespace(name=name, settled=lambda _, __: asked.append(name) or at)

    links = Chain(Link(name, settled(name, at), Action.REDACT) for name, at in (("a", 5), ("b", 2), ("c", 4)))
    assert (links.settled(View("x" * 9), 3), asked) == (3, ["a", "b"])
    assert links.settled(View("x" * 9), 1) == 2
    assert Chain([]).settled(View("x" * 9), 1) == 9
