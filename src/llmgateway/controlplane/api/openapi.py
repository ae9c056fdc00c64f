"""The API's description, made of the table that the listener answers from: neither can say what the other does not."""

from typing import Any, Final

from aiohttp import web

from llmgateway import __version__
from llmgateway.controlplane.endpoints import NAME, Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import schema
from llmgateway.controlplane.replies import reply

PATH: Final = "/admin/v1/openapi.json"
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "additionalProperties": True,
        }
    },
}
_DENIED: Final = {401: "The admin token is missing or not valid.", 403: "The Host or Origin header is a foreign one."}


def with_description(endpoints: Routes) -> Routes:
    """The endpoints and one more, which describes them all."""

    async def describe(_: Asked) -> web.StreamResponse:
        return reply(200, document(table))

    table = {**endpoints, ("GET", PATH): Endpoint(describe, summary="This document.", query=())}
    return table


def document(endpoints: Routes) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), endpoint in sorted(endpoints.items()):
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "llmgateway admin API", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}, **_cookies(endpoints)},
        },
    }


def _operation(method: str, path: str, endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(method, path),
        "summary": endpoint.summary,
        "parameters": [*_in_path(path), *_in_query(endpoint), *_in_headers(endpoint)],
        "responses": _responses(endpoint),
        "security": _security(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint.body)
    return operation


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    """Also where a token is configured, nobody needs one for what is open."""
    if endpoint.cookie is not None:
        return [{endpoint.cookie: []}]
    return [] if endpoint.is_open else [{"token": []}, {}]


def _cookies(endpoints: Routes) -> dict[str, Any]:
    names = sorted({endpoint.cookie for endpoint in endpoints.values() if endpoint.cookie is not None})
    return {name: {"type": "apiKey", "in": "cookie", "name": name} for name in names}


def _operation_id(method: str, path: str) -> str:
    words = [
        word.strip("{}").replace(".", "_").replace("-", "_")
        for word in path.split("/")
        if word not in {"", "admin", "v1"}
    ]
    return "_".join((method.lower(), *words))


def _in_path(path: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in NAME.findall(path)]


def _in_query(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": param.name, "in": "query", "description": param.description, "schema": schema(param)}
        | ({"style": "form", "explode": False} if schema(param)["type"] == "array" else {})
        for param in endpoint.query or ()
    ]


def _in_headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}
        for name, about in endpoint.headers.items()
    ]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    told = dict(endpoint.answers) | ({} if endpoint.is_open else _DENIED)
    if endpoint.query is not None:
        told.setdefault(422, "A parameter is unknown, or not what it should be.")
    return {str(status): _response(status, about, endpoint) for status, about in sorted(told.items())}


def _response(status: int, about: str, endpoint: Endpoint) -> dict[str, Any]:
    if status < 300:
        return {"description": about, "content": {endpoint.produces: {"schema": {}}}}
    content = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {"description": about, "content": {"application/json": content}}


def _request_body(body: Body) -> dict[str, Any]:
    return {
        "required": body.is_required,
        "description": f"{body.description} At most {body.limit} bytes.",
        "content": {body.content_type: {"schema": dict(body.schema)}},
    }
