import asyncio
import io
import os
import socket
from dataclasses import replace

import psutil
import pytest
import tomlkit
from rich.console import Console

from llmgateway.cli.demo import children, evidence, screen, setting, traffic
from llmgateway.cli.demo.children import Child, ChildDiedError
from llmgateway.cli.demo.evidence import Logged
from llmgateway.cli.demo.traffic import Outcome
from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings
from llmgateway.ports.store import COLUMNS, Body

HASH = "sha256:" + "0" * 64


@pytest.fixture
def document():
    return tomlkit.parse(setting.example().read_text())


@pytest.fixture
def where(document, tmp_path):
    return setting.prepare(document, tmp_path, {"one": 4001, "two": 4002}, HASH)


def row(number=0, version="v1", **fields):
    made = dict.fromkeys(COLUMNS)
    made |= {"id": f"0199-{number:04d}", "seq": number, "assigned_version": version, "user": f"u{number}", "tags": {}}
    made |= {"status": 200, "end": "completed", "stream": True, "overhead_s": 0.0002, "duration_s": 0.05}
    return {**made, "input_tokens": 20, "output_tokens": 30, "route": "assistant", "key": "demo", **fields}


def outcomes(count, **fields):
    return [replace(Outcome(request), total_s=0.02, **fields) for request in traffic.plan(count)]


# --- the configuration


def test_the_copy_has_the_chosen_ports_and_folder_and_keeps_everything_else(where, tmp_path):
    text = where.config.read_text()
    copy = tomlkit.parse(text)
    assert copy["backends"]["one"]["base_url"] == "http://127.0.0.1:4001/v1"
    assert copy["backends"]["two"]["base_url"] == "http://127.0.0.1:4002/v1"
    assert copy["data"]["dir"] == str(tmp_path / "data")
    assert copy["keys"]["demo"]["hash"] == HASH
    original = setting.example().read_text()
    assert len(text.splitlines()) == len(original.splitlines())
    assert (where.weights, where.route) == ({"v1": 90, "v2": 10}, "assistant")


def test_a_default_port_is_kept_when_free_and_left_when_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert setting.free_port(port) != port
    assert setting.free_port(port) == port


def test_the_port_of_the_example_is_read_from_its_backends(document):
    assert (setting.default_port(document, "one"), setting.default_port(document, "two")) == (9001, 9002)


# --- the traffic


def test_the_plan_is_a_fixed_mix_with_many_users():
    plan = traffic.plan(200)
    assert plan == traffic.plan(200)
    kinds = [request.kind for request in plan]
    assert {"chat", "tool", "stumble", "mistake", "cut", "down"} == set(kinds)
    assert kinds.count("chat") > 150
    assert 0.2 < sum(request.stream for request in plan) / 200 < 0.5
    assert len({request.user for request in plan}) > 100


async def test_real_requests_end_as_the_plan_says():
    heard = []
    async with ModelServer(Settings()) as server:
        found = await traffic.send(traffic.plan(40), server.url, "key", "assistant", heard.append)
    by_kind = {outcome.request.kind: outcome for outcome in found}
    assert len(heard) == len(found) == 40
    assert by_kind["chat"].error is None
    assert by_kind["tool"].error is None
    assert (by_kind["mistake"].error, by_kind["down"].error, by_kind["cut"].error) == ("400", "503", "broke off")
    assert by_kind["stumble"].error == "503"  # nobody in between to try again
    assert all(outcome.first_token_s for outcome in found if outcome.request.stream)
    assert all(outcome.total_s > 0 and outcome.exchange for outcome in found)


async def test_a_gateway_that_is_not_there_is_an_outcome_too():
    found = await traffic.send(traffic.plan(2), "http://127.0.0.1:9", "key", "assistant", lambda _: None)
    assert [outcome.error for outcome in found] == ["APIConnectionError"] * 2


# --- the figures


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        ([], {}),
        ([0.001], {"p50": 1.0, "p95": 1.0, "p99": 1.0}),
        ([n / 1000 for n in range(100, 0, -1)], {"p50": 50.0, "p95": 95.0, "p99": 99.0}),
    ],
)
def test_percentiles_are_milliseconds_by_nearest_rank(seconds, found):
    assert evidence.percentiles(seconds) == found


def test_shares_count_what_was_assigned_to_the_versions_only(where):
    rows = [row(n) for n in range(8)] + [row(8, "v2"), row(9, "v2"), row(10, None)]
    one, two = evidence.shares(rows, where)
    assert (one.wanted, one.got, one.count, one.users) == (0.9, 0.8, 8, 8)
    assert (two.wanted, two.got, two.count) == (0.1, 0.2, 2)


def test_shares_of_nothing_are_nothing(where):
    assert [share.got for share in evidence.shares([], where)] == [0, 0]


