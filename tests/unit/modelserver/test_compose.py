from hypothesis import given
from hypothesis import strategies as st

from llmgateway.modelserver.compose import REFUSAL, compose, count_usage, digest, input_tokens
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import Prompt, Tool, Turn


def prompt(text="Hello there", model="gpt-4.1", **fields):
    return Prompt(model=model, turns=(Turn("user", text),), **fields)


def answer(asked, knobs=None):
    return compose(asked, knobs or Knobs(), digest(asked, 0))[0]


@given(st.text(), st.sampled_from(["a", "b"]))
def test_the_same_prompt_gets_the_same_answer(text, model):
    assert answer(prompt(text, model)) == answer(prompt(text, model))


def test_model_message_and_seed_each_change_the_answer():
    seeds = {digest(prompt(), 0), digest(prompt("Bye"), 0), digest(prompt(model="x"), 0), digest(prompt(), 1)}
    assert len(seeds) == 4
    assert len({compose(prompt(), Knobs(), seed)[0].text for seed in seeds}) == 4


@given(st.integers(1, 400))
def test_a_length_that_is_asked_for_is_met_exactly(wanted):
    said = answer(prompt(), Knobs(tokens=wanted))
    assert (len(said.pieces), said.finish) == (wanted, "stop")


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_callers_limit_cuts_and_says_so(wanted, limit):
    said = answer(prompt(limit=limit), Knobs(tokens=wanted))
    assert len(said.pieces) == min(wanted, limit)
    assert said.finish == ("length" if wanted > limit else "stop")


def test_the_earliest_stop_sequence_ends_the_answer_and_is_left_out():
    said = answer(prompt(stop=("zzz", "there", "Hello")))
    assert "Hello" not in said.text
    assert said.stopped_by == "Hello"


def test_a_share_of_prompts_is_refused_the_same_ones_each_time():
    prompts = [prompt(f"question {number}") for number in range(200)]
    refused = [answer(each, Knobs(refusal_rate=0.2)).finish == "refusal" for each in prompts]
    assert refused == [answer(each, Knobs(refusal_rate=0.2)).finish == "refusal" for each in prompts]
    assert 20 < sum(refused) < 60
    assert answer(prompt(), Knobs(refusal_rate=1)).text == REFUSAL


def test_verbosity_makes_answers_longer():
    assert len(answer(prompt(), Knobs(verbosity=5)).pieces) > 3 * len(answer(prompt()).pieces)


def test_parallel_calls_only_where_they_are_allowed():
    tools = (Tool("get_weather", {}), Tool("get_time", {}))
    said = "call get_weather and get_time"
    assert [call.name for call in answer(prompt(said, tools=tools)).calls] == ["get_weather", "get_time"]
    assert len(answer(prompt(said, tools=tools, is_parallel=False)).calls) == 1


def test_a_tools_result_is_answered_and_not_called_again():
    asked = Prompt(model="m", turns=(Turn("tool", "weather: rain"),), tools=(Tool("get_weather", {}),))
    assert answer(asked).calls == ()
    assert "The tool says: “weather: rain”" in answer(asked).text


def test_usage_counts_every_choice_reasoning_and_what_was_cached():
    asked = prompt(choices=2)
    knobs = Knobs(tokens=10, reasoning=5, cached=3)
    usage = count_usage(asked, compose(asked, knobs, "seed"), knobs)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens) == (25, 5, 3)
    assert usage.input_tokens == input_tokens(asked) == 4 + 2
