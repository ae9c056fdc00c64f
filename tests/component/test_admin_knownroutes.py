"""Lists of one route: a name that no route has or had is refused, one of the past or of the log alone is not."""

from tests.support.admin import CONFIG
from tests.support.exchanges import ExchangeFactory

from llmgateway.ports.store import Entry

PREFIX = "/admin/v1/"
TOLD = 'No route is called "chta"; did you mean "chat"? There is "chat", "vendor/m-*".'
ESTIMATE = "datasets/{name}/{version}/estimate"  # asks about a candidate, so its route has to be in force


async def lists(gateway):
    """The paths that take a route, as the API describes itself."""
    _, described = await gateway.ask("GET", "openapi.json")
    found = {
        path.removeprefix(PREFIX): methods["get"]
        for path, methods in described["paths"].items()
        if any(
            each["name"] == "route" and each["in"] == "query" for each in methods.get("get", {}).get("parameters", ())
        )
    }
    assert all("404" in operation["responses"] for operation in found.values())
    return found.keys() - {ESTIMATE}


async def test_every_list_refuses_a_route_that_never_was_with_the_nearest_name(gateway):
    async with gateway.running(workers=0):
        every = await lists(gateway)
        assert {"exchanges", "events", "versions", "scores", "review/items", "concerns"} <= every
        for path in every:
            code, answer = await gateway.ask("GET", f"{path}?route=chta")
            assert (code, answer["error"]["code"], answer["error"]["message"]) == (404, "route_not_found", TOLD), path
            code, _ = await gateway.ask("GET", f"{path}?route=chat")
            assert code == 200, path


async def test_a_model_that_a_pattern_takes_is_told_under_which_name_it_is(gateway):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("GET", "exchanges?route=vendor/m-7")
        assert code == 404
        assert 'equests for it go to the route "vendor/m-*"' in answer["error"]["message"]


async def test_routes_of_the_past_and_of_the_log_alone_are_known(gateway):
    async with gateway.running(workers=1):
        row = ExchangeFactory().row(route="older")
        await gateway.store.append([Entry(row, [])], [], [], None)
        code, _ = await gateway.put_text(CONFIG.replace("routes.chat", "routes.talk"))
        assert code == 200
        for path in await lists(gateway):
            for route in ("chat", "talk", "older"):
                code, _ = await gateway.ask("GET", f"{path}?route={route}")
                assert code == 200, (path, route)


async def test_a_dataset_is_not_begun_for_a_route_that_never_was(gateway):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("POST", "datasets", json={"name": "golden", "route": "chta"})
        assert (code, answer["error"]["message"]) == (404, TOLD)
        assert (await gateway.ask("GET", "datasets"))[1] == {"datasets": []}
        code, _ = await gateway.ask("POST", "datasets", json={"name": "golden", "route": "chat"})
        assert code == 200
