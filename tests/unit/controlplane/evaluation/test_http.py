"""How a judge's question reaches the gateway's own listener, and what may come back."""

import asyncio

import pytest
from aiohttp import web

from llmgateway.config.evaluating import Evaluator
from llmgateway.config.snapshot import Address, Secret, Server, Tls
from llmgateway.controlplane.evaluation.http import (
    MAX_ANSWER,
    NoAnswerError,
    OnTrialError,
    OwnListener,
    url_of,
)
from llmgateway.ports.asking import Question

QUESTION = Question("/v1/chat/completions", b'{"model":"wise"}')
KIND = Evaluator("kind", "judge", api_key=Secret("lgw_judge"), timeout_s=5.0)


@pytest.fixture
async def listener():
    """A listener that answers as the test says; gives (what it saw, how to answer, its port)."""
    seen, how = [], {"status": 200, "body": b"{}", "wait": 0.0, "headers": {}}

    async def handler(request):
        seen.append(
            (request.path, {name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        await asyncio.sleep(how["wait"])
        return web.Response(status=how["status"], body=how["body"], headers=how["headers"])

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield seen, how, runner.addresses[0][1]
    await runner.cleanup()


def at(port, host="127.0.0.1"):
    return OwnListener(lambda: Server(listen=Address(host, port)))


async def test_a_question_comes_with_its_key_and_the_evaluators_name(listener):
    seen, _, port = listener
    assert await at(port, "0.0.0.0")(KIND, "0190", QUESTION) == b"{}"  # noqa: S104 - listens everywhere, is asked here
    ((path, headers, body),) = seen
    assert (path, body) == QUESTION
    assert headers["authorization"] == "Bearer lgw_judge"
    assert headers["x-request-id"] == "evaluator:kind:0190"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"status": 500, "body": b"lgw_judge"}, "status 500"),
        ({"status": 302, "headers": {"location": "http://127.0.0.1:1/"}}, "status 302"),
        ({"body": b"x" * (MAX_ANSWER + 1)}, "too long"),
    ],
)
async def test_what_is_no_answer_says_so_and_quotes_nothing(listener, how, words):
    _, answering, port = listener
    answering.update(how)
    with pytest.raises(NoAnswerError, match=words) as raised:
        await at(port)(KIND, "0190", QUESTION)
    assert "lgw_judge" not in str(raised.value)


@pytest.mark.parametrize(
    ("version", "candidate", "is_its_own"),
    [("v1", "v2", True), ("v2", "v2", False), ("v2", None, True), (None, "v2", True)],
)
async def test_what_the_candidate_of_a_rollout_of_its_route_says_is_not_the_judges_word(
    listener, version, candidate, is_its_own
):
    _, answering, port = listener
    answering["headers"] = {"x-llmgateway-version": version} if version else {}
    asks, judge = at(port), Evaluator("kind", "judge", timeout_s=5.0, options={"route": "wise"})
    asks.candidate = {"wise": candidate}.get
    if is_its_own:
        assert await asks(judge, "0190", QUESTION) == b"{}"
    else:
        with pytest.raises(OnTrialError):
            await asks(judge, "0190", QUESTION)


async def test_an_answer_that_takes_too_long_is_none(listener):
    _, answering, port = listener
    answering["wait"] = 5.0
    with pytest.raises(NoAnswerError, match="in time"):
        await at(port)(Evaluator("kind", "judge", timeout_s=0.05), "0190", QUESTION)


async def test_where_nobody_listens_there_is_no_answer():
    with pytest.raises(NoAnswerError, match="ClientConnectorError"):
        await at(1)(KIND, "0190", QUESTION)


def test_where_the_listener_is():
    assert url_of(Server(listen=Address("::", 8080))) == "http://[::1]:8080"
    assert url_of(Server(listen=Address("10.0.0.7", 80), tls=Tls("c", "k"))) == "https://10.0.0.7:80"
