"""What is known of a session: the newest of it, within a bound, and the instructions that hold longest of all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from llmgateway.guarding.facts import MAX_SAID, MAX_SYSTEM, MAX_TEXTS, Facts
from llmgateway.ports.judge import Piece


def system(facts: Facts) -> list[str]:
    return [each.text for each in facts.pieces() if each.source == "system"]


def said(facts: Facts) -> list[str]:
    return [each.text for each in facts.pieces() if each.source != "system"]


def test_what_was_said_is_told_as_a_request_would_tell_it():
    facts = Facts()
    facts.note([Piece("be kind", "system"), Piece("hello", "user"), Piece("hi", "assistant"), Piece("{}", "tool")])
    facts.stand("be brief")
    assert facts.pieces() == (
        Piece("be brief", "system"),
        Piece("be kind", "system"),
        Piece("hello", "user"),
        Piece("hi", "assistant"),
        Piece("{}", "tool"),
    )


def test_what_nobody_says_is_not_kept():
    facts = Facts()
    facts.note([Piece("gpt-realtime", "other")])
    assert facts.pieces() == ()


def test_instructions_that_held_before_are_still_known_and_the_newest_come_first():
    facts = Facts()
    for text in ("first", "second", "first", "", "third"):
        facts.stand(text)
    assert system(facts) == ["third", "first", "second"]


def test_the_instructions_that_hold_stay_however_much_else_is_said():
    facts = Facts()
    facts.stand("the rules")
    for at in range(3 * MAX_TEXTS):
        facts.note([Piece(f"{at} " + "x" * 1000, "system")])
    found = system(facts)
    assert found[0] == "the rules"
    assert found[1].startswith(f"{3 * MAX_TEXTS - 1} ")
    assert sum(map(len, found[1:])) <= MAX_SYSTEM


@pytest.mark.parametrize("source", ["system", "user"])
@pytest.mark.parametrize("size", [1, 1000, 10 * MAX_SAID])
def test_what_is_kept_has_a_bound(source, size):
    facts = Facts()
    for at in range(2 * MAX_TEXTS):
        facts.note([Piece(f"{at:09}" + "x" * size, source)])
        assert facts.size <= max(MAX_SYSTEM, MAX_SAID)
        assert len(facts.pieces()) <= MAX_TEXTS
    assert facts.size > 0


def test_of_a_long_instruction_the_beginning_is_kept_and_of_what_others_say_the_end():
    facts = Facts()
    facts.stand("a" + "x" * MAX_SYSTEM)
    facts.note([Piece("b" + "x" * MAX_SYSTEM, "system"), Piece("x" * MAX_SAID + "c", "user")])
    assert [text[0] for text in system(facts)] == ["a", "b"]
    assert said(facts)[0][-1] == "c"
    assert facts.size == 2 * MAX_SYSTEM + MAX_SAID


def test_only_what_a_reply_could_repeat_is_news():
    facts = Facts()
    versions = [facts.version]
    for piece in (
        Piece("be kind", "system"),
        Piece("be kind", "system"),
        Piece("hello", "user"),
        Piece("hi", "assistant"),
    ):
        facts.note([piece])
        versions.append(facts.version)
    facts.stand("be brief")
    facts.stand("be brief")
    facts.note([Piece("be brief", "system")])
    versions.append(facts.version)
    assert [after - before for before, after in zip(versions, versions[1:], strict=False)] == [1, 0, 1, 0, 1]


def test_what_the_caller_has_said_is_known_again_and_not_what_he_is_said_to_have():
    facts = Facts()
    facts.stand("be brief")
    facts.note([Piece("be kind", "system"), Piece("hello", "user")])
    facts.note([Piece("be odd", "system"), Piece("be kind", "system")], is_own=False)
    known = {"be brief": False, "be kind": True, "hello": True, "hell": False, "be odd": False}
    assert {text: facts.has(text) for text in known} == known
    assert [text for text in known if facts.has_heard(text)] == ["hello"]
    assert [each.text for each in facts.pieces(are_own=True)] == ["be kind", "hello"]
    facts.note([Piece("be brief", "system"), Piece("be odd", "system")])
    assert facts.has("be brief")
    assert facts.has("be odd")


def test_what_is_forgotten_is_not_known_again():
    facts = Facts()
    facts.note([Piece("hello", "user"), Piece("be kind", "system"), Piece("hello", "user")])
    facts.note([Piece(f"{at}", source) for at in range(MAX_TEXTS - 1) for source in ("user", "system")])
    assert facts.has("hello")
    facts.note([Piece("x", "user"), Piece("x", "system")])
    assert not facts.has("hello")
    assert not facts.has("be kind")


def test_both_directions_may_tell_and_ask_at_the_same_time():
    facts = Facts()

    def tell(source: str) -> int:
        for at in range(3_000):
            facts.note([Piece(f"{source} {at}", source)])
            facts.pieces()
        return at

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(tell, ["user", "system", "user", "system"])] == [2_999] * 4
    assert facts.size == sum(len(each.text) for each in facts.pieces())
