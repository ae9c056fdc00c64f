"""The document describes the very table that the listener answers from, in OpenAPI's form."""

import re

import pytest

from llmgateway.controlplane.api.openapi import PATH, document, with_description
from llmgateway.controlplane.api.table import Sources, endpoints
from llmgateway.controlplane.endpoints import Body, Endpoint


class Anything:
    """Stands in for whatever an endpoint would ask; none is called here."""

    def __getattr__(self, name):
        return Anything()

    def __str__(self):
        return "config.toml"


TABLE = endpoints(Sources(*[Anything()] * 9), {})
DOCUMENT = document(TABLE)
OPERATIONS = [(method, path, each) for path, item in DOCUMENT["paths"].items() for method, each in item.items()]


def test_every_endpoint_is_in_it_and_nothing_else():
    assert {(method.upper(), path) for method, path, _ in OPERATIONS} == set(TABLE)
    assert ("GET", PATH) in TABLE
    assert len(TABLE) > 20


def test_each_operation_has_a_summary_and_a_name_of_its_own():
    assert all(each["summary"].endswith(".") for _, _, each in OPERATIONS)
    names = [each["operationId"] for _, _, each in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]\w+", name) for name in names)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_is_formed_as_openapi_wants_it(method, path, operation):
    parameters = operation["parameters"]
    assert {each["name"] for each in parameters if each["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
    assert all(each["required"] for each in parameters if each["in"] == "path")
    assert len({(each["name"], each["in"]) for each in parameters}) == len(parameters)
    assert all("schema" in each for each in parameters)
    assert any(status.startswith("2") for status in operation["responses"])
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[1-5]\d\d", status)
        assert response["description"]
        for content in response["content"].values():
            assert content["schema"] in ({}, {"$ref": "#/components/schemas/Error"})
    assert ("requestBody" in operation) <= (method in {"put", "patch", "post"})


def test_only_probes_need_no_token():
    unguarded = {path for _, path, each in OPERATIONS if each["security"] == []}
    assert unguarded == {"/livez", "/readyz", "/startupz"}


def test_whatever_changes_something_can_be_tried_first_and_be_bound_to_a_text():
    changing = [each for _, _, each in OPERATIONS if "412" in each["responses"]]
    assert len(changing) >= 5
    for operation in changing:
        names = {each["name"] for each in operation["parameters"]}
        assert {"dry_run", "wait", "reason", "If-Match", "x-llmgateway-author"} <= names


def test_an_endpoint_of_somebody_else_is_described_too():
    async def hello(_): ...

    body = Body("application/json", "Anything.", 10)
    table = with_description({("POST", "/admin/v1/hello/{name}"): Endpoint(hello, summary="Hello.", body=body)})
    operation = document(table)["paths"]["/admin/v1/hello/{name}"]["post"]
    assert operation["requestBody"]["description"] == "Anything. At most 10 bytes."
    assert operation["operationId"] == "post_hello_name"
