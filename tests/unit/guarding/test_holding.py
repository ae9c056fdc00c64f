"""What waits for judges in a session, in which order it goes on, and what never does."""

import json

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding import holding as module
from llmgateway.guarding import names
from llmgateway.guarding.facts import Facts
from llmgateway.guarding.holding import MAX_WAIT_S, Held, Holding, Taken
from llmgateway.guarding.names import Names
from llmgateway.guarding.stream import Passed
from llmgateway.guarding.trust import Said
from llmgateway.ports.judge import Piece
from llmgateway.providers.openai.sessions import RealtimeShape

SHAPE = RealtimeShape()
ERROR = GatewayError("guardrail_blocked")
BEGUN = {"type": "response.created", "response": {"id": "r", "output": []}}
PARTS = {
    "type": "response.output_item.added",
    "response_id": "r",
    "item": {"id": "i", "type": "message", "content": []},
}
OVER = {"type": "response.done", "response": {"id": "r", "status": "completed", "output": []}}
LIMITS = {"type": "rate_limits.updated", "rate_limits": []}
SOUND = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAA"}


def text(said: str = "a", **more) -> dict:
    return {"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": said, **more}


def item(kind: str = "added", name: str = "i", before: str | None = None, **more) -> dict:
    return {"type": f"conversation.item.{kind}", "previous_item_id": before, "item": {"id": name, **more}}


def content(said: str) -> list:
    return [{"type": "output_text", "text": said}]


class Backend:
    """Says events to a holding, as a session does, and remembers what goes on."""

    def __init__(self, facts: Facts | None = None, *, passes: bool = False) -> None:
        self.now = 0.0
        self.passes = passes
        self.whys: list[Said] = []
        self.holding = Holding(SHAPE, facts or Facts(), Names(), now=lambda: self.now, may_pass=self.may_pass)
        self.over: set = set()
        self.given: list[dict] = []
        self.ready: list[Held] = []

    def say(self, *events: dict) -> "Backend":
        for event in events:
            owner = SHAPE.owner(event)
            is_part = isinstance(owner, str) and owner not in self.over
            if is_part and SHAPE.is_end(event):
                self.over.add(owner)
            data = json.dumps(event).encode()
            self.take(self.holding.take(owner, event, [Passed(b"", data, data)], is_part=is_part))
        return self

    def may_pass(self, why: Said) -> bool:
        self.whys.append(why)
        return self.passes

    def take(self, taken: Taken) -> None:
        self.given += [json.loads(each.given) for each in taken.passed]
        self.ready += taken.ready


def asked(held: Held) -> list[dict]:
    return [json.loads(each.passed.logged) for each in held.entries if each.is_asked]


def test_what_says_nothing_yet_goes_on_and_from_the_first_word_on_a_response_waits_to_its_end():
    backend = Backend().say(BEGUN, PARTS, text(), LIMITS, PARTS, OVER)
    assert backend.given == [BEGUN, PARTS, LIMITS]
    (held,) = backend.ready
    assert asked(held) == [text(), PARTS, OVER]
    backend.take(backend.holding.release(held))
    assert backend.given == [BEGUN, PARTS, LIMITS, text(), PARTS, OVER]
    assert (backend.holding.size, backend.holding._waits) == (0, {})


