"""Backends that say anything in any order to a session whose responses wait for judges: nothing refused gets by."""

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word
from tests.unit.guarding.test_session import guarded, written

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.heldtexts import texts_of
from llmgateway.guarding.holding import MAX_WAIT_S
from llmgateway.guarding.steps import Step
from llmgateway.providers.openai.sessions import RealtimeShape

WORD = "abc"
SHAPE = RealtimeShape()
TEXTS = st.sampled_from(["a", "b", "c", "ab", "bc", "abc", "", "x ", "\u00e4", "12345"])
RESPONSES = st.sampled_from(["r1", "r2", None, 3])
ITEMS = st.sampled_from(["i1", "i2", "u1", None])
INDEX = st.sampled_from([0, 1, None])
KINDS = st.sampled_from(["response.output_text", "response.text", "response.audio_transcript", "response.new"])
WHAT = st.sampled_from(["conversation.item.added", "conversation.item.done", "conversation.item.retrieved"])
ROLES = st.sampled_from(["assistant", "user", "system", None])


def where(response, item, index) -> dict:
    named = {"response_id": response, "item_id": item, "content_index": index}
    return {name: value for name, value in named.items() if value is not None}


def whole(item, role, text) -> dict:
    return {"id": item, "type": "message", "role": role, "content": [{"type": "output_text", "text": text}]}


PLACES = st.builds(where, RESPONSES, ITEMS, INDEX)
DELTAS = st.builds(lambda kind, at, text: {"type": f"{kind}.delta", **at, "delta": text}, KINDS, PLACES, TEXTS)
DONE = st.builds(lambda kind, at, text: {"type": f"{kind}.done", **at, "text": text}, KINDS, PLACES, TEXTS)
PARTS = st.builds(
    lambda what, at, text: {"type": f"response.content_part.{what}", **at, "part": {"type": "output_text", "text": text}},
    st.sampled_from(["added", "done"]), PLACES, TEXTS,
)  # fmt: skip
OUTPUT = st.builds(
    lambda what, at, item, text: {"type": f"response.output_item.{what}", **at, "item": whole(item, "assistant", text)},
    st.sampled_from(["added", "done"]), PLACES, ITEMS, TEXTS,
)  # fmt: skip
SPOKEN = st.builds(
    lambda what, item, role, text, before: {"type": what, "previous_item_id": before, "item": whole(item, role, text)},
    WHAT, ITEMS, ROLES, TEXTS, ITEMS,
)  # fmt: skip
BEGUN = st.builds(
    lambda name, said: {"type": "response.created", "event_id": said, "response": {"id": name, "output": []}},
    RESPONSES, st.sampled_from(["e", "x abc", "so"]),
)  # fmt: skip
OVER = st.builds(
    lambda name, status, item, text: {
        "type": "response.done",
        "response": {"id": name, "status": status, "output": [whole(item, "assistant", text)]},
    },
    RESPONSES, st.sampled_from(["completed", "cancelled"]), ITEMS, TEXTS,
)  # fmt: skip
CALLS = st.builds(
    lambda at, text, kind: {"type": f"response.function_call_arguments.{kind}", **at, "delta": text, "arguments": text},
    PLACES, st.sampled_from(['{"a":"a', 'bc"}', "abc", '{"abc":1}']), st.sampled_from(["delta", "done"]),
)  # fmt: skip
NAMED = st.builds(
    lambda at, name: {"type": "response.output_item.added", **at, "item": {"id": "i1", "type": "function_call", "name": name}},
    PLACES, TEXTS,
)  # fmt: skip
PIECES = st.builds(
    lambda at, text: {"type": "response.text.delta", **at, "delta": {"text": text, "n": text}}, PLACES, TEXTS
)
ODD = st.builds(lambda text: {"type": "something.new", "deep": [{"er": text}]}, TEXTS)
ORDINARY = st.sampled_from([{"type": "rate_limits.updated"}, {"type": "input_audio_buffer.committed", "item_id": "u1"}])
EVENTS = st.lists(
    st.one_of(DELTAS, DELTAS, DELTAS, DONE, CALLS, NAMED, PIECES, PARTS, OUTPUT, SPOKEN, BEGUN, OVER, ODD, ORDINARY),
    max_size=30,
)


