import pytest
from bench.guardrails import speed, stream
from bench.guardrails.dice import Dice
from bench.guardrails.run import Settings
from bench.guardrails.sorts import SIZE, SORTS, cut_to, words
from tests.support.toy_detectors import Hasty, ToyGuardrail

from llmgateway.ports.guardrail import MAX_OPEN

TEXT = "Write to ann@example.com or to bob.miller@mail.example.org, not to both. " * 12


@pytest.mark.parametrize("language", ["en", "ja"])
def test_deltas_add_up_and_are_of_a_tokens_size(language):
    pieces = stream.deltas(TEXT, Dice("1", language))
    assert "".join(pieces) == TEXT
    assert max(len(each) for each in pieces) == (6 if language == "en" else 2)
    assert min(len(each) for each in pieces) == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_stream_is_redacted_as_the_whole_text_is(seed):
    group = [ToyGuardrail({})]
    run = stream.run(group, stream.deltas(TEXT, Dice(str(seed), "en")))
    assert run.text == stream.whole(group, TEXT)
    assert run.text.count("[EMAIL]") == 24


def test_what_waits_is_the_open_word():
    run = stream.run([ToyGuardrail({})], ["see ", "ann", "@exam", "ple.com", " now", " "])
    assert run.held == [0, 3, 8, 15, 3, 0]
    assert run.text == "see [EMAIL] now "


def test_a_word_that_never_ends_is_let_go_at_the_limit():
    run = stream.run([ToyGuardrail({})], ["x" * 100] * 5)
    assert 200 <= max(run.held) <= MAX_OPEN
    assert run.text == "x" * 500


def test_who_lets_go_too_early_is_seen_to_differ():
    group = [Hasty({})]
    assert stream.run(group, stream.deltas(TEXT, Dice("1", "en"))).text != stream.whole(group, TEXT)


def test_the_slowest_of_several_decides():
    run = stream.run([Hasty({}), ToyGuardrail({"kind": "mail"})], ["see ann", "@example.com "])
    assert run.held == [3, 0]
    assert run.text == "see [EMAIL] "


@pytest.mark.parametrize("sort", sorted(SORTS))
def test_every_sort_of_text_is_of_the_size_and_fresh_each_time(sort):
    dice = Dice("sizes", "en")
    first, second = (SORTS[sort](dice, "test") for _ in range(2))
    assert SIZE - 4 < len(first.encode()) <= SIZE
    assert first != second or sort in {"dots", "e-mail without its sign"}


def test_a_text_is_never_cut_inside_a_character():
    assert cut_to("あいう", 7) == "あい"


def test_forbidden_words_are_many_and_different():
    assert len(set(words())) == 1000


def test_speed_says_who_was_left_out(toys, monkeypatch):
    monkeypatch.setattr(speed, "TEXTS", 2)
    monkeypatch.setattr(speed, "REPLIES", 3)
    monkeypatch.setattr(speed, "LARGE", 10_000)
    figures = speed.measure(Settings(progress=lambda _: None))
    assert set(figures["whole"]) == {"pii"}
    assert len(figures["absent"]) == 2
    assert set(SORTS) < set(figures["whole"]["pii"])
    assert figures["streams"]["pii"]["en"]["differing"] == 0
    assert [table.title for table in speed.tables(figures)][0] == "Microseconds of CPU for 2 KB"
