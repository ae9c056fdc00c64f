"""T20: recorded streams, cut at every byte by the network: callers get the same bytes, the log the same usage."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from tests.support.wire_cases import Case, cases

from bench.faults.fault import Fault
from bench.faults.figure import Figure, at_least, none_of
from bench.faults.proxy import FaultProxy
from bench.faults.stage import Rig, Setting, Stage, stage

TITLE: Final = "streams cut at every byte"
AT_ONCE: Final = 16
GAP_S: Final = 0.002  # so that the gateway reads what was sent before it is sent the rest
PATHS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_ROUTE: Final = """
[backends.PROVIDER]
provider = "PROVIDER"
base_url = "http://127.0.0.1:PORTTAIL"
[routes.PROVIDER.versions.v1]
backends = ["PROVIDER"]
"""


@dataclass(frozen=True)
class Cut:
    """One exchange: a recorded stream, and where it is cut. 0: nowhere."""

    number: int
    case: Case
    stream: bytes
    offset: int

    @property
    def pieces(self) -> list[bytes]:
        parts = [self.stream[: self.offset], self.stream[self.offset :]] if self.offset else [self.stream]
        framed = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
        return [_HEAD + framed[0], *framed[1:]] if len(framed) > 1 else [_HEAD + framed[0]]


async def run(rig: Rig) -> list[Figure]:
    """Every recorded stream that is whole, at every offset (--quick: at some); then byte by byte through the proxy."""
    whole = [each for each in cases() if each.is_stream and _is_whole(each)]
    cuts = _cuts(whole, rig.pick(1, 23))
    server = await asyncio.start_server(_serving({cut.number: cut for cut in cuts}), "127.0.0.1", 0, backlog=512)
    async with server, FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        tables = [
            _ROUTE.replace("PROVIDER", provider).replace("TAIL", "/v1" if provider == "openai" else "")
            for provider in PATHS
        ]
        setting = Setting(routes="".join(tables).replace("PORT", str(proxy.port)))
        async with stage(rig, setting) as played:
            got = await _collect(played, cuts)
            rig.say("byte by byte")
            proxy.answers = Fault(slice=1)
            slices = await _collect(played, [cut for cut in cuts if cut.offset == 0])
            await played.caught_up()
            await asyncio.sleep(0.3)
            usage = _usage(played)
    uncut = {str(cut.case): got[cut.number] for cut in cuts if cut.offset == 0}
    return [
        at_least(f"streams cut, of {len(whole)} recordings", len(got), len(cuts)),
        none_of("differ from what the uncut one gave", [_name(c) for c in cuts if got[c.number] != uncut[str(c.case)]]),
        none_of(
            "differ when they come byte by byte",
            [_name(c) for c in cuts if slices.get(c.number, uncut[str(c.case)]) != uncut[str(c.case)]],
        ),
        none_of("differ in usage", _differing(cuts, usage)),
    ]


def _is_whole(case: Case) -> bool:
    return bool(case.expected["is_complete"]) and not case.expected["error"]


def _cuts(whole: list[Case], stride: int) -> list[Cut]:
    found: list[Cut] = []
    for case in whole:
        stream = case.reply
        found += [Cut(0, case, stream, offset) for offset in (0, *range(1, len(stream), stride))]
    return [Cut(number, cut.case, cut.stream, cut.offset) for number, cut in enumerate(found)]


def _name(cut: Cut) -> str:
    return f"{cut.case} at {cut.offset}"


def _serving(cuts: dict[int, Cut]):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                number = int(json.loads(await reader.readexactly(length))["metadata"]["number"])
                for piece in cuts[number].pieces:
                    writer.write(piece)
                    await asyncio.sleep(GAP_S)
                writer.write(b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    return serve


async def _collect(played: Stage, cuts: list[Cut]) -> dict[int, bytes]:
    waiting, got = iter(cuts), {}

    async def one() -> None:
        for cut in waiting:
            got[cut.number] = await _ask(played, cut)
            if len(got) % 100 == 0:
                played.rig.say(f"{len(got):,} of {len(cuts):,} streams")

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return got


async def _ask(played: Stage, cut: Cut) -> bytes:
    provider = cut.case.folder.parent.name
    document = {
        **(cut.case.request["body"] or {}),
        "model": provider,
        "metadata": {"number": str(cut.number), "user_id": "t20"},
        "stream": True,
    }
    body = json.dumps(document).encode()
    head = (
        f"POST {cut.case.request['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", played.gateway.port)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(30):
            raw = await reader.read(-1)
    finally:
        writer.transport.abort()
    head_end = raw.find(b"\r\n\r\n") + 4
    return raw[:12] + _unchunked(raw[head_end:])


def _unchunked(raw: bytes) -> bytes:
    """The body, with a mark behind it where it came to its proper end."""
    body, at = b"", 0
    while (line := raw.find(b"\r\n", at)) >= 0:
        size = int(raw[at:line], 16)
        if size == 0:
            return body + b"<end>"
        body += raw[line + 2 : line + 2 + size]
        at = line + 4 + size
    return body


def _usage(played: Stage) -> dict[int, set[tuple[object, ...]]]:
    with closing(sqlite3.connect(f"file:{played.store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            'SELECT tags, input_tokens, output_tokens, cached_tokens, reasoning_tokens, finish_reason, "end"'
            " FROM exchange"
        ).fetchall()
    found: dict[int, set[tuple[object, ...]]] = {}
    for tags, *counts in rows:
        found.setdefault(int(json.loads(tags)["number"]), set()).add(tuple(counts))
    return found


def _differing(cuts: list[Cut], usage: dict[int, set[tuple[object, ...]]]) -> list[str]:
    """Cuts whose counts are not those of the uncut one; one that was not logged, too."""
    uncut = {str(cut.case): usage.get(cut.number) for cut in cuts if cut.offset == 0}
    return [_name(cut) for cut in cuts if usage.get(cut.number) != uncut[str(cut.case)] or cut.number not in usage]
