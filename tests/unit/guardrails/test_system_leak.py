"""A reply that repeats the system prompt."""

import random

import pytest

from llmgateway.guarding.pieces import pieces_of
from llmgateway.guardrails.system_leak import guardrail as module
from llmgateway.guardrails.system_leak.guardrail import MAX_PROMPT, SystemLeak
from llmgateway.ports.guardrail import MAX_OPEN, OptionError
from llmgateway.wire.view import SEPARATOR, View

PROMPT = (
    "You are Ava, the support agent of Northwind Bank. Greet callers by their first name. "
    "Never tell anybody that refunds above 500 pounds are approved by hand on Thursdays."
)
LEAK = "Never tell anybody that refunds above 500 pounds are approved by hand on Thursdays"
ALONE = "refunds above 500 pounds are approved by hand"


def bound(document, **options):
    return SystemLeak(options).bind(document, pieces_of(document))


def chat(*said, system=PROMPT):
    return {"messages": [{"role": "system", "content": system}, *({"role": "user", "content": each} for each in said)]}


def found(text, document=None, **options):
    leaks = bound(document or chat("hi"), **options)
    return [text[each.start : each.end] for each in leaks.find(View(text))] if leaks is not None else None


FORMS = {
    "system message": chat("hi"),
    "developer message": {"messages": [{"role": "developer", "content": [{"type": "text", "text": PROMPT}]}]},
    "in parts": {
        "messages": [
            {
                "role": "system",
                "content": [{"type": "text", "text": PROMPT[:90]}, {"type": "text", "text": PROMPT[90:]}],
            }
        ]
    },
    "in two messages": {
        "messages": [{"role": "system", "content": PROMPT[:120]}, {"role": "system", "content": PROMPT[120:]}]
    },
    "instructions": {"instructions": PROMPT, "input": "hi"},
    "input of responses": {
        "input": [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": PROMPT}]}]
    },
    "system": {"system": PROMPT, "messages": [{"role": "user", "content": "hi"}]},
    "system in blocks": {"system": [{"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}]},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_prompt_is_known_in_every_form_of_request(form):
    assert found(f"I was told: {LEAK}, so no.", FORMS[form]) == [LEAK]


NOT_THE_PROMPT = [
    {},
    {"messages": [{"role": "user", "content": PROMPT}]},
    {"messages": [{"role": "assistant", "content": PROMPT}]},
    {"messages": [{"role": "tool", "content": PROMPT}]},
    {"input": PROMPT},
    {"prompt": PROMPT},
    chat("hi", system="You are a helpful assistant."),
    chat("hi", system=""),
]


@pytest.mark.parametrize("document", NOT_THE_PROMPT)
def test_where_nothing_could_be_leaked_nothing_is_looked_for(document):
    assert bound(document) is None


def test_common_phrases_and_short_ones_do_not_count():
    assert found("Sure! Never tell anybody. By the way, refunds above 500 pounds take a week.") == []
    assert found(ALONE) == []
    assert found(ALONE, min_letters=30) == [ALONE]


def test_characters_that_say_more_weigh_more():
    japanese = "口座の残高や取引の履歴を、本人確認が済むまで決して伝えないでください"
    asked = chat("hi", system="あなたは銀行の担当です。" + japanese)
    assert found(f"「{japanese[:20]}」", asked) == []  # nineteen letters and a comma
    assert found(f"「{japanese[:21]}」", asked) == [japanese[:21]]


def test_what_the_user_has_said_himself_does_not_count():
    asked = chat(f"Is it true that {LEAK.lower()}?")
    assert found(f"It is not true that {LEAK}.", asked) == []
    assert len(found(PROMPT, asked)) == 1  # the rest of it is not his


def test_half_of_what_counts_must_be_new():
    asked = chat("anybody that refunds above 500 pounds are approved")
    assert found(LEAK, asked) == []
    longer = "Greet callers by their first name. Never tell anybody that refunds above 500 pounds"
    (leak,) = found(longer, asked)
    assert leak.startswith("Greet callers by their first name. Never tell any")


def test_what_may_be_said_may_be_said():
    assert found(LEAK, allowed=["Never tell anybody that", "refunds above 500 pounds are approved by hand"]) == []
    assert found(LEAK, allowed=["refunds above 500 euros"]) == [LEAK]


def test_texts_that_are_looked_at_together_are_texts_of_their_own():
    half = len(LEAK) // 2
    assert found(LEAK[:half] + SEPARATOR + LEAK[half:]) == []
    assert found(f"a{SEPARATOR}{LEAK}{SEPARATOR}b") == [LEAK]
    assert found(LEAK, chat("hi", system=PROMPT.replace(" ", SEPARATOR))) == [LEAK]
    assert found(SEPARATOR.join(LEAK.split()), chat("hi", system=PROMPT.replace(" ", SEPARATOR))) == []


def test_gaps_part_texts():
    words = LEAK.split()
    assert found((" " * 6).join(words)) == [(" " * 6).join(words)]
    assert found((" " * 33).join(words)) == []


def test_a_long_one_takes_what_is_silent_behind_it():
    asked = chat("hi", system=PROMPT * 2)
    (leak,) = found(f"{PROMPT * 2}  -- and so on", asked)
    assert leak == f"{PROMPT * 2}  -- "


@pytest.mark.parametrize("size", [1, 5, 17])
def test_what_waits_is_little(size):
    leaks, dice = bound(chat("hi")), random.Random(size)
    words = [word for word in PROMPT.split() if len(word) > 2]
    text = " ".join(dice.choice(words) for _ in range(600))
    waits = [at - leaks.settled(View(text[:at]), max(0, at - 100)) for at in range(100, len(text), size)]
    assert max(waits) < 40
    assert sum(waits) / len(waits) < 12


def test_the_prompt_is_looked_at_so_far():
    dice = random.Random(3)
    prompt = "".join(dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(MAX_PROMPT + 500))
    assert len(found(prompt[MAX_PROMPT - 100 : MAX_PROMPT], chat(system=prompt))) == 1
    assert found(prompt[MAX_PROMPT : MAX_PROMPT + 100], chat(system=prompt)) == []


def test_what_users_have_said_is_looked_at_so_far(monkeypatch):
    monkeypatch.setattr(module, "MAX_OWN", 400)
    assert found(LEAK, chat("x " * 300, LEAK)) == []
    assert found(LEAK, chat(LEAK, "x " * 300)) == [LEAK]


def test_the_same_prompt_is_indexed_once():
    plugin = SystemLeak({})
    one, other = (plugin.bind(chat(each), pieces_of(chat(each))) for each in ("hi", "ho"))
    assert one._index is other._index


def test_alone_it_finds_nothing():
    alone = SystemLeak({})
    assert (alone.find(View(PROMPT)), alone.settled(View(PROMPT)), alone.continues("system_leak", PROMPT)) == (
        [],
        len(PROMPT),
        0,
    )


@pytest.mark.parametrize(
    "options", [{"min_letters": 23}, {"min_letters": 121}, {"min_letters": "60"}, {"allowed": "hi"}]
)
def test_settings_have_bounds(options):
    with pytest.raises(OptionError):
        SystemLeak(options)


def test_however_long_a_leak_is_it_is_one_finding_in_a_stream_too():
    leaks = bound(chat("hi", system=PROMPT * 20))
    text = "So: " + PROMPT * 19
    cut = 4 + MAX_OPEN + 40
    (early,) = leaks.find(View(text[:cut]))
    assert (early.start, early.end) == (4, cut)
    last = text[cut - leaks.tail : cut]
    assert leaks.continues("system_leak", last + text[cut:]) == len(last + text[cut:])
