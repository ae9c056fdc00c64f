"""The registry over the admin API: what versions are made of, where they were in force, labels and notes; prompts' files."""

import pytest
from tests.support.admin import CANARY, CONFIG, AdminGateway, until

from llmgateway.ports.versions import MAX_LABEL, MAX_LABEL_VALUE, MAX_LABELS, MAX_NOTE

PROMPTED = CONFIG.replace('model = "m2"\n', 'model = "m2"\nprompt_file = "prompts/v2.txt"\n')
ADA = {"x-llmgateway-author": "ada"}


@pytest.fixture
def gateway(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v2.txt").write_text("Be kind.\n")
    gateway = AdminGateway(tmp_path, PROMPTED)
    yield gateway
    gateway.listener.close()


async def ids(gateway, **query):
    _, view = await gateway.ask("GET", "versions", params=query)
    return {(each["route"], each["name"]): each["id"] for each in view["versions"]}


async def recorded(gateway, version_id):
    """The version, once the registry has taken it down."""
    found = {}

    async def is_there():
        code, answer = await gateway.ask("GET", f"versions/{version_id}")
        found.update(answer.get("version", {}))
        return code == 200 and answer["version"]["spec"] is not None

    await until(is_there)
    return found


async def test_a_version_is_shown_whole_with_secrets_by_reference(gateway):
    async with gateway.running():
        names = await ids(gateway)
        version = await recorded(gateway, names["chat", "v2"])
        assert version["spec"] == {
            "backends": [["openai", "http://127.0.0.1:9002/v1"]],
            "model": "m2",
            "params": {},
            "prompt": "Be kind.",
        }
        (place,) = version["routes"]
        assert (place["route"], place["name"], place["in_force"], place["last_served"]) == ("chat", "v2", True, None)
        (terms,) = place["terms"]
        assert (terms["generation"], terms["author"], terms["prompt_file"]) == (1, "file", "prompts/v2.txt")
        assert [each["credential"] for each in terms["backends"]] == ["env:TWO"]
        shared = await recorded(gateway, names["chat", "v1"])
        assert [(each["route"], each["name"]) for each in shared["routes"]] == [
            ("chat", "v1"),
            ("vendor/m-*", "pass"),
        ]
        assert CANARY not in str(shared)
        for unknown in ("0" * 12, "nonsense", "%00"):
            code, answer = await gateway.ask("GET", f"versions/{unknown}")
            assert (code, answer["error"]["code"]) == (404, "version_not_found")


async def test_a_changed_prompt_is_another_version_from_the_next_reload_on(gateway):
    async with gateway.running() as (control, workers):
        before = (await ids(gateway))["chat", "v2"]
        await recorded(gateway, before)
        (gateway.file.parent / "prompts" / "v2.txt").write_text("Be brief.\n")
        assert (await ids(gateway))["chat", "v2"] == before
        _, report = await gateway.ask("POST", "/admin/v1/reload")
        after = (await ids(gateway))["chat", "v2"]
        assert report["versions"] == [f"chat/v2 is another version now with another prompt: {after}, not {before}"]
        assert [worker.text for worker in workers] == [control.links.text] * 2
        assert "\n#| Be brief.\n" in control.links.text
        assert (await recorded(gateway, after))["spec"]["prompt"] == "Be brief."
        await until(lambda: _has(gateway, 2))
        newest, _ = await gateway.history()
        assert newest["number"] == 2
        _, shown = await gateway.ask("GET", "generations/2")
        assert "\n-#| Be kind.\n+#| Be brief.\n" in shown["diff"]
        former = await recorded(gateway, before)
        assert [each["in_force"] for each in former["routes"]] == [False]
        assert before not in (await ids(gateway)).values()
        _, view = await gateway.ask("GET", "versions", params={"past": "true", "route": "chat"})
        assert [(each["id"], each["in_force"]) for each in view["versions"] if each["name"] == "v2"] == [
            (after, True),
            (before, False),
        ]


async def _has(gateway, count):
    return len(await gateway.history()) == count


async def test_a_change_takes_a_prompts_file_along_as_it_is_now_and_says_so(gateway):
    async with gateway.running() as (control, workers):
        (gateway.file.parent / "prompts" / "v2.txt").write_text("Be brief.\n")
        code, dry = await gateway.weights(query={"dry_run": "true"}, v1=50, v2=50)
        assert code == 200
        assert "\n-#| Be kind.\n+#| Be brief.\n" in dry["diff"]
        assert "Be kind." in control.links.text
        code, done = await gateway.weights(v1=50, v2=50)
        assert (code, done["diff"]) == (200, dry["diff"])
        assert done["replaces_edits"] is dry["replaces_edits"] is False
        assert "#|" not in gateway.file.read_text()
        assert {worker.text for worker in workers} == {control.links.text}
        code, done = await gateway.weights(v1=50, v2=50)
        assert (code, done["changed"]) == (200, False)


async def test_a_worker_that_refuses_has_the_old_prompt_again(gateway):
    async with gateway.running() as (control, workers):
        (gateway.file.parent / "prompts" / "v2.txt").write_text("Be brief.\n")
        workers[0].refuses = "Be brief."
        code, answer = await gateway.weights(v1=50, v2=50)
        assert (code, answer["error"]["code"]) == (409, "worker_refused")
        assert {worker.text for worker in workers} == {control.links.text}
        assert "Be kind." in control.links.text


async def test_a_rollback_puts_the_text_back_and_never_a_prompts_comments(gateway):
    before = gateway.file.read_text()
    async with gateway.running() as (control, _):
        await gateway.weights(v1=50, v2=50)
        code, _ = await gateway.ask("POST", "generations/1/rollback")
        assert code == 200
        assert gateway.file.read_text() == before
        assert control.links.plain == before
        _, view = await gateway.ask("GET", "config", params={"format": "json"})
        assert (view["in_force"], view["diff"]) == (True, "")


async def test_a_prompt_that_is_gone_is_refused_with_its_line(gateway):
    async with gateway.running():
        (gateway.file.parent / "prompts" / "v2.txt").unlink()
        code, answer = await gateway.weights(v1=50, v2=50)
        assert code == 422
        (problem,) = answer["error"]["problems"]
        assert problem["path"] == "routes.chat.versions.v2.prompt_file"
        assert (problem["line"], problem["reason"]) == (
            19,
            '"prompts/v2.txt" cannot be read: No such file or directory',
        )


async def test_labels_and_notes_are_said_by_name_and_stand_in_the_list(gateway):
    async with gateway.running():
        version = (await ids(gateway))["chat", "v2"]
        await recorded(gateway, version)
        path = f"versions/{version}"
        code, answer = await gateway.ask(
            "POST", f"{path}/labels", json={"labels": {"stage": "canary", "x": "1"}}, headers=ADA
        )
        assert code == 200
        assert answer["version"]["labels"]["stage"] | {"at": 0} == {"value": "canary", "author": "ada", "at": 0}
        _, answer = await gateway.ask("POST", f"{path}/labels", json={"labels": {"x": None}}, headers=ADA)
        assert list(answer["version"]["labels"]) == ["stage"]
        code, answer = await gateway.ask("POST", f"{path}/notes", json={"text": " Asks twice.\nSee T-1. "}, headers=ADA)
        (note,) = answer["version"]["notes"]
        assert (code, note["author"], note["text"]) == (200, "ada", "Asks twice.\nSee T-1.")
        _, view = await gateway.ask("GET", "versions", params={"route": "chat"})
        lines = {each["name"]: (each["labels"], each["notes"]) for each in view["versions"]}
        assert lines == {"v1": ({}, 0), "v2": ({"stage": "canary"}, 1)}
        assert (await ids(gateway))["chat", "v2"] == version


async def test_versions_of_a_route_that_is_gone_are_still_told(gateway):
    async with gateway.running():
        gone = (await ids(gateway))["vendor/m-*", "pass"]
        text = gateway.file.read_text()
        code, _ = await gateway.put_text(text[: text.index('[routes."vendor')])
        assert code == 200
        assert ("vendor/m-*", "pass") not in await ids(gateway)
        for query in ({"past": "true"}, {"past": "true", "route": "vendor/m-*"}):
            assert (await ids(gateway, **query))["vendor/m-*", "pass"] == gone
        assert await ids(gateway, route="vendor/m-*") == {}
        places = (await recorded(gateway, gone))["routes"]
        assert [(each["name"], each["in_force"]) for each in places] == [("v1", True), ("pass", False)]


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("labels", {}),
        ("labels", {"labels": {}}),
        ("labels", {"labels": []}),
        ("labels", {"labels": {"a": 1}}),
        ("labels", {"labels": {"": "x"}}),
        ("labels", {"labels": {"a=b": "x"}}),
        ("labels", {"labels": {" a": "x"}}),
        ("labels", {"labels": {"a\n": "x"}}),
        ("labels", {"labels": {"a": ""}}),
        ("labels", {"labels": {"a": "x\u0000"}}),
        ("labels", {"labels": {"a": "x" * (MAX_LABEL_VALUE + 1)}}),
        ("labels", {"labels": {"a" * (MAX_LABEL + 1): "x"}}),
        ("labels", {"labels": {str(number): "x" for number in range(MAX_LABELS + 1)}}),
        ("labels", {"labels": {"a": "x"}, "more": 1}),
        ("notes", {}),
        ("notes", {"text": " "}),
        ("notes", {"text": 7}),
        ("notes", {"text": "x" * (MAX_NOTE + 1)}),
        ("notes", {"text": "x", "author": "me"}),
    ],
)
async def test_what_is_no_label_or_note_is_refused_and_nothing_is_saved(gateway, what, sent):
    async with gateway.running():
        version = (await ids(gateway))["chat", "v2"]
        await recorded(gateway, version)
        code, answer = await gateway.ask("POST", f"versions/{version}/{what}", json=sent)
        assert (code, answer["error"]["code"]) == (422, "invalid_body")
        found = (await gateway.ask("GET", f"versions/{version}"))[1]["version"]
        assert (found["labels"], found["notes"]) == ({}, [])


