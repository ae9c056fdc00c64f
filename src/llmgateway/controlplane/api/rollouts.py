"""Staged rollouts: where they are, and what people do with them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

from llmgateway.controlplane.asking import AUTHOR_HEADER, author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.controlplane.rollouts.service import RolloutService

PATH: Final = "/admin/v1/rollouts"
LIMIT: Final = 64 * 1024
MAX_REASON: Final = 4_000  # characters in a body; in a URL there is less room
_REASON: Final = (
    Param("reason", Kind.TEXT, "Why; stays in the rollout's history. A longer one goes into the body.", default=""),
)
_WAIVER: Final = Param(
    "waive_replay", Kind.TEXT, "Why it may begin without a replay that it needs; stays in its history.", default=""
)
_APPROVAL: Final = Body(
    "application/json",
    "The evidence that is approved of, by the hash in the rollout's status; without it, what is asked about now.",
    LIMIT,
    {"type": "object", "properties": {"evidence_hash": {"type": "string"}}, "additionalProperties": False},
    is_required=False,
)


def _words(*names: str) -> Body:
    """A body that says what the parameters of the same names do, at length."""
    words = {name: {"type": "string", "maxLength": MAX_REASON} for name in names}
    schema = {"type": "object", "properties": words, "additionalProperties": False}
    return Body("application/json", "The same words, where they are long.", LIMIT, schema, is_required=False)


_WHY: Final = _words("reason")
_BEGINNING: Final = _words("reason", "waive_replay")
_HEADERS: Final = {AUTHOR_HEADER: "Who asks for it; stays in the rollout's history."}
_ANSWERS: Final = {
    200: "Done; how the rollout is now.",
    404: "No rollout runs on this route.",
    409: "Not possible now; `lacks` has what is missing.",
}
_SUMMARIES: Final = {
    "pause": "Keep the candidate's share as it is.",
    "resume": "Go on after a pause; a reason has to be given.",
    "promote": "Make the candidate the route's version; the reason is the rationale.",
    "rollback": "Give nobody the candidate any more.",
    "discard": "File away a rollout whose record can't be read: nobody gets its candidate any more. Needs a reason.",
}
Act = Callable[[str, str, str], Awaitable[object]]


def endpoints(rollouts: RolloutService) -> Routes:
    """The family's part of the table."""
    family = _RolloutsFamily(rollouts)
    table = {**_looking(family), **_saying(family)}
    act = partial(Endpoint, is_query=True, query=_REASON, body=_WHY, headers=_HEADERS, answers=_ANSWERS)
    for name, summary in _SUMMARIES.items():
        table["POST", f"{PATH}/{{route}}/{name}"] = act(family.acting(name), summary=summary)
    return table


def _looking(family: "_RolloutsFamily") -> Routes:
    return {
        ("GET", PATH): Endpoint(
            family.every,
            is_query=True,
            summary="The rollouts, newest first.",
            query=(
                Param("route", Kind.TEXT, "Of this route alone."),
                Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=1_000),
            ),
        ),
        ("GET", f"{PATH}/{{route}}"): Endpoint(
            family.show,
            is_query=True,
            summary="The rollout that runs on a route, or its last one.",
            query=(),
            answers=_ANSWERS,
        ),
        ("GET", f"{PATH}/{{route}}/history"): Endpoint(
            family.history,
            is_query=True,
            summary="Every move of a route's rollout, with who, why and on what evidence.",
            query=(Param("id", Kind.TEXT, "Of this rollout; else of the last one."),),
            answers=_ANSWERS,
        ),
        ("GET", f"{PATH}/{{route}}/bundle"): Endpoint(
            family.bundle,
            is_query=True,
            summary="What a route's last rollback rests on, and what came of its exemplars.",
            query=(Param("id", Kind.TEXT, "Of this rollout; else of the last one that was rolled back."),),
            answers={
                200: "The bundle, and what followed.",
                404: "There was no such rollback, or it has only just been.",
            },
        ),
        ("GET", f"{PATH}/{{route}}/explain"): Endpoint(
            family.explain,
            is_query=True,
            summary="What the figures mean, in sentences.",
            query=(Param("language", Kind.TEXT, "`en` or `ja`.", default="en"),),
            answers=_ANSWERS,
        ),
    }


