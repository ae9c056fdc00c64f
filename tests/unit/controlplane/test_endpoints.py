"""Which endpoint a path means: exact ones first, places take one segment, encoded slashes included."""

import pytest

from llmgateway.controlplane.endpoints import Endpoint, Table


async def nothing(_):
    raise AssertionError


ENDPOINTS = {
    (method, path): Endpoint(nothing, summary=f"{method} {path}")
    for method, path in [
        ("GET", "/livez"),
        ("GET", "/admin/v1/routes"),
        ("GET", "/admin/v1/routes/{name}"),
        ("PUT", "/admin/v1/routes/{name}"),
        ("PUT", "/admin/v1/routes/{name}/weights"),
        ("GET", "/admin/v1/routes/all"),
    ]
}


def found(method, path):
    endpoint, names, is_known = Table(ENDPOINTS).find(method, path)
    return (endpoint.summary if endpoint else None), dict(names), is_known


@pytest.mark.parametrize(
    ("method", "path", "summary", "names"),
    [
        ("GET", "/livez", "GET /livez", {}),
        ("GET", "/admin/v1/routes", "GET /admin/v1/routes", {}),
        ("GET", "/admin/v1/routes/chat", "GET /admin/v1/routes/{name}", {"name": "chat"}),
        ("GET", "/admin/v1/routes/all", "GET /admin/v1/routes/all", {}),
        ("PUT", "/admin/v1/routes/all", "PUT /admin/v1/routes/{name}", {"name": "all"}),
        ("GET", "/admin/v1/routes/openai%2Fgpt-%2A", "GET /admin/v1/routes/{name}", {"name": "openai/gpt-*"}),
        ("PUT", "/admin/v1/routes/weights/weights", "PUT /admin/v1/routes/{name}/weights", {"name": "weights"}),
        ("GET", "/admin/v1/routes/..", "GET /admin/v1/routes/{name}", {"name": ".."}),
    ],
)
def test_a_path_is_found(method, path, summary, names):
    assert found(method, path) == (summary, names, True)


@pytest.mark.parametrize(
    ("method", "path", "is_known"),
    [
        ("POST", "/livez", True),
        ("DELETE", "/admin/v1/routes/chat", True),
        ("GET", "/livez/", False),
        ("GET", "//livez", False),
        ("GET", "/LIVEZ", False),
        ("GET", "/admin/v1/routes/", False),
        ("GET", "/admin/v1/routes/a/b", False),
        ("GET", "/admin%2Fv1/routes", False),
        ("GET", "/" * 5_000, False),
        ("GET", "*", False),
    ],
)
def test_another_path_is_not(method, path, is_known):
    assert found(method, path) == (None, {}, is_known)