async def test_nobody_says_anything_of_a_version_that_never_was_and_labels_are_bounded(gateway):
    async with gateway.running():
        for what, sent in (("labels", {"labels": {"a": "x"}}), ("notes", {"text": "x"})):
            code, answer = await gateway.ask("POST", f"versions/{'0' * 12}/{what}", json=sent)
            assert (code, answer["error"]["code"]) == (404, "version_not_found")
        version = (await ids(gateway))["chat", "v2"]
        await recorded(gateway, version)
        full = {"labels": {str(number): "x" for number in range(MAX_LABELS)}}
        assert (await gateway.ask("POST", f"versions/{version}/labels", json=full))[0] == 200
        code, answer = await gateway.ask("POST", f"versions/{version}/labels", json={"labels": {"more": "x"}})
        assert (code, answer["error"]["code"]) == (409, "too_many_labels")


async def test_a_version_that_answered_says_when_before_that_is_saved_and_after(gateway):
    async with gateway.running() as (control, _):
        version = (await ids(gateway))["chat", "v2"]
        await recorded(gateway, version)
        registry = control._parts.registry
        row = {"route": "chat", "served_version": "v2", "generation": 1, "shadow_of": None, "tags": None}
        registry.came([row | {"at": 1_790_000_000.0}])
        for _ in range(2):
            _, view = await gateway.ask("GET", "versions", params={"route": "chat"})
            assert [each["last_served"] for each in view["versions"]] == [None, 1_790_000_000.0]
            (place,) = (await recorded(gateway, version))["routes"]
            assert place["last_served"] == 1_790_000_000.0
            await registry.save_served()
