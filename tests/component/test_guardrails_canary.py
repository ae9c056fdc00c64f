"""Secrets and addresses planted wherever a request and a reply have room for a text; none comes out where it must not."""

import logging

import pytest
from tests.support.bypass import DONE, answers, chat_delta, completion, streamed, whole
from tests.support.canaries import REPLIES, REQUESTS, canaries, chat, search
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import WireBackend

QUICK = CONFIG.replace("fallback = []\n", 'fallback = []\nretries = { base = "1ms", max_attempts = 2 }\n')
BASELINE = """
[guardrails]
baseline = ["secret", "people"]
hold = "300ms"
[guardrails.secret]
use = "secrets"
[guardrails.people]
use = "pii"
[backends.one]"""
REDACTING = QUICK.replace("[backends.one]", BASELINE, 1)
UNJUDGED = {"id"}  # a caller gets the backend's own ids as they are; kept are none with something in them
FORWARDED = {"idempotency_key", "path", "path_escaped", "path_unknown"}


async def planted(tmp_path, caplog, config, make, place):
    """Carry an exchange for each of two canaries; what the backend got, what the caller got, and all that is kept."""
    for canary in canaries(place):
        ask = make(canary.value)
        folder = tmp_path / canary.core
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="llmgateway"):
            async with (
                WireBackend(answers(*ask.replies)) as backend,
                plane(folder, backend.url, config=config) as running,
            ):
                answer = await running.ask(ask.method, ask.path, ask.content, ask.headers)
                await running.quiet()
                got = b"".join(request.raw for request in backend.requests).decode("latin-1")
                found = await search(running, folder, caplog.text + "".join(map(repr, map(vars, caplog.records))))
        yield canary, got, answer, found


@pytest.mark.parametrize("place", REQUESTS)
async def test_in_a_request_with_the_defaults(tmp_path, caplog, place):
    async for canary, _, answer, found in planted(tmp_path, caplog, QUICK, REQUESTS[place], place):
        assert found.holds(canary) == []
        assert answer.status < 500
        assert canary.core not in answer.body.decode()


@pytest.mark.parametrize("place", REQUESTS)
async def test_in_a_request_with_a_redacting_baseline(tmp_path, caplog, place):
    async for canary, got, answer, found in planted(tmp_path, caplog, REDACTING, REQUESTS[place], place):
        assert found.holds(canary) == []
        assert answer.status < 500
        assert canary.core not in answer.body.decode()
        assert canary.core not in got


@pytest.mark.parametrize("place", sorted(FORWARDED))
async def test_in_what_names_something_at_the_backend(tmp_path, caplog, place):
    async for _, got, answer, _ in planted(tmp_path, caplog, REDACTING, REQUESTS[place], place):
        assert got == ""  # to alter such names breaks what they are
        assert b"guardrail_blocked" in answer.body


@pytest.mark.parametrize("bodies", ["hash", "none"])
@pytest.mark.parametrize(
    "place", ["user", "user_agent", "path", "unknown_model", "error_400", "error_then_ok", "stream_error", "id"]
)
async def test_beside_bodies_that_are_not_kept(tmp_path, caplog, bodies, place):
    config = QUICK.replace("[backends.one]", f'[journal]\nbodies = "{bodies}"\n[backends.one]', 1)
    make = REPLIES.get(place) or REQUESTS[place]
    async for canary, _, _, found in planted(tmp_path, caplog, config, make, place):
        assert found.holds(canary) == []


PASSWORD = "Xk29-mQz77pLw"


def arguments(piece):
    return chat_delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}])


async def password_given(tmp_path, reply, **more):
    async with WireBackend(answers(reply)) as backend, plane(tmp_path, backend.url, config=REDACTING) as running:
        answer = await running.post("/v1/chat/completions", chat(**more))
        assert answer.status == 200
        return PASSWORD in answer.body.decode()


async def test_a_password_whose_name_is_in_json_too(tmp_path):
    call = {"function": {"name": "f", "arguments": f'{{"password": "{PASSWORD}"}}'}}
    assert not await password_given(tmp_path, whole(completion("a", tool_calls=[call])))


async def test_a_password_whose_name_is_in_json_in_pieces(tmp_path):
    events = arguments('{"password": "') + arguments(f'{PASSWORD}"}}') + chat_delta(finish="tool_calls") + DONE
    assert not await password_given(tmp_path, streamed(events), stream=True)


@pytest.mark.parametrize("place", REPLIES)
async def test_in_a_reply_with_the_defaults(tmp_path, caplog, place):
    async for canary, _, _, found in planted(tmp_path, caplog, QUICK, REPLIES[place], place):
        assert found.holds(canary) == []


@pytest.mark.parametrize("place", REPLIES)
async def test_in_a_reply_with_a_redacting_baseline(tmp_path, caplog, place):
    async for canary, _, answer, found in planted(tmp_path, caplog, REDACTING, REPLIES[place], place):
        assert found.holds(canary) == []
        assert place in UNJUDGED or canary.core not in answer.body.decode("latin-1")
        assert canary.core not in str(answer.headers)


async def test_the_search_finds_what_is_there(tmp_path, caplog):
    config = QUICK.replace("[backends.one]", '[journal]\nbodies = "full"\n[backends.one]', 1)
    async for canary, got, _, found in planted(tmp_path, caplog, config, REQUESTS["user"], "user"):
        assert canary.core in got
        assert {"journal", "store", "disk before", "disk"} <= {*found.holds(canary)}
