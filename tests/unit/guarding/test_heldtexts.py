"""What a held response says, and what is left of it when something is taken out: whatever the pieces, the same."""

import json
import random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.guardrails import Shouting
from tests.unit.guarding.test_session import KINDS, cut, mixed, response, texts_of

from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.chain import Hit
from llmgateway.guarding.heldtexts import redacted
from llmgateway.guarding.heldtexts import texts_of as said_by
from llmgateway.guarding.holding import Entry
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.pieces import as_read
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.places import Places
from llmgateway.guarding.stream import Passed
from llmgateway.ports.judge import Piece
from llmgateway.providers.openai.sessions import RealtimeShape

SHAPE = RealtimeShape()
LINK = JudgeLink("names", Shouting({}), Action.REDACT, restore=True, locates=True)
TEXTS = st.lists(st.sampled_from(["Ada", "a", " ", "\n", '"', "日本", "Ad", "\\"]), max_size=12).map("".join)


def entries(events, *, is_asked: bool = True) -> list[Entry]:
    datas = [json.dumps(each, ensure_ascii=False).encode() for each in events]
    return [Entry(Passed(b"", data, data), is_asked=is_asked) for data in datas]


def events_of(held: list[Entry]) -> list[dict]:
    return [json.loads(each.passed.given) for each in held]


def found_in(texts: list[str], word: str) -> Places:
    places = Places(Stage.REPLY)
    for piece in as_read([Piece(text, "assistant") for text in texts]):
        at = piece.text.find(word)
        while at >= 0:
            places.add(piece, Hit(at, at + len(word), LINK, "name", 1.0))
            at = piece.text.find(word, at + len(word))
    return places


@settings(max_examples=150)
@given(text=TEXTS, kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000))
@example(text="Ada\\日本", kind="response.function_call_arguments", seed=0)
def test_any_cut_says_the_text_once_and_is_redacted_as_the_whole_is(text, kind, seed):
    dice = random.Random(seed)
    held = entries(response(0, kind, text, dice))
    whole = json.dumps({"t": text}) if "arguments" in kind else text
    texts = [each.piece.text for each in said_by(held, SHAPE)]
    assert texts == ([whole] if whole else [])
    placeholders = Placeholders()
    made = events_of(redacted(held, SHAPE, found_in(texts, "Ada"), placeholders))
    assert set(texts_of(made, 0, kind)) == {text}  # values come back
    logged = [json.loads(each.passed.logged) for each in redacted(held, SHAPE, found_in(texts, "Ada"), placeholders)]
    assert set(texts_of(logged, 0, kind)) == {text.replace("Ada", "<NAME_1>")}
    assert sum(each["type"].endswith(".delta") for each in made) <= 1


@settings(max_examples=50)
@given(texts=st.lists(TEXTS, min_size=2, max_size=3), seed=st.integers(0, 10_000))
def test_texts_that_are_mixed_are_each_their_own(texts, seed):
    dice = random.Random(seed)
    rows = [
        [
            {
                "type": "response.output_text.delta",
                "response_id": "r",
                "item_id": "i",
                "content_index": at,
                "delta": piece,
            }
            for piece in cut(text, dice)
        ]
        for at, text in enumerate(texts)
    ]
    held = entries(mixed([row for row in rows if row], dice)) if any(rows) else []
    assert {each.piece.text for each in said_by(held, SHAPE)} == {text for text in texts if text}


def test_an_answer_stands_where_it_would_in_a_whole_reply():
    held = entries(response(0, "response.output_text", "fine", random.Random(1)))
    assert [(each.path, each.piece) for each in said_by(held, SHAPE)] == [
        (("output", 0, "content", 0, "text"), Piece("fine", "assistant"))
    ]


def test_what_is_not_asked_about_stays_as_it_is_and_in_its_place():
    sound = {"type": "response.output_audio.delta", "response_id": "r0", "delta": "AAAA"}
    first, *rest = response(0, "response.output_text", "Ada", random.Random(1))
    held = [*entries([first]), *entries([sound], is_asked=False), *entries(rest)]
    assert "AAAA" not in [each.piece.text for each in said_by(held, SHAPE)]
    made = redacted(held, SHAPE, found_in(["Ada"], "Ada"), Placeholders())
    assert made[1] is held[1]
    assert json.loads(made[0].passed.given) == first


def test_a_text_that_begins_with_its_part_goes_on_there():
    begun = {"type": "response.content_part.added", "response_id": "r", "item_id": "i", "content_index": 0}
    piece = {
        "type": "response.output_text.delta",
        "response_id": "r",
        "item_id": "i",
        "content_index": 0,
        "delta": "a!",
    }
    held = entries([{**begun, "part": {"type": "output_text", "text": "Ad"}}, piece])
    assert [each.piece.text for each in said_by(held, SHAPE)] == ["Ada!"]
    (made,) = redacted(held, SHAPE, found_in(["Ada!"], "Ada"), Placeholders())
    assert json.loads(made.passed.logged)["part"]["text"] == "<NAME_1>!"


def test_pieces_that_say_more_than_a_text_are_kept_without_it():
    piece = {"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "note": "x"}
    held = entries([{**piece, "delta": "Ad"}, {**piece, "delta": "a"}])
    made = events_of(redacted(held, SHAPE, found_in(["Ada"], "Ada"), Placeholders()))
    assert [each["delta"] for each in made] == ["Ada", ""]
    assert [each["note"] for each in made] == ["x", "x"]
