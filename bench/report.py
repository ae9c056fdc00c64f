"""Figures in, tables out: ratios first, then the absolute numbers they come from. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from bench.spread import TIMES, TO, Spread
from bench.table import Table
from bench.verdict import KIB, MB, NGINX, US, Figures, spread, verdicts

Rounds = list[dict[str, Any]]
BY_NGINX: Final = f"{TIMES} nginx"


def tables(figures: Figures) -> list[Table]:
    """All tables of a run, in the order in which they are read."""
    made = [_promises(figures)]
    for name, make in _MAKERS.items():
        section = figures.get(name)
        if section is None:
            continue
        if "unmeasured" in section:
            made.append(Table(name, ("", ""), [("could not be measured", section["unmeasured"])]))
        else:
            made += make(section)
    return made


def _promises(figures: Figures) -> Table:
    rows = [(each.promise, each.target, each.measured, "yes" if each.holds else "NO") for each in verdicts(figures)]
    return Table("What was promised", ("", "target", "measured", "holds"), rows)


def _unary(section: Figures) -> list[Table]:
    contenders, rate = section["contenders"], section["rate"]
    title = f"A request: open loop, {rate:g} a second"
    note = f"Portkey and LiteLLM at {section['slow_rate']:g} a second. Medians of rounds (lowest to highest)."
    columns = ("", BY_NGINX, "CPU μs", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "failed")
    rows = [
        (name, *_costs(rounds, contenders), *_latencies(rounds, contenders, "latency"))
        for name, rounds in contenders.items()
    ]
    return [Table(title, columns, rows, (note,)), *_split(contenders, "request")]


def _stream(section: Figures) -> list[Table]:
    made = []
    for rate, contenders in section["rates"].items():
        speed = f"{rate} tokens a second each" if rate != "0" else "full speed, one chunk a turn of the backend's loop"
        columns = ("", BY_NGINX, "CPU μs a chunk", "chunk's way p50 ms", "p99 ms", "failed")
        rows = [
            (
                name,
                *_costs(rounds, contenders),
                _ms(rounds, "transit", "p50"),
                _ms(rounds, "transit", "p99"),
                _failed(rounds),
            )
            for name, rounds in contenders.items()
        ]
        made.append(Table(f"A streamed chunk: {speed}", columns, rows))
    return made + _split(next(iter(section["rates"].values())), "chunk")


def _first(section: Figures) -> list[Table]:
    contenders = section["contenders"]
    columns = ("", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "failed")
    rows = [(name, *_latencies(rounds, contenders, "first")) for name, rounds in contenders.items()]
    return [Table(f"First token: {section['rate']:g} new streams a second", columns, rows)]


def _guarded(section: Figures) -> list[Table]:
    contenders = section["contenders"]
    columns = ("", "first token p50 ms", "p99 ms", "CPU μs a chunk", "failed")
    rows = [
        (name, _ms(rounds, "first", "p50"), _ms(rounds, "first", "p99"), _us(rounds, digits=1), _failed(rounds))
        for name, rounds in contenders.items()
    ]
    note = f"Events come {section['event_s'] * 1e3:.0f} ms apart. Guarded: pii, secrets and a list of 1,000 words."
    return [Table(f"Guarded streams: {section['rate']:g} new ones a second", columns, rows, (note,))]


def _throughput(section: Figures) -> list[Table]:
    contenders = section["contenders"]
    columns = ("", "requests a second", "CPU μs", "failed")
    rows = []
    for name, rounds in contenders.items():
        rates = [each["done"] / each["seconds"] for each in rounds if "failed" not in each]
        rows.append((name, Spread.of(rates).text() if rates else TO, _us(rounds), _failed(rounds)))
    note = "The cores are shared with the generator and the backend, which take most of them in the first rows."
    return [Table(f"Closed loop, {section['connections']} connections", columns, rows, (note,))]


def _many(section: Figures) -> list[Table]:
    columns = ("", "longest stall ms", "stalls > 100 ms", "chunk's way p50 ms", "p99 ms", "CPU μs a chunk", "failed")
    rows = []
    for name, rounds in section["contenders"].items():
        stalls = spread(rounds, "stalls")
        rows.append(
            (
                name,
                _ms(rounds, "stall", digits=0),
                stalls.text() if stalls else TO,
                _ms(rounds, "transit", "p50"),
                _ms(rounds, "transit", "p99"),
                _us(rounds, digits=1),
                _failed(rounds),
            )
        )
    return [Table(f"{section['streams']:,} streams at once, {section['rate']} tokens a second each", columns, rows)]


def _memory(section: Figures) -> list[Table]:
    columns = ("", "KiB a stream", "before MB", "stalled MB", "after MB")
    rows = [
        (name, f"{each['a_stream'] / KIB:.1f}", *(f"{each[when] / MB:.1f}" for when in ("before", "stalled", "after")))
        for name, each in section["contenders"].items()
    ]
    return [Table(f"{section['streams']:,} stalled readers: memory (PSS) of all processes", columns, rows)]


def _ingest(section: Figures) -> list[Table]:
    load, alone = section["under_load"], section["alone"]
    most = max(load["backlog_bytes"], default=0)
    rows = [
        ("written under full load, records a second", f"{load['written_s']:,.0f}"),
        ("ingested meanwhile, records a second", f"{load['ingested_s']:,.0f}"),
        ("largest backlog seen, MB", f"{most / MB:.1f}"),
        ("exchanges not stored yet at the end of the load", f"{load['left']:,}"),
        ("seconds until they were", f"{load['drain_s']:.2f}"),
        ("written with control standing still, records a second", f"{alone['written_s']:,.0f}"),
        ("ingested then, alone, records a second", f"{alone['records_s']:,.0f}"),
        ("that backlog, MB", f"{alone['bytes'] / MB:.1f}"),
    ]
    return [Table("Ingestion", ("two records an exchange, whole bodies", ""), rows)]


def _idle(section: Figures) -> list[Table]:
    idle, drain = section["idle"], section["drain"]
    shares = ", ".join(f"{role} {share * 100:.2f} %" for role, share in idle["split"].items())
    rows = [
        ("idle, of one core", f"{idle['core_share'] * 100:.2f} % ({shares})"),
        ("idle, memory (PSS) of all processes", f"{idle['pss'] / MB:.1f} MB"),
        ("ready after start", f"{Spread.of(section['ready_s']).text(2)} s"),
        (f"SIGTERM with {drain['streams']} streams running: ended after", f"{drain['seconds']:.2f} s"),
        (
            "… streams that came to their end, broke, are stored",
            f"{drain['whole']}, {drain['broken']}, {drain['stored']}",
        ),
    ]
    return [Table("Idle, start and end", ("", ""), rows)]


def _kill(section: Figures) -> list[Table]:
    if "skipped" in section:
        return [Table("Killed under load", ("", ""), [("skipped", section["skipped"])])]
    rows = []
    for victim, found in section["kills"].items():
        if found["count"]:
            times = [f"{found[name]:.2f}" for name in ("recovery_median_s", "recovery_worst_s")]
            rows.append((victim, str(found["count"]), str(found["connections"]), str(found["failures"]), *times))
    note = (
        f"{section['requests']:,} requests, {section['acknowledged']:,} acknowledged; "
        f"missing, doubled or miscounted: {len(section['problems'])}."
    )
    columns = ("killed", "times", "connections lost", "requests failed", "back after s, median", "worst")
    return [Table("Killed under load", columns, rows, (note, *section["problems"]))]


_MAKERS = {
    "unary": _unary,
    "stream": _stream,
    "latency": _first,
    "guarded": _guarded,
    "throughput": _throughput,
    "many": _many,
    "memory": _memory,
    "ingest": _ingest,
    "idle": _idle,
    "kill": _kill,
}


def _costs(rounds: Rounds, contenders: Mapping[str, Rounds]) -> tuple[str, str]:
    """Times nginx, and μs."""
    ours, theirs = spread(rounds, "us"), spread(contenders.get(NGINX, []), "us")
    if ours is None or not ours.median:
        return TO, TO
    return f"{ours.over(theirs):.1f}" if theirs is not None else TO, _us(rounds, digits=1)


def _us(rounds: Rounds, digits: int = 0) -> str:
    found = spread(rounds, "us")
    return found.text(digits) if found is not None and found.median else TO


def _latencies(rounds: Rounds, contenders: Mapping[str, Rounds], kind: str) -> tuple[str, ...]:
    """p50 and p99, then both less the direct ones, then what failed."""
    cells = [_ms(rounds, kind, "p50"), _ms(rounds, kind, "p99")]
    for share in ("p50", "p99"):
        ours, floor = spread(rounds, kind, share), spread(contenders.get("direct", []), kind, share)
        is_floor = rounds is contenders.get("direct")
        cells.append(TO if ours is None or floor is None or is_floor else f"{(ours.median - floor.median) * 1e3:.2f}")
    return (*cells, _failed(rounds))


def _ms(rounds: Rounds, *path: str, digits: int = 2) -> str:
    found = spread(rounds, *path)
    return found.text(digits, 1e3) if found is not None else TO


def _failed(rounds: Rounds) -> str:
    refusals = [each["failed"] for each in rounds if "failed" in each]
    return refusals[0][:60] if refusals else str(sum(each.get("errors", 0) for each in rounds))


def _split(contenders: Mapping[str, Rounds], what: str) -> list[Table]:
    """Where our own time goes, by process."""
    rounds = contenders.get(US, [])
    roles = [role for role in ("workers", "control", "supervisor") if spread(rounds, "split", role) is not None]
    rows = [(role, found.text(1)) for role in roles if (found := spread(rounds, "split", role)) is not None]
    return [Table(f"Where the gateway's time goes, of a {what}", ("", "CPU μs"), rows)] if rows else []
