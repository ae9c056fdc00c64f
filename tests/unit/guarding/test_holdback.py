"""The hold-back: whatever the cuts, the pieces add up to the whole text's redaction, and nothing forbidden goes on."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import Runs, chain, numbers, word

from llmgateway.domain.verdict import Action, Finding, Mode
from llmgateway.guarding.chain import Chain, Link, united
from llmgateway.guarding.holdback import Blocked, HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders, marked
from llmgateway.ports.guardrail import MAX_OPEN, REACH, Growing
from llmgateway.wire.view import View

LINKS = chain(numbers(), word("secret"), word("et12"), numbers(alphabet="-x", least=3, kind="line"))


def hold(links: Chain) -> HoldBack:
    return HoldBack(links, Notes(), Placeholders())


def whole(links: Chain, text: str) -> str:
    out, at = [], 0
    for hit in united(links.enforced_hits(View(text))):
        out += [text[at : hit.start], marked(hit.kind)]
        at = hit.end
    return "".join([*out, text[at:]])


def streamed(links: Chain, pieces: list[str]) -> str:
    held = hold(links)
    return "".join([*(joined(held.feed(piece)) for piece in pieces), joined(held.finish())])


def cut(text: str, dice: random.Random) -> list[str]:
    pieces, at = [], 0
    while at < len(text):
        size = dice.choice([1, 1, 2, 3, 7, 40, 300])
        pieces.append(text[at : at + size])
        at += size
    return pieces


@settings(max_examples=400, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(["12", "3", "4567", " ", "sec", "ret", "secret", "et12", "a", "-", "x-x", "日本", "9" * 300])
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_text_in_any_pieces_comes_out_as_the_whole_does(parts, seed):
    text = "".join(parts)
    assert streamed(LINKS, cut(text, random.Random(seed))) == whole(LINKS, text)


def test_ordinary_text_is_held_for_nothing():
    held = hold(LINKS)
    assert joined(held.feed("Hello ")) == "Hello "
    assert joined(held.feed("12")) == ""
    assert held.held == "12"
    assert joined(held.feed(" o'clock")) == "12 o'clock"


def test_a_long_run_is_replaced_at_once_and_the_rest_of_it_swallowed():
    held = hold(LINKS)
    assert joined(held.feed("7" * (MAX_OPEN + 1))) == "[NUMBER]"
    assert held.held == ""
    parts = held.feed("7" * 1000)
    assert joined(parts) == ""
    assert sum(part.length for part in parts) == 1000
    assert joined(held.feed("77 done.")) == " done."
    assert joined(held.feed(" 1234 ")) == " [NUMBER] "


def test_parts_stand_for_every_character_that_came():
    dice = random.Random(3)
    for _ in range(100):
        text = "".join(dice.choice(["12345", "secret", " ", "ab", "7" * 400]) for _ in range(12))
        held = hold(LINKS)
        parts = [part for piece in cut(text, dice) for part in held.feed(piece)] + held.finish()
        assert sum(part.length for part in parts) == len(text)
        kept = [part for part in parts if not part.is_replaced]
        assert all(len(part.text) == part.length for part in kept)


def test_a_block_gives_nothing_of_what_is_forbidden():
    held = hold(chain(word("forbidden", Action.BLOCK)))
    assert joined(held.feed("this is forb")) == "this is "
    with pytest.raises(Blocked) as raised:
        held.feed("idden fruit")
    assert raised.value.hit.kind == "word"
    assert "forbidden" not in str(raised.value)


def test_a_block_at_the_very_end_is_seen_when_the_text_ends():
    held = hold(chain(numbers(Action.BLOCK)))
    assert joined(held.feed("pin 1234")) == "pin "
    with pytest.raises(Blocked):
        held.finish()


def test_those_who_only_look_hold_nothing_back():
    held = hold(chain(numbers(Action.FLAG), numbers(Action.BLOCK, Mode.OBSERVE)))
    assert joined(held.feed("1234")) == "1234"


def test_a_guardrail_that_never_settles_makes_nothing_grow():
    class Stubborn:
        name, version, kinds = "stubborn", "1", ("never",)

        def find(self, view, start=0):
            return []

        def settled(self, view, start=0):
            return start

        def continues(self, kind, text):
            return 0

    link = numbers()
    held = hold(chain(type(link)("stubborn", Stubborn(), Action.REDACT)))
    out = "".join(joined(held.feed("word ")) for _ in range(1000)) + joined(held.finish())
    assert out == "word " * 1000
    assert len(held.held) <= MAX_OPEN


def test_what_was_replaced_is_counted_once():
    notes = Notes()
    held = HoldBack(LINKS, notes, Placeholders())
    for piece in ("12", "34 ", "secret", " 5678", " "):
        held.feed(piece)
    held.finish()
    assert [(row["kind"], row["count"]) for row in notes.rows()] == [("number", 2), ("word", 1)]
    assert all("1234" not in str(row) for row in notes.rows())


def test_the_same_value_has_the_same_placeholder_and_others_have_others():
    placeholders = Placeholders("I have read about <number_1>.")
    held = HoldBack(chain(numbers(restore=True)), Notes(), placeholders)
    text = joined(held.feed("1234 5678 1234")) + joined(held.finish())
    assert text == "<NUMBER_2> <NUMBER_3> <NUMBER_2>"
    assert placeholders.values == {"number_2": "1234", "number_3": "5678"}
    assert "1234" not in repr(placeholders)


def test_a_closed_finding_that_reaches_into_an_open_one_lets_nothing_of_it_go():
    long = "7" * 7 + "x" * 240
    links = chain(numbers(), word(long))
    text = "1" * 156 + long + " end"
    assert streamed(links, list(text)) == whole(links, text) == "[WORD] end"


def test_where_a_swallowed_thing_ends_may_be_written_across_two_pieces():
    class Marked(Runs):
        """From << to >>, however long."""

        def find(self, view, start=0):
            at = view.text.find("<<", start)
            end = view.text.find(">>", at)
            size = len(view.text) if end < 0 else end + 2
            return [Finding(at, size, self.kind)] if at >= 0 and size - at > 20 else []

        def settled(self, view, start=0):
            at = view.text.rfind("<<", start)
            is_open = at >= 0 and ">>" not in view.text[at:]
            return at if is_open else len(view.text) - view.text.endswith("<")

        def continues(self, kind, text):
            end = text.find(">>")
            return len(text) if end < 0 else end + 2

    links = chain(Link("marked", Marked({}), Action.REDACT))
    text = "a <<" + "k" * 600 + ">> b"
    assert streamed(links, list(text)) == "a [NUMBER] b"
    assert streamed(links, [text[:300], text[300:605], text[605:]]) == "a [NUMBER] b"


@pytest.mark.parametrize("size", [3, 7, 30, 290])
@pytest.mark.parametrize("cut", range(1, 6))
def test_what_goes_on_after_a_silence_is_found_by_what_went_before_it(cut, size):
    held, word_ = hold(chain(word("secret"))), "secret"
    given_ = [joined(held.feed("a " + word_[:cut])), joined(held.decide())]
    given_ += [joined(held.feed(piece)) for piece in cut_in(word_[cut:] + " and so on" * 40, size)]
    assert "".join([*given_, joined(held.finish())]) == f"a {word_[:cut]}[WORD]{' and so on' * 40}"


def cut_in(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_what_is_longer_than_a_silence_is_swallowed_to_its_end():
    held = hold(chain(numbers()))
    given_ = [joined(held.feed("a 12")), joined(held.decide())]
    given_ += [joined(held.feed("3" * 50)) for _ in range(20)] + [joined(held.feed("b 1")), joined(held.finish())]
    assert "".join(given_) == "a 12[NUMBER]b 1"


class Once(Runs):
    """Must be told what it found to its beginning: it knows a run by its first character."""

    tail = MAX_OPEN

    def __init__(self) -> None:
        super().__init__({"alphabet": "0123456789"})
        self.told: list[str] = []

    def continues(self, kind: str, text: str) -> int:
        self.told.append(text)
        return super().continues(kind, text)


def test_each_guardrail_is_told_the_end_of_its_own_finding_as_much_of_it_as_it_asks_for():
    once, other = Once(), Runs({"alphabet": "x0123456789"})
    held = hold(Chain([Link("once", once, Action.REDACT), Link("other", other, Action.REDACT)]))
    for piece in ("x" * 10 + "1" * 200, "2" * 100, "3" * 10):
        held.feed(piece)
    assert once.told[-1] == ("1" * 200 + "2" * 100 + "3" * 10)[-MAX_OPEN - 10 :]


@settings(max_examples=400, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(["12", "3", "4567", " ", "sec", "ret", "et12", "s", "-", "x-x", "9" * 300, "|", "|"])
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_after_a_silence_no_finding_is_given_whole(parts, seed):
    held, out = hold(LINKS), ""
    for part in parts:
        out += "".join(joined(held.feed(each)) for each in cut(part.replace("|", ""), random.Random(seed)))
        if part == "|":
            out += joined(held.decide())
    out += joined(held.finish())
    assert LINKS.enforced_hits(View(out)) == []


def test_the_rest_of_a_word_after_a_silence_is_forbidden_still():
    held = hold(chain(word("forbidden", Action.BLOCK)))
    said = joined(held.feed("well forbi")) + joined(held.decide())
    assert said == "well forbi"
    assert joined(held.feed("dde")) == ""
    with pytest.raises(Blocked):
        held.feed("n")


def test_many_silences_let_no_word_through_and_keep_no_more_than_they_may():
    held = hold(chain(numbers(least=9), word("forbidden")))
    out = ""
    for each in "so forbidden 123456789 it is ":
        out += joined(held.feed(each)) + joined(held.decide())
    assert out == "so forbidde[WORD] 12345678[NUMBER] it is "
    for _ in range(3_000):
        held.feed("1")
        held.decide()
    assert len(held._context) <= MAX_OPEN + REACH


def test_what_was_found_before_a_silence_is_counted_and_replaced_once():
    notes = Notes()
    held = HoldBack(chain(numbers()), notes, Placeholders())
    out = joined(held.feed("so 1234")) + joined(held.decide()) + joined(held.feed("56 and")) + joined(held.feed(" 78"))
    assert out + joined(held.decide()) + joined(held.feed("9 0")) + joined(held.finish()) == "so [NUMBER] and 789 0"
    assert sum(notes.counts.values()) == 1


class Words(Runs):
    """Runs that say of themselves what they wait for."""

    growing = (Growing.WORD,)

    def __init__(self, options):
        super().__init__(options)
        self.asked = 0

    def settled(self, view, start=0):
        self.asked += 1
        return super().settled(view, start)


def test_while_a_word_grows_nobody_is_asked_and_the_outcome_is_the_same():
    words = Words({"alphabet": "0123456789abcdef", "least": 6})
    held = hold(Chain([Link("words", words, Action.REDACT)]))
    said = [joined(held.feed(each)) for each in ("12", "34", "ab", " ", "on", " 9")]
    assert said == ["", "", "", "[NUMBER] ", "", "on "]
    assert words.asked == 2