class Judged:
    """A session, and judges that refuse what has WORD in it, in the order in which it is ready. Its guardrails keep the
    ends of texts back, for WORD may go on.
    """

    def __init__(self) -> None:
        self.now = 0.0
        links = chain(numbers(), word("abcd"))
        self.session = guarded(reply=links, holds=True, tells=True, now=lambda: self.now)
        self.given: list[dict] = []
        self.waiting: list = []

    def follow(self, step: Step) -> None:
        self.given += [json.loads(each) for each in step.to_caller]
        self.waiting += step.ready

    def judge(self) -> None:
        while self.waiting:
            held = self.waiting.pop(0)
            said = texts_of(held.entries, SHAPE)
            is_refused = any(WORD in each.piece.text for each in said)
            error = GatewayError("guardrail_blocked")
            self.follow(self.session.refused(held, error) if is_refused else self.session.released(held, said))


def heard_by_clients(given: list[dict]) -> list[str]:
    """Every text that some client may have put together: by item and part, as deltas of one kind and of all."""
    texts: dict[object, str] = {}
    for each in given:
        if each["type"].endswith(".delta"):
            at = each.get("response_id"), each.get("item_id"), each.get("content_index")
            kind = each["type"].replace("output_", "")
            said = each["delta"] if isinstance(each["delta"], str) else each["delta"].get("text", "")
            texts[at, kind] = texts.get((at, kind), "") + said
    return [*texts.values(), *(json.dumps(each) for each in given)]


def assert_nothing_got_by(judged, *, is_open):
    """Once the judges have spoken nobody has heard what is refused, and of a session that goes on nothing waits."""
    judged.judge()
    assert not [text for text in heard_by_clients(judged.given) if WORD in text]
    if is_open:
        assert (judged.session._holding.size, judged.session._holding._waits) == (0, {})


@settings(max_examples=200)
@given(events=EVENTS, late=st.integers(0, 2**30), silent=st.integers(0, 2**30))
def test_whatever_it_says_nothing_refused_gets_by(events, late, silent):
    """`late`: behind which events the judges have not spoken yet; `silent`: behind which nothing came for long."""
    judged, is_open = Judged(), True
    try:
        for at, event in enumerate(events):
            judged.follow(judged.session.heard(written(event)))
            if silent >> at & 1:
                judged.follow(judged.session.decide())
            if not late >> at & 1:
                judged.judge()
        judged.follow(judged.session.finish())
    except GatewayError:
        is_open = False
    assert_nothing_got_by(judged, is_open=is_open)


@settings(max_examples=100)
@given(events=EVENTS)
def test_whatever_it_says_each_response_keeps_its_order(events):
    """What goes on of a response is what it said, in its order, whatever waited in between."""
    judged = Judged()
    numbered = [{**event, "event_id": f"e{at}"} for at, event in enumerate(events)]
    try:
        for event in numbered:
            judged.follow(judged.session.heard(written(event)))
    except GatewayError:
        pass
    judged.judge()
    at = {event["event_id"]: place for place, event in enumerate(numbered)}
    for name in ("r1", "r2"):
        own = [each for each in judged.given if each.get("response_id") == name and each.get("event_id") in at]
        places = [at[each["event_id"]] for each in own]
        assert all(first <= second for first, second in pairwise(places))


def is_of(event: dict, name: str) -> bool:
    response = event.get("response")
    return name in {event.get("response_id"), response.get("id") if isinstance(response, dict) else None}


@settings(max_examples=300)
@given(
    events=EVENTS,
    late=st.integers(0, 2**30),
    slow=st.integers(0, 2**30),
    full=st.integers(0, 2**30),
)
def test_whatever_is_given_up_nothing_refused_gets_by_and_nothing_is_kept(events, late, slow, full):
    """`late`: behind which events the judges have not spoken yet; `slow`: behind which time is up; `full`: behind which
    there is no room.
    """
    judged, is_open = Judged(), True
    try:
        for at, event in enumerate(events):
            judged.follow(judged.session.heard(written(event)))
            judged.now += 1.0
            if slow >> at & 1:
                judged.now += MAX_WAIT_S
                judged.follow(judged.session.overdue())
                assert judged.session.due_at is None
            if full >> at & 1 and judged.session._holding.largest() is not None:
                before = judged.session._holding.size
                judged.follow(judged.session.relieved(GatewayError("overloaded")))
                assert judged.session._holding.size < before
            if not late >> at & 1:
                judged.judge()
        judged.follow(judged.session.finish())
    except GatewayError:
        is_open = False
    assert_nothing_got_by(judged, is_open=is_open)
    if is_open:
        assert judged.session._owners._told <= judged.session._owners._barred
    for name in ("r1", "r2"):
        own = [each for each in judged.given if is_of(each, name)]
        failed = [at for at, each in enumerate(own) if each.get("response", {}).get("status") == "failed"]
        assert failed in ([], [len(own) - 1]), own  # nothing more of it is told
