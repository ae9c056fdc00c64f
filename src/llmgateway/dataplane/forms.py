"""Forms and files on their way to a backend where guardrails must have looked into them.

A form is held whole, judged, and written anew. A body that is no form passes if it is certainly sound or a picture.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from llmgateway.dataplane.bodies import asked_aside
from llmgateway.dataplane.call import Call, Request
from llmgateway.dataplane.guardedflow import blocked
from llmgateway.dataplane.masking import mask_facts
from llmgateway.dataplane.outside import refuse_found
from llmgateway.dataplane.upload import Upload
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.encoded import SOUND_OR_PICTURE, is_binary
from llmgateway.guarding.forms import document_of, names_of, sifted_parts, texts_of
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.judging import ask
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.http.messages import first
from llmgateway.wire.form import Part, read_form, write_form
from llmgateway.wire.multipart import boundary

_SAMPLE: Final = 4096
_MEDIA: Final = re.compile(rb"[ \t]*(?:audio|image)/", re.IGNORECASE)


async def guard_upload(call: Call, guard: Guard, request: Request, upload: Upload) -> tuple[Request, Mapping[str, Any]]:
    """Check a form or a file; gives it as it may go on, and its texts for judges.

    GatewayError guardrail_blocked, guardrail_unsupported for what can't be judged, or about the form.
    """
    media = first(call.incoming.headers, b"content-type") or b""
    if not upload.is_form:
        await _until(upload, lambda: upload.size >= _SAMPLE)
        sample = upload.waiting()[:_SAMPLE]
        if not is_binary(sample) or not (_MEDIA.match(media) or SOUND_OR_PICTURE.match(sample)):
            raise GatewayError("guardrail_unsupported")
        return request, {}
    limit = call.in_force.snapshot.server.max_body_bytes
    await _until(upload, lambda: upload.size > limit)
    if upload.size > limit:
        raise GatewayError("guardrail_unsupported", "The form is too long for the route's guardrails.")
    size, mark = upload.size, boundary(media)
    body = await asked_aside(size, upload.waiting)
    upload.close()
    call.gateway.bodies.claim(size)
    call.held += size
    call.exchange.request_bytes = size
    parts = await asked_aside(size, read_form, body, mark)
    refuse_found(call, guard, names_of(parts))
    document = await asked_aside(size, document_of, parts) if guard.judges or guard.slow else {}
    parts = await _judged(call, guard, parts, document, size)
    form = await asked_aside(size, write_form, parts, mark)
    return replace(request, upload=None, form=form), document


async def _judged(call: Call, guard: Guard, parts: list[Part], document: Mapping[str, Any], size: int) -> list[Part]:
    """The parts as they may go on."""
    notes = call.notes = Notes()
    if guard.restores:
        call.placeholders = Placeholders(await asked_aside(size, texts_of, parts))
    sieve = Sieve(guard.request, Stage.REQUEST, notes, call.placeholders, is_strict=True)
    try:
        if guard.judges:
            await asked_aside(size, ask, guard.judges, document, notes)
        return await asked_aside(size, sifted_parts, sieve, parts)
    except Blocked as verdict:
        raise blocked(verdict) from None
    finally:
        call.exchange.verdicts = notes.rows()
        call.placeholders.is_closed = True
        if notes.has_found:
            mask_facts(call, guard)


async def _until(upload: Upload, is_enough: Callable[[], bool]) -> None:
    """Wait until the upload is over, or has come so far; GatewayError where it fails."""
    changed = asyncio.Event()
    upload.on_change = changed.set
    try:
        while not (upload.is_over or upload.error or is_enough()):
            changed.clear()
            await changed.wait()
    finally:
        upload.on_change = None
    if upload.error is not None:
        raise upload.error
