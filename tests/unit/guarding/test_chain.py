"""Links in order: what they find together, and what is done about it."""

from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.verdict import Action, Mode
from llmgateway.guarding.chain import blocking, strictest, united
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
