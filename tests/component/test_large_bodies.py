"""Bodies that are long, or come without a length: how many a worker holds, and who does the work on them."""

import asyncio
import json
import threading

import pytest
from tests.support.plane import CONFIG, KEY, plane
from tests.support.rows import answering
from tests.support.wire_backend import WireBackend, expect, send, tell, wait_for

from llmgateway.dataplane import bodies
from llmgateway.dataplane.bodies import LARGE

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
PATH = "/v1/chat/completions"
HEAD = f"POST {PATH} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
SMALL = {"model": "assistant", "messages": []}
TIGHT = CONFIG + '[server.limits]\nbody = "512KiB"\n[server.overload]\nmax_body_memory = "1MiB"\n'


def document(size: int) -> bytes:
    """A chat of about `size` bytes whose first member is the model."""
    return json.dumps({"model": "assistant", "messages": [{"role": "user", "content": "x" * size}]}).encode()


async def raw(running, *pieces: bytes):
    caller = await running.connect()
    for piece in pieces:
        caller.writer.write(piece)
    return caller


async def status_of(caller) -> bytes:
    async with asyncio.timeout(10):
        return (await caller.reader.readline()).split()[1]


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_of_24_unfinished_bodies_of_32_mib_seven_are_read_and_the_others_told_to_come_back(tmp_path):
    """Each announces 32 MiB and sends one. 24 of them read whole would be 768 MiB."""
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        held = running.worker.gateway.bodies
        callers = [
            await raw(running, f"{HEAD}content-length: {32 * MIB}\r\n\r\n".encode(), b" " * MIB) for _ in range(24)
        ]
        await until(lambda: held.refused == 17)
        assert held.held == 7 * 32 * MIB
        assert (await running.post(PATH, SMALL)).status == 200  # a small one finds room
        for caller in callers[:7]:
            caller.writer.write(b" " * (31 * MIB - len(document(0))) + document(0))
            assert await status_of(caller) == b"200"
        assert [await status_of(caller) for caller in callers[7:]] == [b"503"] * 17
        await running.quiet()
        assert held.held == 0
        refused = running.of_kind("refused")
        assert {(record.meta["error_code"], record.meta["phase"]) for record in refused} == {("overloaded", "admit")}
        assert len(refused) == 17
        assert len(backend.requests) == 8


async def test_a_refusal_comes_before_the_body_and_says_when_to_come_back(tmp_path):
    async with WireBackend() as backend, plane(tmp_path, backend.url, config=TIGHT) as running:
        holder = await raw(running, f"{HEAD}content-length: {500 * 1024}\r\n\r\n".encode())
        await until(lambda: running.worker.gateway.bodies.held > 0)
        for path in (PATH, "/v1/messages"):
            second = await raw(
                running,
                HEAD.replace(PATH, path).encode() + b"expect: 100-continue\r\ncontent-length: 500000\r\n\r\n",
            )
            text = await asyncio.wait_for(second.reader.read(), 10)
            head, _, body = text.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")  # and no 100 Continue
            assert b"retry-after: 1\r\n" in head
            assert b"x-should-retry: true\r\n" in head
            assert b"overloaded" in body
        too_large = await raw(running, f"{HEAD}content-length: {600 * 1024}\r\n\r\n".encode())
        assert await status_of(too_large) == b"413"
        await holder.leave()
        await until(lambda: running.worker.gateway.bodies.held == 0)


async def test_a_body_without_a_length_claims_room_as_it_comes_and_is_refused_in_the_middle(tmp_path):
    async with (
        WireBackend(answering(OK)) as backend,
        plane(tmp_path, backend.url, config=TIGHT) as running,
    ):
        held = running.worker.gateway.bodies
        chunked, piece = f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode(), b"%x\r\n%b\r\n" % (50_000, b" " * 50_000)
        first = await raw(running, chunked, *[piece] * 9)
        await until(lambda: held.held == 450_000)
        second = await raw(running, chunked, *[piece] * 8)
        await until(lambda: held.held == 850_000)
        second.writer.write(piece + piece)  # 950,000 is above seven eighths of a MiB
        assert await status_of(second) == b"503"
        await until(lambda: held.held == 450_000)
        end = json.dumps(SMALL).encode()
        first.writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))
        assert await status_of(first) == b"200"
        await running.quiet()
        assert held.held == 0
        assert [len(request.body) for request in backend.requests] == [450_000 + len(end) + len("upstream-model") - 9]


async def test_a_form_that_waits_for_its_model_counts_and_gives_back_what_has_gone_on(tmp_path):
    model = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nassistant\r\n--b--\r\n'
    file = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"x" * 400_000 + b"\r\n"
    head = HEAD.replace(PATH, "/v1/audio/transcriptions").replace("application/json", "multipart/form-data; boundary=b")
    async with (
        WireBackend(answering(OK)) as backend,
        plane(tmp_path, backend.url, config=TIGHT) as running,
    ):
        held = running.worker.gateway.bodies
        start = f"{head}content-length: {len(file + model)}\r\n\r\n".encode() + file
        first, second = await raw(running, start), await raw(running, start)
        await until(lambda: held.held == 2 * len(file))
        third = await raw(running, start)
        assert await status_of(third) == b"503"
        for caller in (first, second):
            caller.writer.write(model)
            assert await status_of(caller) == b"200"
        await running.quiet()
        assert held.held == 0
        assert [len(request.body) for request in backend.requests] == [len(file + model) + 5] * 2


