"""What the demo can prove: figures from the callers' own clocks, and from the log that the gateway kept."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from llmgateway.cli.demo.setting import Setting
from llmgateway.cli.demo.traffic import Outcome
from llmgateway.domain.quantile import quantile
from llmgateway.ports.store import Body, Row, StoreError, Wanted
from llmgateway.store.sqlite_reader import SqliteReader

_PATIENCE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.1
_MOST_ROWS: Final = 10_000
PERCENTILES: Final = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Logged:
    """The exchanges as the store holds them, and one of them with its attempts and bodies."""

    rows: list[Row]
    sample: Row | None = None
    bodies: list[Body] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Share:
    """One version's part of the traffic, wanted and got."""

    version: str
    model: str
    weight: float
    wanted: float
    got: float
    count: int
    users: int
    p50_ms: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the demo shows. Latencies are milliseconds by percentile.

    `staged` counts the trouble that was made on purpose and ended as it should; `unexpected` is all other trouble.
    """

    sent: int
    answered: int
    staged: dict[str, int]
    unexpected: dict[str, int]
    seconds: float
    shares: list[Share]
    latency: dict[str, dict[str, float]]
    tokens: int
    cost_usd: float | None
    logged: int

    @property
    def is_sound(self) -> bool:
        """Nothing went wrong but what was meant to, and the log holds all of it."""
        return not self.unexpected and self.logged >= self.sent


async def read_log(path: Path, count: int) -> Logged:
    """Wait until the store holds `count` exchanges, or until no more come, then read them."""
    reader = SqliteReader(path)
    try:
        await _wait_for(reader, count)
        rows = await reader.page(Wanted(), limit=_MOST_ROWS)
        return await _with_sample(reader, rows)
    finally:
        await reader.close()


async def _wait_for(reader: SqliteReader, count: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        try:
            if await reader.last_seq() >= count:
                return
        except StoreError:  # not made yet, or just being written
            pass
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _with_sample(reader: SqliteReader, rows: list[Row]) -> Logged:
    chosen = max(rows, key=_interest, default=None)
    if chosen is None:
        return Logged(rows)
    whole = await reader.exchange(chosen["id"])
    bodies = await reader.bodies([chosen["seq"]])
    return Logged(rows, whole, bodies.get(chosen["seq"], []))


def _interest(row: Row) -> tuple[bool, bool, str]:
    """A streamed answer from the lighter version tells the most."""
    return row["end"] == "completed" and row["status"] == 200, bool(row["stream"]), row["id"]


def summarize(outcomes: Sequence[Outcome], logged: Logged, setting: Setting, seconds: float) -> Summary:
    """Work the figures out."""
    costs = [row["cost_usd"] for row in logged.rows if row["cost_usd"] is not None]
    return Summary(
        sent=len(outcomes),
        answered=sum(outcome.error is None for outcome in outcomes),
        staged=dict(Counter(outcome.request.kind for outcome in outcomes if outcome.is_staged)),
        unexpected=dict(Counter(outcome.told for outcome in outcomes if not outcome.is_expected)),
        seconds=seconds,
        shares=shares(logged.rows, setting),
        latency=_latency(outcomes, logged.rows),
        tokens=sum((row["input_tokens"] or 0) + (row["output_tokens"] or 0) for row in logged.rows),
        cost_usd=sum(costs) if costs else None,
        logged=len(logged.rows),
    )


def shares(rows: Sequence[Row], setting: Setting) -> list[Share]:
    """Compare how the exchanges were dealt with how the weights say."""
    dealt = [row for row in rows if row["assigned_version"] in setting.weights]
    total, weights = len(dealt) or 1, sum(setting.weights.values()) or 1.0
    found = []
    for version, weight in setting.weights.items():
        own = [row for row in dealt if row["assigned_version"] == version]
        found.append(
            Share(
                version=version,
                model=setting.models[version],
                weight=weight,
                wanted=weight / weights,
                got=len(own) / total,
                count=len(own),
                users=len({row["user"] for row in own}),
                p50_ms=percentiles([row["duration_s"] for row in own if row["end"] == "completed"]).get("p50"),
            )
        )
    return found


def _latency(outcomes: Sequence[Outcome], rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    fine = [outcome for outcome in outcomes if outcome.error is None]
    return {
        "answer": percentiles([outcome.total_s for outcome in fine]),
        "first_token": percentiles([outcome.first_token_s for outcome in fine if outcome.first_token_s is not None]),
        "overhead": percentiles([row["overhead_s"] for row in rows if row["overhead_s"] is not None]),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles by nearest rank, in milliseconds; none of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {f"p{share}": round(1000 * quantile(ordered, share), 3) for share in PERCENTILES}


def as_json(summary: Summary, setting: Setting, sample: Row | None) -> dict[str, Any]:
    """The summary for programs."""
    from dataclasses import asdict

    urls = {"gateway": f"{setting.url}/v1", "admin": setting.admin_url}
    return {**asdict(summary), "urls": urls, "config": str(setting.config), "exchange": sample}