def test_an_unknown_cost_is_unknown_and_never_nothing(where):
    assert evidence.summarize([], Logged([row()]), where, 1.0).cost_usd is None
    assert evidence.summarize([], Logged([row(cost_usd=0.5), row()]), where, 1.0).cost_usd == 0.5


# --- the screen


def shown(where, logged, results, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(screen.welcome())
    summary = evidence.summarize(results, logged, where, 3.2)
    console.print(screen.report(summary, logged, where))
    screen.show_next(console, where, "lgw_key", screen.first_commands(where, "lgw_key"), stays=True)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [46, 52, 60])
def test_in_a_small_terminal_no_figure_is_lost(where, width):
    rows = [row(n, duration_s=1.2345) for n in range(9)] + [row(9, "v2")]
    narrow = shown(where, Logged(rows, rows[0], []), outcomes(40), width=width).splitlines()
    tables = [line for line in narrow if not line.startswith(("curl", " ", "llm", "│", "╭"))]
    (heads,) = (line for line in narrow if line.startswith("version"))
    assert heads.split() == ["version", "model", "weight", "got", "sent", "users", "p50", "ms"]
    assert any(line.startswith("v1 ") and line.endswith("1234.5") for line in map(str.rstrip, narrow))
    assert any(line.split()[-3:] == ["p50", "p95", "p99"] for line in narrow)
    assert not any("…" in line for line in tables)


def test_the_report_shows_split_latency_exchange_and_what_to_try(where):
    sample = row(2, "v2", served_version="v2", probability=0.1, first_token_s=0.01, response_model="gpt-4.1-mini")
    sample["attempts"] = [{"backend": "two", "status": 200, "result": "ok"}]
    said = b'{"messages": [{"role": "user", "content": "Hello there"}]}'
    logged = Logged([row(n) for n in range(9)] + [sample], sample, [Body("request", "application/json", 9, said)])
    text = shown(where, logged, outcomes(40))
    assert "90%" in text
    assert "90.0%" in text
    assert "p99" in text
    assert "0.20" in text  # the overhead, in milliseconds
    assert sample["id"] in text
    assert "Hello there" in text
    assert f"{where.url}/v1" in text
    assert f"curl {where.url}/v1/chat/completions" in text
    assert "llmgateway logs tail" in text
    assert "llmgateway top" in text


def test_commands_are_whole_at_any_width(where):
    text = shown(where, Logged([]), outcomes(1, error="503"), width=40)
    for words in ("logs tail", "logs show last", "top", "routes weight assistant v1=50 v2=50", "config history"):
        assert f"llmgateway {words} --config {where.config}\n" in text
    assert '  -d \'{"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}\'\n' in text


def test_nothing_but_commands_to_copy_is_wider_than_80_columns(where):
    long = row(1, served_version="v1", response_model="m" * 200, id="0" * 36, user="u" * 100, finish_reason="stop")
    body = Body("reply", "application/json", 9, ("word " * 500).encode())
    text = shown(where, Logged([long], {**long, "attempts": []}, [body]), outcomes(3, error="503"))
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert all("llmgateway" in line for line in wide)


def test_an_empty_log_is_said_and_not_hidden(where):
    assert "no exchange has reached the log" in shown(where, Logged([]), outcomes(1, error="503"))


# --- the children


async def test_a_child_that_ends_is_named_with_its_last_words():
    child = await Child.start("the model", ["model-server", "--fault", "flood"])
    with pytest.raises(ChildDiedError, match="the model ended with exit code 2") as died:
        await child.first_line()
    await child.stop()
    assert "There is no fault 'flood'" in " ".join(str(died.value).replace("│", " ").split())


async def test_a_stopped_child_and_all_it_started_are_gone():
    child = await Child.start("the model", ["model-server", "--port", "0", "--json", "--until-eof"])
    assert b"127.0.0.1" in await child.first_line()
    dying = asyncio.ensure_future(child.died())
    await child.stop()
    with pytest.raises(ProcessLookupError):
        os.killpg(child._process.pid, 0)
    with pytest.raises(ChildDiedError, match="the model ended with exit code 0"):
        await dying


async def test_what_a_child_says_is_kept_in_part_only():
    class Endless:
        left = 100

        async def read(self, size):
            self.left -= 1
            return b"x" * 100 + b"\n" if self.left else b""

    child = Child.__new__(Child)
    child._tail = b""
    await child._drain(Endless())
    assert len(child._tail) == children._TAIL_BYTES


async def test_grandchildren_go_with_a_child_that_leaves_them_behind():
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", "sleep 60 & echo $!; wait", start_new_session=True, **pipes
    )
    child = Child("the shell", process)
    grandchild = psutil.Process(int(await child.first_line()))
    async with asyncio.timeout(10):  # and nobody waits for the pipes that it holds open
        await child.stop()
    _, alive = await asyncio.to_thread(psutil.wait_procs, [grandchild], 5)
    assert alive == []