@pytest.mark.parametrize(
    "word",
    [
        text(),
        text("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"),
        SOUND,
        {"type": "response.output_item.added", "response_id": "r", "item": {"type": "function_call", "name": "f"}},
        {"type": "response.content_part.added", "response_id": "r", "part": {"type": "text", "text": "a"}},
        {"type": "response.new", "response_id": "r", "er": [{"deep": "a"}]},
        {"type": "response.done", "response": {"id": "r", "output": [{"content": content("a")}]}},
    ],
)
def test_whatever_may_be_a_word_of_the_models_waits(word):
    assert Backend().say(BEGUN, word).given == [BEGUN]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.created", "session": {"instructions": "a"}},
        {"type": "error", "error": {"message": "a"}},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u", "transcript": "a"},
        {"type": "input_audio_buffer.speech_started", "item_id": "u"},
        {"type": "mcp_list_tools.completed", "item_id": "m"},
        {"type": "conversation.item.deleted", "item_id": "u"},
        item(name="u", role="user", content=[{"type": "input_audio", "transcript": None}]),
    ],
)
def test_what_the_api_says_for_itself_or_has_heard_of_the_caller_does_not_wait(event):
    assert Backend().say(text(), event).given == [event]


def test_sound_is_held_and_nobody_is_asked_about_it():
    backend = Backend().say(SOUND, text(), OVER)
    assert asked(backend.ready[0]) == [text(), OVER]
    backend.take(backend.holding.release(backend.ready[0]))
    assert backend.given == [SOUND, text(), OVER]


def test_of_a_response_that_was_called_off_no_sound_goes_on():
    cancelled = {"type": "response.done", "response": {"id": "r", "status": "cancelled"}}
    backend = Backend().say(SOUND, text(), cancelled)
    backend.take(backend.holding.release(backend.ready[0]))
    assert backend.given == [text(), cancelled]


def test_responses_wait_each_for_itself():
    other = text("b", response_id="s", item_id="j")
    backend = Backend().say(text(), other, OVER)
    assert [held.owner for held in backend.ready] == ["r"]
    backend.take(backend.holding.refuse(backend.ready[0], ERROR))
    assert backend.given == []
    assert [held.owner for held in backend.holding.finish()] == ["s"]


def test_an_item_of_a_response_is_judged_with_it():
    done = item("done", role="assistant", content=content("a"))
    backend = Backend().say(text(), done, OVER)
    assert asked(backend.ready[0]) == [text(), done, OVER]
    assert backend.holding.refuse(backend.ready[0], ERROR) == ([], [])


def test_what_names_an_item_that_waits_keeps_its_place_and_is_no_part_of_it():
    facts = Facts()
    facts.note([Piece("mine", "user")])
    mine = item(name="u", before="i", role="user", content=content("mine"))
    heard = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u", "delta": "mine"}
    backend = Backend(facts).say(text(), mine, heard, OVER)
    (held,) = backend.ready
    assert asked(held) == [text(), OVER]
    backend.take(backend.holding.refuse(held, ERROR))
    assert backend.given == [mine, heard]


def test_what_follows_on_an_item_that_the_caller_has_heard_of_need_not_wait():
    facts = Facts()
    facts.note([Piece("mine", "user")])
    others = [
        {"type": "input_audio_buffer.committed", "previous_item_id": "i", "item_id": "u"},
        item(name="t", before="i", role="user", content=content("mine")),
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u", "delta": "mine"},
    ]
    backend = Backend(facts).say(BEGUN, PARTS, text(), *others)
    assert backend.given == [BEGUN, PARTS, *others]
    own = {"type": "conversation.item.truncated", "item_id": "i"}
    assert backend.say(own).given[-1] != own


def test_what_the_caller_has_heard_of_is_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_MET", 3)
    backend = Backend().say(*(item(name=f"u{at}", role="user", content=[]) for at in range(9)))
    assert len(backend.holding._met) == 3
    other = Backend().say(item(name="u" * 10_000, role="user", content=[]))
    assert (len(other.given), other.holding._met) == (1, set())


