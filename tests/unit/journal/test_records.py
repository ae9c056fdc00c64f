from llmgateway.config.snapshot import Bodies
from llmgateway.domain.exchange import Attempt, AttemptKind, Exchange
from llmgateway.domain.operation import Operation
from llmgateway.journal import records
from llmgateway.journal.frame import unpack


def exchange() -> Exchange:
    return Exchange(
        id="0190-x", received_at=1_700_000_000.0, started=10.0, generation=3, dialect="openai",
        operation=Operation("chat"), method="POST", path="/v1/chat/completions", peer="127.0.0.1",
    )  # fmt: skip


def read(buffers):
    return unpack(b"".join(buffers))


def test_admitted_tells_the_facts_and_keeps_the_request_byte_for_byte():
    found = read(records.admitted(exchange(), records.stored(b'{"a": 1 }', Bodies.FULL, 100)))
    assert (found.meta["k"], found.meta["id"], found.meta["generation"]) == ("admitted", "0190-x", 3)
    assert found.blobs == {"request": b'{"a": 1 }'}
    assert found.meta["request"] == {"size": 9, "media": "application/json"}


def test_settled_tells_the_outcome_and_each_attempt():
    one = exchange()
    one.status = 200
    one.attempts.append(Attempt("b", "v", AttemptKind.FIRST, started=11.0, first_byte=11.5, ended=12.0, result="ok"))
    found = read(records.settled(one, 13.0, None, records.Body(b"data: x\n\n", 9, "text/event-stream")))
    assert (found.meta["k"], found.meta["id"], found.meta["status"]) == ("settled", "0190-x", 200)
    assert found.meta["duration_s"] == 3.0
    attempt = found.meta["attempts"][0]
    assert (attempt["offset_s"], attempt["first_byte_s"], attempt["total_s"]) == (1.0, 0.5, 1.0)
    assert found.blobs == {"events": b"data: x\n\n"}


def test_refused_tells_both_in_one():
    found = read(records.refused(exchange(), 10.5, None))
    assert found.meta["k"] == "refused"
    assert {"peer", "status", "duration_s"} <= found.meta.keys()
    assert found.blobs == {}


def test_a_body_beyond_the_limit_is_cut_flagged_and_hashed():
    found = read(records.admitted(exchange(), records.stored(b"x" * 50, Bodies.FULL, 20)))
    assert found.blobs["request"] == b"x" * 20
    assert found.meta["request"]["size"] == 50
    assert found.meta["request"]["truncated"] is True
    assert len(found.meta["request"]["sha256"]) == 64


def test_only_a_hash_is_kept_where_bodies_are_not_wanted():
    found = read(records.admitted(exchange(), records.stored(b"secret", Bodies.HASH, 20)))
    assert found.blobs == {}
    assert len(found.meta["request"]["sha256"]) == 64


def test_nothing_is_kept_where_nothing_is_wanted():
    assert records.stored(b"secret", Bodies.NONE, 20) is None


def test_json_kept_whole_makes_the_same_record_as_its_description():
    body, one = b'{"a": 1 }', exchange()
    assert records.kept(body, Bodies.FULL, 9) is body
    assert records.admitted(one, body) == records.admitted(one, records.Body(body, 9))
    assert records.refused(one, 11.0, body) == records.refused(one, 11.0, records.Body(body, 9))
    events = records.Body(b"data: x\n\n", 9, "text/event-stream")
    for more in (None, events):
        assert records.settled(one, 11.0, body, more) == records.settled(one, 11.0, records.Body(body, 9), more)


def test_json_that_is_not_kept_whole_is_described():
    for policy, limit in ((Bodies.FULL, 8), (Bodies.HASH, 100), (Bodies.NONE, 100)):
        assert records.kept(b'{"a": 1 }', policy, limit) == records.stored(b'{"a": 1 }', policy, limit)


def test_an_empty_body_is_a_body():
    found = read(records.settled(exchange(), 11.0, b""))
    assert found.blobs == {"reply": b""}
    assert found.meta["reply"]["size"] == 0
