"""Multipart requests: `/v1/files`, kept in memory and bounded, and `/v1/audio/transcriptions`."""

import hashlib
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from llmgateway.modelserver import answering, media
from llmgateway.modelserver.prompt import CREATED, ApiError
from llmgateway.modelserver.service import MOST_BODY_BYTES, Service
from llmgateway.wire.jsoncodec import encode

_MOST_FIELDS = 64


@dataclass(slots=True)
class Form:
    """A multipart form: its text fields and its one file."""

    fields: dict[str, Any]
    content: bytes
    file_name: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as `/v1/files` shows it, with what is in it."""

    described: dict[str, Any]
    content: bytes


async def read_form(service: Service, request: web.Request) -> Form:
    """Read a multipart body with a part named `file`; sizes and numbers of fields are bounded."""
    if not request.content_type.startswith("multipart/"):
        raise ApiError(400, "The body must be multipart/form-data.")
    form, reader = Form({}, b"", ""), await request.multipart()
    try:
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise ApiError(400, "A part must not be multipart itself.")
            await _read_part(part, form)
    except ValueError:
        raise ApiError(400, "The multipart body is not well formed.") from None
    if not form.file_name:
        raise ApiError(400, "A part named 'file' is missing.", param="file")
    service.record(request.method, request.path_qs, list(request.headers.items()), form.content)
    return form


async def _read_part(part: BodyPartReader, form: Form) -> None:
    content = bytes(await part.read(decode=False))
    if len(content) + len(form.content) > MOST_BODY_BYTES or len(form.fields) >= _MOST_FIELDS:
        raise ApiError(413, "The form is too large.")
    if part.filename is not None or part.name == "file":
        form.content, form.file_name = content, part.filename or "file"
    else:
        form.fields[part.name or ""] = content.decode("utf-8", "replace")


async def transcribe(service: Service, request: web.Request) -> web.StreamResponse:
    """Answer `/v1/audio/transcriptions` and `/translations`."""
    form = await read_form(service, request)
    knobs = service.turn(request.headers, form.fields)
    service.check_model(form.fields)
    made, content_type = media.transcription(form.fields, form.content, form.file_name)
    content = encode(made) if isinstance(made, dict) else made
    return await answering.finish(service, request, form.fields, knobs, (content, content_type))


async def create(service: Service, request: web.Request) -> web.StreamResponse:
    """Keep a file; the same content has the same id."""
    form = await read_form(service, request)
    knobs = service.turn(request.headers, form.fields)
    described = {
        "id": f"file-{hashlib.sha256(form.file_name.encode() + form.content).hexdigest()[:24]}",
        "object": "file",
        "bytes": len(form.content),
        "created_at": CREATED,
        "filename": form.file_name,
        "purpose": form.fields.get("purpose", "user_data"),
        "status": "processed",
    }
    service.files.put(described["id"], StoredFile(described, form.content), len(form.content))
    return await answering.finish(service, request, form.fields, knobs, described)


async def listing(service: Service, _request: web.Request) -> web.StreamResponse:
    """List the files."""
    entries = [file.described for file in service.files]
    return web.json_response({"object": "list", "data": entries, "has_more": False})


async def show(service: Service, request: web.Request) -> web.StreamResponse:
    """Describe a file."""
    return web.json_response(_found(service, request).described)


async def content(service: Service, request: web.Request) -> web.StreamResponse:
    """Send a file's content."""
    return web.Response(body=_found(service, request).content, content_type="application/octet-stream")


async def delete(service: Service, request: web.Request) -> web.StreamResponse:
    """Forget a file."""
    name = _found(service, request).described["id"]
    service.files.take(name)
    return web.json_response({"id": name, "object": "file", "deleted": True})


def _found(service: Service, request: web.Request) -> StoredFile:
    file = service.files.get(request.match_info["id"])
    if not isinstance(file, StoredFile):
        raise ApiError(404, "No such File object.", param="id")
    return file