def test_what_keeps_its_place_and_is_nobodys_that_is_known_is_judged_by_itself_then():
    facts = Facts()
    facts.note([Piece("mine", "user")])
    known = item(name="t", before="i", role="user", content=content("mine"))
    odd = item(name="u", before="i", role="assistant", content=content("odd"))
    heard = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u", "delta": "mine"}
    for follow in (Holding.release, lambda holding, held: holding.refuse(held, ERROR)):
        backend = Backend(facts).say(text(), known, odd, heard, OVER)
        (held,) = backend.ready
        assert asked(held) == [text(), OVER]
        backend.ready = []
        backend.take(follow(backend.holding, held))
        assert backend.given[-1] == known
        assert [asked(each) for each in backend.ready] == [[odd], []]
        late = item("done", name="u", role="assistant", content=content("odd"))
        backend.say(late)
        assert [asked(each) for each in backend.ready] == [[odd], [], [late]]
        for each in backend.ready:
            backend.take(backend.holding.release(each))
        assert backend.given[-3:] == [odd, heard, late]
        assert (backend.holding.size, backend.holding._waits) == (0, {})


def test_what_names_it_once_it_is_being_judged_is_judged_by_itself_behind_it():
    late = item("done", role="assistant", content=content("a"))
    behind = {"type": "output_audio_buffer.stopped", "response_id": "r"}
    backend = Backend().say(text(), OVER, late, behind)
    assert backend.given == []
    assert [asked(held) for held in backend.ready] == [[text(), OVER], [late], []]
    assert [backend.holding.refusal(held) for held in backend.ready] == [None, None, None]
    backend.holding.refuse(backend.ready[0], ERROR)
    assert [backend.holding.refusal(held) for held in backend.ready[1:]] == [ERROR, None]


def test_what_has_been_refused_is_not_told_later_either():
    backend = Backend().say(text(), OVER)
    backend.holding.refuse(backend.ready.pop(), ERROR)
    backend.say(item("done", content=content("a")), OVER, {**SOUND, "type": "response.output_audio.done"})
    assert (backend.given, backend.ready) == ([], [])
    with pytest.raises(GatewayError) as refusal:
        backend.say(item("retrieved", content=content("a")))
    assert refusal.value is ERROR


def test_an_item_that_comes_by_itself_is_asked_about_unless_the_caller_has_said_all_of_it():
    facts = Facts()
    facts.note([Piece("mine", "user"), Piece("{}", "tool")])
    known = [
        item(name="u", role="user", content=content("mine")),
        item(name="t", type="function_call_output", call_id="c", output="{}"),
    ]
    new = [
        item("retrieved", name="x", role="user", content=[*content("mine"), *content("more")]),
        {"type": "something.new", "deep": [{"er": "a"}]},
        {"type": "response.done", "response": {"id": "r", "output": [{"content": content("again")}]}},
    ]
    backend = Backend(facts).say(*known)
    backend.over.add("r")
    backend.say(*new)
    assert backend.given == known
    assert [asked(held) for held in backend.ready] == [[each] for each in new]
    assert [held.is_answer for held in backend.ready] == [True, False, False]


