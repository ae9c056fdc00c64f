"""`llmgateway routes` against a running admin listener."""

import asyncio
import json

import aiohttp
import pytest
from tests.support.admin import CONFIG
from tests.support.listener import run as run_against

from llmgateway.controlplane.replies import CONFIG_HEADER, DATA_HEADER


async def run(gateway, *words):
    return await asyncio.to_thread(run_against, gateway, "routes", *words)


async def test_the_list_is_what_is_in_force(gateway):
    async with gateway.running(workers=1):
        done = await run(gateway, "list")
        assert done.exit_code == 0, done.output
        chat, other = (line for line in done.stdout.splitlines() if " %" in line)
        assert all(part in chat for part in ("chat", "v1 90 %, v2 10 %", "2 of 2 in", "none"))
        assert all(part in other for part in ("vendor/m-*", "pass 100 %", "1 of 1 in"))
        assert "the shares are those of the file" in done.stderr  # nothing here rolls out
        assert (await run(gateway, "weight", "chat", "v2=90")).exit_code == 0
        (route, _) = json.loads((await run(gateway, "list", "--json")).stdout)["routes"]
        assert (route["shares"], route["backends"]) == ({"v1": 50.0, "v2": 50.0}, {"one": "in", "two": "in"})


async def test_a_change_tells_whose_it_was(gateway):
    async with gateway.running(workers=1):
        done = await run(gateway, "weight", "chat", "v2=90")
        assert done.stderr == f"gateway {gateway.url} (config {gateway.file}, data {gateway.data})\n"


@pytest.mark.parametrize(("path", "status"), [("/admin/v1/config", 401), ("/livez", 200)])
async def test_where_its_files_are_is_told_to_nobody_without_a_token(gateway, path, status):
    gateway.file.write_text(CONFIG.replace("[backends.one]", 'token = "env:TOKEN"\n[backends.one]', 1))
    async with gateway.running(workers=1), aiohttp.ClientSession() as client:
        async with client.get(gateway.url + path) as answer:
            assert answer.status == status
            assert not {CONFIG_HEADER, DATA_HEADER} & {name.lower() for name in answer.headers}


async def test_a_file_that_was_edited_by_hand_is_told_of_in_words_that_lead_on(gateway):
    async with gateway.running(workers=1):
        gateway.file.write_text(CONFIG + "# by hand\n")
        refused = await run(gateway, "weight", "chat", "v2=90")
        assert refused.exit_code == 1
        assert (
            "Nothing was changed. The configuration's file was edited, and that is not in force yet" in refused.stderr
        )
        for step in ("`llmgateway config diff` shows what", "`llmgateway reload`, or take it back; then ask again"):
            assert step in refused.stderr
        assert not any(word in refused.stderr.lower() for word in ("etag", "if-match", "412"))
        assert (await asyncio.to_thread(run_against, gateway, "config", "diff")).stdout.endswith("+# by hand\n")
        assert (await asyncio.to_thread(run_against, gateway, "reload")).exit_code == 0
        assert (await run(gateway, "weight", "chat", "v2=90")).exit_code == 0
