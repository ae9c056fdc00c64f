"""What evaluators cost in the control process: `python -m bench.evaluating`. CPU time, over a real store.

Two figures an exchange: each rule alone, on a case that is there; and everything for all rules together, with the rows
and bodies read from the store and the scores written.
"""

import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from llmgateway import plugins
from llmgateway.config.evaluating import Evaluator, Keep
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.evaluation.cases import case_of
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.ids import IdMint
from llmgateway.ports.evaluator import asks
from llmgateway.ports.store import COLUMNS, Body, Entry, Row
from llmgateway.store.sqlite import SqliteStore

EXCHANGES: Final = 5_000
ROUNDS: Final = 2_000
QUESTION: Final = "Could you please tell me where my parcel is, and when it will be at my door? I am waiting. " * 12
ANSWER: Final = " ".join(
    f"On day {day} the parcel was in depot {day * 37 % 101}, and from there it went on." for day in range(15)
)
REQUEST: Final = json.dumps({"model": "chat", "messages": [{"role": "user", "content": QUESTION}]}).encode()
REPLY: Final = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]}
).encode()
BODIES: Final = tuple(
    Body(kind, "application/json", len(content), content) for kind, content in (("request", REQUEST), ("reply", REPLY))
)
RULES: Final = [name for name, plugin in plugins.classes("evaluator").items() if not asks(plugin)]


def row(mint: IdMint) -> Row:
    """A completed exchange."""
    return dict.fromkeys(COLUMNS) | {
        "id": mint(), "at": time.time(), "generation": 1, "key": "app", "dialect": "openai", "operation": "chat",
        "method": "POST", "path": "/v1/chat/completions", "peer": "127.0.0.1", "stream": False, "request_model": "chat",
        "route": "chat", "assigned_version": "v1", "served_version": "v1", "tags": {}, "status": 200,
        "end": "completed", "phase": "settle", "duration_s": 0.5, "output_tokens": 45, "request_bytes": len(REQUEST),
        "usage_estimated": False, "reply_bytes": len(REPLY), "parse_errors": 0, "finish_reason": "stop", "attempts": [],
    }  # fmt: skip


def alone() -> None:
    """Each rule by itself, and putting a case together."""
    facts = row(IdMint(time.time))
    usual = {"duration_s": 1.0, "output_tokens": 50.0}
    began = time.process_time()
    for _ in range(ROUNDS):
        case = case_of(facts, BODIES, BODIES, usual)
    print(f"{'a case':24}{(time.process_time() - began) / ROUNDS * 1e6:8.1f} us")
    for name in RULES:
        rule = plugins.load("evaluator", name)({})
        began = time.process_time()
        for _ in range(ROUNDS):
            rule.evaluate(case)
        print(f"{name:24}{(time.process_time() - began) / ROUNDS * 1e6:8.1f} us")


async def nobody(*_: Any) -> bytes:
    """No judge is asked here."""
    raise AssertionError


async def together(title: str, *definitions: Evaluator) -> None:
    """All of it, from the store and back."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder, "store.sqlite3"), query_s=30.0)
        await store.open()
        snapshot = Snapshot(1, evaluators={each.name: each for each in definitions})
        evaluation = Evaluation(store, snapshot, plugins.classes("evaluator"), nobody, SystemClock())
        await evaluation.look()
        mint = IdMint(time.time)
        for _ in range(EXCHANGES // 100):
            await store.append([Entry(row(mint), BODIES) for _ in range(100)], [], [], None)
        before = (await store.stats()).used_bytes
        began = _cpu()
        while await evaluation.look():
            pass
        spent = (_cpu() - began) / EXCHANGES * 1e6
        grown = ((await store.stats()).used_bytes - before) / EXCHANGES
        print(f"{title:44}{spent:8.1f} us{grown:8.0f} bytes an exchange")
        await store.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    alone()
    rules = [name for name in RULES if name != "similarity"]
    await together("error alone (no bodies), all scores", Evaluator("error", "error"))
    await together("error alone (no bodies), bad ones", Evaluator("error", "error", keep=Keep.BAD))
    await together("eight rules, all scores", *(Evaluator(name, name) for name in rules))
    await together("eight rules, bad ones", *(Evaluator(name, name, keep=Keep.BAD) for name in rules))
    await together("eight rules at 10 %, all scores", *(Evaluator(name, name, sample=0.1) for name in rules))


if __name__ == "__main__":
    asyncio.run(main())