def test_what_waits_has_a_bound_and_what_is_dropped_makes_room(monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD", 2_400)
    backend = Backend().say(text("a" * 500), text("b" * 500))
    assert 1_000 < backend.holding.size <= 2_400
    behind = item(name="u", before="i", role="user", content=[])
    backend.say(behind)
    with pytest.raises(GatewayError) as error:
        backend.say(text("c" * 500))
    assert error.value.code == "guardrail_unsupported"
    assert backend.holding.size <= 2_400
    backend.take(backend.holding.drop("r", ERROR))
    assert backend.given == [behind]
    assert (backend.holding.size, backend.holding._waits, backend.holding._open) == (0, {}, {})


def test_many_that_say_next_to_nothing_are_bounded_too(monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD", 100_000)
    backend = Backend()
    with pytest.raises(GatewayError):
        backend.say(
            *(text("", response_id=f"r{at}", item_id=f"i{at}", type="response.x", x="a") for at in range(1_000))
        )
    assert len(backend.holding._open) < 100_000 / module.ENTRY


def test_what_is_remembered_as_refused_has_a_bound(monkeypatch):
    monkeypatch.setattr(module, "MAX_REFUSED", 3)
    holding = Backend().holding
    holding.refuse(Held("a", items={"i"}), ERROR)
    with pytest.raises(GatewayError) as error:
        holding.refuse(Held("b", items={"j"}), ERROR)
    assert error.value.code == "guardrail_unsupported"


def test_a_value_that_comes_back_counts_twice():
    holding = Backend().holding
    logged, given = (json.dumps(text(said)).encode() for said in ("<A_1>", "a"))
    holding.take("r", text(), [Passed(b"", logged, given)], is_part=True)
    assert holding.size == module.ENTRY + len(logged) + len(given)


def test_what_does_not_end_is_overdue_in_the_order_in_which_it_began():
    backend = Backend()
    assert backend.holding.due_at is None
    backend.say(text())
    backend.now = 10.0
    backend.say(text(response_id="s", item_id="j"))
    assert (backend.holding.due_at, backend.holding.overdue()) == (MAX_WAIT_S, [])
    backend.now = MAX_WAIT_S
    assert backend.holding.overdue() == ["r"]
    backend.now += 10
    assert backend.holding.overdue() == ["r", "s"]
    backend.say(OVER)
    assert (backend.holding.due_at, backend.holding.overdue()) == (MAX_WAIT_S + 10, ["s"])


def test_more_pieces_give_no_more_time():
    backend = Backend()
    for at in range(10):
        backend.now = float(at)
        backend.say(text())
    assert backend.holding.due_at == MAX_WAIT_S


def test_what_is_let_go_goes_on_as_it_came_and_so_does_the_rest_of_it():
    backend = Backend(passes=True).say(BEGUN, text("a"), item(name="u", before="i", role="user", content=[]))
    taken = backend.holding.let_go("r", Said.TIMEOUT)
    assert taken is not None
    backend.take(taken)
    assert (backend.holding.size, backend.holding._waits, backend.whys) == (0, {}, [Said.TIMEOUT])
    backend.say(text("b"), OVER)
    assert [each["type"].partition(".")[0] for each in backend.given] == [
        *["response"] * 2,
        "conversation",
        *["response"] * 2,
    ]
    assert backend.ready == []
    assert backend.holding._free == set()
    backend.say(text(response_id="next", item_id="k"))
    assert backend.given[-1] == OVER  # the next one waits


def test_what_may_not_pass_is_not_let_go():
    backend = Backend().say(text())
    assert backend.holding.let_go("r", Said.OVERLOADED) is None
    assert backend.holding.overdue() == []
    assert backend.given == []


def test_where_no_more_names_are_remembered_nothing_is_let_go(monkeypatch):
    backend = Backend(passes=True).say(text())
    monkeypatch.setattr(names, "MAX_NAMES", 0)
    assert backend.holding.let_go("r", Said.TIMEOUT) is None


def test_the_largest_is_given_up_first():
    assert Backend().holding.largest() is None
    backend = Backend().say(text("a" * 50), text("a" * 500, response_id="s", item_id="j"), text("a", response_id="t"))
    held = backend.holding.largest()
    assert held is not None
    assert (held.owner, backend.holding.is_growing(held)) == ("s", True)
    backend.say({**OVER, "response": {"id": "s"}})
    assert backend.holding.largest() is held
    assert not backend.holding.is_growing(held)
    backend.take(backend.holding.release(held))
    assert backend.holding.largest() is not held


def test_what_is_too_long_to_wait_goes_on_where_it_may(monkeypatch):
    monkeypatch.setattr(module, "MAX_HELD", 2_400)
    backend = Backend(passes=True).say(text("a" * 500), text("b" * 500))
    assert backend.given == []
    backend.say(text("c" * 1_000), text("d"))
    assert [each["delta"][0] for each in backend.given] == ["a", "b", "c", "d"]
    assert backend.whys == [Said.UNAVAILABLE]
    assert backend.holding.size == 0
