"""What an operator reads of an attempt whose backend said nothing."""

import asyncio
import errno
import ssl

import pytest

from llmgateway.dataplane.causes import of_dialling, of_reply
from llmgateway.dataplane.reply import Reply
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Attempt, AttemptKind
from llmgateway.providers.openai.chat import ChatReader


def caused(code: str, cause: BaseException | None, message: str | None = None) -> GatewayError:
    error = GatewayError(code, message)
    error.__cause__ = cause
    return error


def refused_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return error


def no_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            caused("upstream_unreachable", OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.7', 80)")),
            "Connection refused",
        ),
        (caused("upstream_unreachable", OSError(errno.EHOSTUNREACH, "x")), "No route to host"),
        (caused("upstream_unreachable", OSError("the name gpu does not resolve")), "the name gpu does not resolve"),
        (caused("upstream_unreachable", OSError()), None),
        (caused("upstream_unreachable", None, "The proxy closed the connection."), "The proxy closed the connection."),
        (caused("upstream_unreachable", None), None),
        (caused("upstream_tls", refused_certificate()), "self-signed certificate"),
        (caused("upstream_tls", no_tls()), "wrong version number"),
        (caused("upstream_tls", ConnectionResetError(errno.ECONNRESET, "x")), "Connection reset by peer"),
        (caused("upstream_timeout", TimeoutError(), "It did not accept."), "It did not accept."),
    ],
)
def test_why_there_is_no_connection_is_told_without_an_address(error, told):
    assert of_dialling(error) == told


async def replied(status: int, media: bytes, body: bytes) -> Reply:
    reply = Reply(Attempt("one", "v1", AttemptKind.FIRST, 0.0), ChatReader(), SystemClock())
    reply.on_head(status, [(b"content-type", media)] if media else [])
    reply.on_data(body)
    reply.on_end(is_delimited=True)
    await asyncio.sleep(0)
    return reply


@pytest.mark.parametrize(
    ("media", "told"),
    [
        (b"text/html", "text/html, 13 bytes: not the whole JSON that the API gives"),
        (b"", "no content type, 13 bytes: not the whole JSON that the API gives"),
    ],
)
async def test_a_page_in_an_answers_place_is_told_by_its_form_and_not_by_its_words(media, told):
    reply = await replied(200, media, b"<html></html>")
    assert of_reply(reply, GatewayError("upstream_truncated")) == told
    assert of_reply(reply, GatewayError("upstream_timeout")) is None


async def test_a_backends_own_words_come_first():
    reply = await replied(500, b"text/html", b"out of memory")
    assert of_reply(reply, GatewayError("upstream_error")) == "out of memory"


async def test_an_answer_of_no_length_has_no_form():
    assert of_reply(await replied(200, b"text/html", b""), GatewayError("upstream_truncated")) is None
