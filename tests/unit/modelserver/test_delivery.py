from llmgateway.modelserver import chat, compose, messages, responses
from llmgateway.modelserver.delivery import dressed, event, jittered
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import Frame, Prompt, Turn, Written

PROMPT = Prompt(model="m", turns=(Turn("user", "Hello"),))


def written(**body):
    answers = compose.compose(PROMPT, Knobs(), "seed")
    usage = compose.count_usage(PROMPT, answers, Knobs())
    return Written(prompt=PROMPT, body=body, answers=answers, usage=usage, digest="d")


def has_usage(payload):
    if not isinstance(payload, dict):
        return False
    return bool(payload.get("usage")) or any(has_usage(inner) for inner in payload.values())


def test_no_usage_leaves_the_counts_out_of_every_dialect():
    asked = written(stream_options={"include_usage": True})
    for form in (chat.FORM, messages.FORM, responses.FORM):
        assert any(has_usage(frame.payload) for frame in form.frames(asked))
        assert not any(has_usage(frame.payload) for frame in dressed(form.frames(asked), "no-usage"))


def test_no_done_leaves_out_the_event_that_ends_a_stream():
    for form, last in ((messages.FORM, "message_stop"), (responses.FORM, "response.completed")):
        assert [frame.event for frame in form.frames(written())][-1] == last
        assert last not in [frame.event for frame in dressed(form.frames(written()), "no-done")]


def test_events_are_written_as_the_standard_has_them():
    frame = Frame({"a": 1}, event="ping")
    assert event(frame) == b'event: ping\ndata: {"a":1}\n\n'
    assert event(frame, "crlf") == b'event: ping\r\ndata: {"a":1}\r\n\r\n'
    assert event(frame, "no-space") == b'event:ping\ndata:{"a":1}\n\n'
    assert event(Frame({}), "comments") == b": still here\n\ndata: {}\n\n"


def test_jitter_stays_within_its_share_and_belongs_to_the_request():
    knobs = Knobs(jitter=0.5)
    waits = {jittered(1.0, knobs, str(seed)) for seed in range(50)}
    assert all(0.5 <= wait <= 1.5 for wait in waits)
    assert max(waits) - min(waits) > 0.5
    assert jittered(1.0, knobs, "x") == jittered(1.0, knobs, "x")
    assert jittered(1.0, Knobs(), "x") == 1.0