@pytest.mark.parametrize("ending", ["answered", "left", "failed"])
async def test_a_body_counts_until_its_exchange_has_ended_however_it_ends(tmp_path, ending):
    is_asked, go = asyncio.Event(), asyncio.Event()
    async with WireBackend([expect(), tell(is_asked), wait_for(go), send(OK)]) as backend:
        async with plane(tmp_path, backend.url) as running:
            held, body = running.worker.gateway.bodies, document(1000)
            caller = await running.connect()
            caller.send("POST", PATH, body)
            await asyncio.wait_for(is_asked.wait(), 10)
            assert held.held == len(body)
            if ending == "left":
                await caller.leave()
            elif ending == "failed":
                await backend.stop()
            else:
                go.set()
            await running.quiet()
            assert held.held == 0


async def test_large_bodies_arrive_byte_for_byte_with_the_model_replaced(tmp_path):
    pad = b" \t\n" * 100_000
    wide = 'é€😀\\"\\u0041' * 30_000
    cases = [
        b'{"model":"assistant","n":1,"x":18446744073709551616' + pad + b"}",
        b'{ "x" : [1,2,3] , "model"' + pad + b':\t"assistant"' + pad + b', "y" : {"model":"inner"} }',
        ('{"messages":["' + wide + '"],"model":"assistant","z":null}').encode(),
    ]
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        for body in cases:
            assert len(body) > LARGE
            assert (await running.ask("POST", PATH, body)).status == 200
            assert backend.requests[-1].body == body.replace(b'"assistant"', b'"upstream-model"')
            assert running.of_kind("admitted")[-1].blobs["request"] == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"model":"a","x":"' + b"y" * LARGE + b'","Model":"b"}', "duplicate_key"),
        (b'{"model":"a","x":"' + b"y" * LARGE + b'","mod\\u0065l":"b"}', "duplicate_key"),
        (b'{"model":"a","x":"' + b"y" * LARGE + b'"', "invalid_json"),
        (b'{"model":1,"x":"' + b"y" * LARGE + b'"}', "invalid_value"),
        (b'{"model":"a","x":' + b"[" * 300 + b"]" * 300 + b',"y":"' + b"y" * LARGE + b'"}', "json_too_deep"),
    ],
    ids=["another case", "an escape", "cut", "a number", "deep"],
)
async def test_a_large_body_is_judged_like_a_small_one(tmp_path, body, code):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        answer = await running.ask("POST", PATH, body)
        assert (answer.status, answer.json()["error"]["code"]) == (400, code)
        assert backend.connections == []


async def test_work_on_large_bodies_is_done_beside_the_event_loop_and_on_small_ones_on_it(tmp_path, monkeypatch):
    seen: list[tuple[str, threading.Thread]] = []

    def watched(name, function):
        def call(*args, **named):
            seen.append((name, threading.current_thread()))
            return function(*args, **named)

        monkeypatch.setattr(bodies, name, call)

    watched("parse_large", bodies.parse_large)
    watched("_sha256", bodies._sha256)
    config = CONFIG + '[journal]\nmax_record = "300KiB"\n'
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=config) as running:
        assert (await running.ask("POST", PATH, document(LARGE - 200))).status == 200
        assert seen == []
        body = document(400_000)
        assert (await running.ask("POST", PATH, body)).status == 200
        assert [name for name, _ in seen] == ["parse_large", "_sha256"]
        assert threading.main_thread() not in {thread for _, thread in seen}
        kept = running.of_kind("admitted")[-1]
        assert kept.meta["request"]["truncated"] is True
        assert kept.meta["request"]["sha256"] == bodies.hashlib.sha256(body).hexdigest()
        assert kept.blobs["request"] == body[: 300 * 1024]


async def test_others_are_served_while_a_large_body_is_parsed(tmp_path, monkeypatch):
    is_parsing, go = threading.Event(), threading.Event()
    parse = bodies.parse_large

    def slow(*args, **named):
        is_parsing.set()
        assert go.wait(10)
        return parse(*args, **named)

    monkeypatch.setattr(bodies, "parse_large", slow)
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        large = asyncio.ensure_future(running.ask("POST", PATH, document(LARGE)))
        await until(is_parsing.is_set)
        assert (await running.post(PATH, SMALL)).status == 200
        assert not large.done()
        go.set()
        assert (await large).status == 200


async def test_a_caller_that_leaves_while_its_body_is_parsed_is_recorded_and_nothing_goes_out(tmp_path, monkeypatch):
    is_parsing, go = threading.Event(), threading.Event()

    def slow(*_args, **_named):
        is_parsing.set()
        assert go.wait(10)
        raise AssertionError("nobody waits for this")

    monkeypatch.setattr(bodies, "parse_large", slow)
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", PATH, document(LARGE))
        await until(is_parsing.is_set)
        await caller.leave()
        await running.quiet()
        go.set()
        (record,) = running.records()
        assert (record.meta["end"], record.meta["status"]) == ("client_closed", 499)
        assert backend.connections == []
        assert running.worker.gateway.bodies.held == 0
