"""Whatever JSON is in the place of what an endpoint of the admin API asks for: it is refused, and nothing fails."""

import re

from tests.support.exchanges import ExchangeFactory

WRONG = ([], {}, [[]], {"a": []}, None, True, -1, 1.5, 10**30, "", "é\u0000", "x" * 600)
PAGES = "/review"  # for browsers: they answer in HTML
FEED = "/admin/v1/live/stream"
CHANGING = ("/reload", "/rollback")


async def operations(gateway):
    """Method, path with its places filled, and operation, of all there are."""
    _, described = await gateway.ask("GET", "openapi.json")
    for path, methods in described["paths"].items():
        if not path.startswith(PAGES) and path != FEED and not path.endswith(CHANGING):
            for method, operation in methods.items():
                yield method.upper(), re.sub(r"\{\w+\}", "chat", path), operation


def members(operation):
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content.get("schema", {}).get("properties", {})


def fitting(schema):
    """Something that a member may be, as far as its schema tells."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    known = {"string": "chat", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return known.get(kind, "chat")


def assert_refused_or_done(status, answer, *about):
    assert status < 500, (about, answer)
    if status >= 400:
        assert answer["error"]["code"], about
        assert answer["error"]["message"], about


async def test_every_member_of_every_body_may_be_anything(gateway):
    asked = 0
    async with gateway.running(workers=0):
        await gateway.store.append([ExchangeFactory().entry(route="chat")], [], [], None)
        async for method, path, operation in operations(gateway):
            known = members(operation)
            for name in known:
                for wrong in WRONG:
                    body = {other: fitting(schema) for other, schema in known.items()} | {name: wrong}
                    status, answer = await gateway.ask(method, path, json=body)
                    assert_refused_or_done(status, answer, method, path, body)
                    asked += 1
    assert asked > 300


async def test_every_body_may_be_anything(gateway):
    async with gateway.running(workers=0):
        async for method, path, operation in operations(gateway):
            if "requestBody" not in operation:
                continue
            for wrong in (b"", b"{", b"\xff", b"null", b"[]", b'"x"', b"1e400", b'{"a": 1}', b"[" * 20_000):
                for media in ("application/json", "application/toml", "text/plain"):
                    headers = {"Content-Type": media, "If-Match": "*"}
                    status, answer = await gateway.ask(method, path, data=wrong, headers=headers)
                    assert_refused_or_done(status, answer, method, path, wrong, media)


async def test_every_parameter_may_be_anything(gateway):
    texts = ("", "-1", "1e5", "9" * 20, "NaN", "true", "é", "x" * 600, "\ud7ff", "'; --", "\n", "2026-13-01")
    async with gateway.running(workers=0):
        async for method, path, operation in operations(gateway):
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    for text in texts:
                        status, answer = await gateway.ask(method, path, params={parameter["name"]: text})
                        assert_refused_or_done(status, answer, method, path, parameter["name"], text)
