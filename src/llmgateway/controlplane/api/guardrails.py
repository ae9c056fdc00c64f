"""Guardrails: which there are, and what they would make of a text. The text is neither logged nor kept."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from aiohttp import web

from llmgateway.config.describe import described_route
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import page_by, page_of
from llmgateway.controlplane.refused import RefusedError, sentence
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.replies import Reply, reply
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.trial import MAX_NAMES, FindClasses, Trial, TrialError, catalogue
from llmgateway.wire.jsoncodec import encode

LIMIT: Final = 1024 * 1024
_TEXT: Final = {"type": "string"}
CHECK: Final = Body(
    "application/json",
    "The text, and who is asked: a route's guardrails, or some by name; pii and secrets without either.",
    LIMIT,
    {
        "type": "object",
        "properties": {
            "text": {**_TEXT, "description": "A message or an answer. JSON is looked into."},
            "stage": {"enum": [stage.value for stage in Stage], "default": Stage.REQUEST.value},
            "request": {"type": "object", "description": "Of a reply: the request that it answers."},
            "route": {**_TEXT, "description": "The route, or a model name."},
            "guardrails": {
                "type": "array",
                "items": _TEXT,
                "minItems": 1,
                "maxItems": MAX_NAMES,
                "description": "Names of the configuration, or of plug-ins, which then have their own defaults.",
            },
        },
        "required": ["text"],
        "additionalProperties": False,
    },
)
_FIELDS: Final = frozenset(CHECK.schema["properties"])

# One thread for all: several would take turns with each other at the interpreter's lock, and the loop with all of them.
_ASIDE: Final = ThreadPoolExecutor(1, thread_name_prefix="guardrails")


def endpoints(reloader: Reloader, classes: FindClasses) -> Routes:
    """The family's part of the table."""
    family = _GuardrailsFamily(reloader, classes)
    return {
        ("GET", "/admin/v1/guardrails"): Endpoint(
            family.every,
            is_query=True,
            summary="The guardrails in force by route, and the plug-ins there are.",
            query=page_by("route"),
        ),
        ("POST", "/admin/v1/guardrails/check"): Endpoint(
            family.check,
            is_query=True,
            summary="What guardrails would find in a text, and what would follow. Sends and keeps nothing.",
            query=(),
            body=CHECK,
            answers={
                200: "The action, the text as it would go on, and the findings, with offsets in its code points.",
                404: "There is no such route or guardrail.",
                422: "The body is not what it should be, or a guardrail needs settings that it has not.",
            },
        ),
    }


class _GuardrailsFamily:
    def __init__(self, reloader: Reloader, classes: FindClasses) -> None:
        self._reloader = reloader
        self._classes = classes
        self._trial: Trial | None = None  # of the configuration in force when it was made

    async def every(self, asked: Asked) -> web.StreamResponse:
        now = self._reloader.snapshot
        names, following = page_of(now.routes, asked.query)
        routes = [_described(name, now) for name in names]
        plugins = await self._aside(catalogue, self._classes)
        return reply(200, {"generation": now.generation, "routes": routes, "next": following, "plugins": plugins})

    async def check(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, CHECK)
        text, stage, route, names = _read(sent)
        content = await self._aside(self._checked, text, stage, _document(sent, stage), route, names)
        return Reply(status=200, body=content, content_type="application/json")

    async def _aside(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(_ASIDE, function, *args)

    def _checked(
        self, text: str, stage: Stage, document: dict[str, Any] | None, route: str | None, names: list[str] | None
    ) -> bytes:
        trial = self._trial_in_force()
        try:
            if route is not None:
                panel = trial.of_route(route, stage)
            else:
                panel = trial.of_names(names) if names is not None else trial.of_names()
        except TrialError as error:
            raise _refused(error) from None
        return encode(panel.check(text, stage, document).shown())

    def _trial_in_force(self) -> Trial:
        """Guardrails take some time to make, so they are kept for as long as the configuration holds."""
        snapshot, trial = self._reloader.snapshot, self._trial
        if trial is None or trial.snapshot is not snapshot:
            trial = self._trial = Trial(snapshot, self._classes)
        return trial


def _described(name: str, snapshot: Snapshot) -> dict[str, Any]:
    return {"route": name, "guardrails": described_route(snapshot.routes[name], snapshot)["guardrails"]}


def _read(sent: Mapping[str, Any]) -> tuple[str, Stage, str | None, list[str] | None]:
    if unknown := sent.keys() - _FIELDS:
        raise _wrong(f"has {len(unknown)} unknown fields; there are {', '.join(sorted(_FIELDS))}")
    text, route, names = sent.get("text"), sent.get("route"), sent.get("guardrails")
    if not isinstance(text, str):
        raise _wrong("needs a text for text")
    if route is not None and not isinstance(route, str):
        raise _wrong("needs a text for route")
    if names is not None and not _are_names(names):
        raise _wrong(f"needs a list of 1 to {MAX_NAMES} names for guardrails")
    if route is not None and names is not None:
        raise _wrong("names a route and guardrails: one of them is enough")
    return text, _stage(sent.get("stage", Stage.REQUEST)), route, names


def _document(sent: Mapping[str, Any], stage: Stage) -> dict[str, Any] | None:
    """What was asked, where that is told."""
    document = sent.get("request")
    if document is None:
        return None
    if not isinstance(document, dict):
        raise _wrong("needs an object for request")
    if stage is not Stage.REPLY:
        raise _wrong("has a request, which is only for replies")
    return document


def _are_names(names: Any) -> bool:
    return isinstance(names, list) and 0 < len(names) <= MAX_NAMES and all(isinstance(each, str) for each in names)


def _stage(sent: Any) -> Stage:
    try:
        return Stage(sent)
    except ValueError:
        raise _wrong(f"needs {' or '.join(Stage)} for stage") from None


def _refused(error: TrialError) -> RefusedError:
    if error.what == "setting":
        return RefusedError(422, "guardrail_not_configured", sentence(str(error)))
    return RefusedError(404, f"{error.what}_not_found", sentence(str(error)))


def _wrong(what: str) -> RefusedError:
    return RefusedError(422, "invalid_body", f"The body {what}.")
