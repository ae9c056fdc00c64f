"""What all endpoints that change the configuration have in common: their parameters, and how a change is asked for."""

from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import hdrs, web

from llmgateway.controlplane.asking import AUTHOR_HEADER, author, if_match
from llmgateway.controlplane.changes import Changes, Order, Outcome
from llmgateway.controlplane.draft import Edit
from llmgateway.controlplane.endpoints import Asked
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.replies import reply

QUERY: Final = (
    Param("dry_run", Kind.FLAG, "Only say what would change, or what would be wrong.", default=False),
    Param("wait", Kind.FLAG, "Answer when all workers have it; else once it is written.", default=True),
    Param("reason", Kind.TEXT, "Why; stands in the history.", default=""),
)
HEADERS: Final[Mapping[str, str]] = {
    AUTHOR_HEADER: "Who changes it; stands in the history.",
    "If-Match": "The etag of the text this change is meant for; with another one the answer is 412.",
}
ANSWERS: Final[Mapping[int, str]] = {
    200: "It is in force on all workers; or, dry, it would be.",
    202: "It is written and on its way to the workers (wait=false).",
    409: "It can't be done, or a worker refused it; nothing is different from before.",
    412: "The configuration has changed meanwhile.",
    422: "It would not hold: `problems` has line, setting and reason.",
    503: "The store is away. Nothing was changed.",
}


def order(asked: Asked, *, reason: str = "", confirmed: Iterable[str] = ()) -> Order:
    """The order that a request stands for."""
    return Order(
        author=author(asked),
        reason=asked.query["reason"] or reason,
        match=if_match(asked),
        is_dry=asked.query["dry_run"],
        waits=asked.query["wait"],
        confirmed=frozenset(confirmed),
    )


async def change(changes: Changes, edit: Edit, wanted: Order) -> web.Response:
    """Make the change and answer with what it did."""
    return outcome(await changes.make(edit, wanted))


def outcome(done: Outcome) -> web.Response:
    answer = reply(202 if done.is_pending else 200, done.shown())
    answer.headers[hdrs.ETAG] = done.etag
    return answer
