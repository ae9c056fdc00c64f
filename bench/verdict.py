"""What the design promises, and whether a run's figures keep it. Pure: reads the figures as the sections give them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.spread import TIMES, Spread

US: Final = "llmgateway"
NGINX: Final = "nginx"
KIB: Final = 1024
MB: Final = 1e6

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise: what was to be reached, what was measured, whether that is it."""

    promise: str
    target: str
    measured: str
    holds: bool


def spread(rounds: list[dict[str, Any]], *path: str) -> Spread | None:
    """One figure of a contender over its rounds; None where it has none."""
    values = []
    for each in rounds:
        value: Any = each
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, int | float):
            values.append(float(value))
    return Spread.of(values) if values else None


def ratio(contenders: Mapping[str, list[dict[str, Any]]]) -> float | None:
    """Our processor time over nginx's, medians; None where either is missing."""
    ours, theirs = (spread(contenders.get(name, []), "us") for name in (US, NGINX))
    return ours.over(theirs) if ours is not None and theirs is not None else None


def verdicts(figures: Figures) -> list[Verdict]:
    """All promises that the figures speak of, ratios first."""
    found = []
    for section, judge in _JUDGES:
        if section in figures and "unmeasured" not in figures[section]:
            found += judge(figures[section])
    return found


def _unary(section: Figures) -> list[Verdict]:
    times = ratio(section["contenders"])
    if times is None:
        return []
    measured = f"{times:.1f} {TIMES}"
    return [Verdict("processor time of a request, of nginx's", f"≤ 5 {TIMES} (goal 4 {TIMES})", measured, times <= 5)]


def _stream(section: Figures) -> list[Verdict]:
    found = []
    for rate, contenders in section["rates"].items():
        times = ratio(contenders)
        if times is not None:
            speed = f"{rate} tokens/s" if rate != "0" else "full speed"
            promise = f"processor time of a streamed chunk ({speed}), of nginx's"
            found.append(Verdict(promise, f"≤ 2 {TIMES}", f"{times:.1f} {TIMES}", times <= 2))
    return found


def _guarded(section: Figures) -> list[Verdict]:
    """One event may have to be waited for; a tenth of it is left to the machine."""
    contenders, event = section["contenders"], section["event_s"]
    plain = spread(contenders[section["plain"]], "first", "p50")
    guarded = next(
        (spread(rounds, "first", "p50") for name, rounds in contenders.items() if name != section["plain"]), None
    )
    if plain is None or guarded is None:
        return []
    added = guarded.median - plain.median
    promise = "what guardrails add to a stream's first token"
    measured = f"{added / event:.2f} events"
    return [Verdict(promise, "≤ 1 event", measured, added <= 1.1 * event)]


def _memory(section: Figures) -> list[Verdict]:
    size = section["contenders"][US]["a_stream"] / KIB
    promise = f"memory of a stream, {section['streams']:,} stalled readers"
    return [Verdict(promise, "≤ 128 KiB", f"{size:.1f} KiB", size <= 128)]


def _many(section: Figures) -> list[Verdict]:
    report = section["contenders"][US][0]
    promise = f"longest stall, {section['streams']:,} streams of {section['rate']} tokens/s"
    return [Verdict(promise, "≤ 100 ms", f"{report['stall'] * 1e3:.0f} ms", report["stall"] <= 0.1)]


def _ingest(section: Figures) -> list[Verdict]:
    alone, load = section["alone"], section["under_load"]
    times = alone["records_s"] / max(load["written_s"], alone["written_s"])
    measured = f"{times:.1f} {TIMES}"
    return [Verdict("ingestion alone, of what two workers write at full load", f"> 1 {TIMES}", measured, times > 1)]


def _idle(section: Figures) -> list[Verdict]:
    idle, ready, drain = section["idle"], Spread.of(section["ready_s"]), section["drain"]
    share, pss = idle["core_share"] * 100, idle["pss"] / MB
    kept = drain["broken"] == 0 and drain["whole"] == drain["stored"]
    return [
        Verdict("idle, of one core", "≤ 1 %", f"{share:.2f} %", share <= 1),
        Verdict("idle, memory of all processes", "≤ 150 MB", f"{pss:.0f} MB", pss <= 150),
        Verdict("ready after start", "≤ 2 s", f"{ready.text(2)} s", ready.high <= 2),
        Verdict("streams broken or not stored at SIGTERM", "0", "0" if kept else str(drain), kept),
    ]


def _kill(section: Figures) -> list[Verdict]:
    if "skipped" in section:
        return []
    lost = len(section["problems"])
    kills = sum(kind["count"] for kind in section["kills"].values())
    return [Verdict(f"exchanges lost or doubled, {kills} times kill -9 under load", "0", str(lost), lost == 0)]


_JUDGES: Final[tuple[tuple[str, Callable[[Figures], list[Verdict]]], ...]] = (
    ("unary", _unary),
    ("stream", _stream),
    ("guarded", _guarded),
    ("memory", _memory),
    ("many", _many),
    ("ingest", _ingest),
    ("idle", _idle),
    ("kill", _kill),
)