def _saying(family: "_RolloutsFamily") -> Routes:
    return {
        ("POST", f"{PATH}/{{route}}/start"): Endpoint(
            family.start,
            is_query=True,
            summary="Begin the rollout that the route's table describes.",
            query=(*_REASON, _WAIVER),
            body=_BEGINNING,
            headers=_HEADERS,
            answers=_ANSWERS,
        ),
        ("POST", f"{PATH}/{{route}}/exemplars"): Endpoint(
            family.exemplars,
            is_query=True,
            summary="Ten of the candidate's exchanges, drawn at random, and noted as seen.",
            headers=_HEADERS,
            answers=_ANSWERS,
        ),
        ("POST", f"{PATH}/{{route}}/approve"): Endpoint(
            family.approve,
            is_query=True,
            summary="Approve of going on.",
            body=_APPROVAL,
            headers=_HEADERS,
            answers=_ANSWERS,
        ),
    }


class _RolloutsFamily:
    def __init__(self, rollouts: RolloutService) -> None:
        self._rollouts = rollouts

    async def every(self, asked: Asked) -> web.StreamResponse:
        found = await self._rollouts.every(asked.query["route"], asked.query["limit"])
        return reply(200, {"rollouts": found})

    async def show(self, asked: Asked) -> web.StreamResponse:
        return reply(200, {"rollout": await self._rollouts.shown(asked.names["route"])})

    async def history(self, asked: Asked) -> web.StreamResponse:
        return reply(200, await self._rollouts.history(asked.names["route"], asked.query["id"]))

    async def bundle(self, asked: Asked) -> web.StreamResponse:
        return reply(200, await self._rollouts.bundle(asked.names["route"], asked.query["id"]))

    async def explain(self, asked: Asked) -> web.StreamResponse:
        language = asked.query["language"]
        if language not in {"en", "ja"}:
            raise RefusedError(422, "invalid_parameter", "`language` is en or ja.")
        return reply(200, {"words": await self._rollouts.explained(asked.names["route"], language)})

    async def start(self, asked: Asked) -> web.StreamResponse:
        said = await _said(asked, _BEGINNING)
        await self._rollouts.people.start(asked.names["route"], author(asked), said["reason"], said["waive_replay"])
        return await self.show(asked)

    async def exemplars(self, asked: Asked) -> web.StreamResponse:
        found = await self._rollouts.exemplars(asked.names["route"], author(asked))
        return reply(200, {"exemplars": found})

    async def approve(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, _APPROVAL)
        named = sent.get("evidence_hash")
        if sent.keys() - {"evidence_hash"} or not isinstance(named, str | None):
            raise RefusedError(422, "invalid_body", "The body may name an evidence_hash, and nothing else.")
        await self._rollouts.people.approve(asked.names["route"], author(asked), named)
        return await self.show(asked)

    def acting(self, name: str) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
        """The handler of one of the acts that take a reason alone."""
        act: Act = getattr(self._rollouts.people, name)

        async def handler(asked: Asked) -> web.StreamResponse:
            await act(asked.names["route"], author(asked), (await _said(asked, _WHY))["reason"])
            return await self.show(asked)

        return handler


async def _said(asked: Asked, body: Body) -> dict[str, str]:
    """The words of an act, from the body or else from the URL; raises RefusedError."""
    sent, names = await json_of(asked, body), body.schema["properties"]
    if not all(name in names and isinstance(text, str) and len(text) <= MAX_REASON for name, text in sent.items()):
        known = " and ".join(names)
        raise RefusedError(422, "invalid_body", f"The body may hold {known}: texts of up to {MAX_REASON:,} characters.")
    return {name: sent.get(name) or asked.query[name] for name in names}
