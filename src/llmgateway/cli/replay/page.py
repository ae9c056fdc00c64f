"""The report as one HTML file: no script, nothing loaded from anywhere, every text escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from llmgateway.cli.logs.printable import dollars, full_time
from llmgateway.cli.replay import plots, words
from llmgateway.cli.replay.report import LONGEST_TEXT, Report, Texts
from llmgateway.replaying.pairs import Pair, lost
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.pairs import Verdict

_STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%}.wide{overflow-x:auto}.wide td{min-width:6rem}
@media(max-width:40rem){.side{grid-template-columns:1fr!important}}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}
td{font-variant-numeric:tabular-nums}
svg{width:100%;max-width:640px;display:block}svg text{font:12px system-ui,sans-serif;fill:#333}
.verdict{padding:.8rem 1rem;border-left:6px solid;background:#f6f6f6;margin:1rem 0}
.worse{border-color:#b3261e}.alike{border-color:#2e7d32}.open{border-color:#b58900}
.fails{color:#b3261e;font-weight:600}.holds{color:#2e7d32}.dim{color:#666}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:50%;border:2px solid;margin:0 .3em 0 1em}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;max-height:20rem;overflow:auto}
pre{font:12px/1.4 ui-monospace,monospace}
.side{display:grid;grid-template-columns:1fr 1fr 1fr;gap:1rem}
.side h4,.item h4{margin:.4rem 0 .2rem;font-size:.85rem;color:#666}
.item{border-top:2px solid #ccc;padding:.6rem 0;break-inside:avoid}@media print{pre{max-height:none}}
"""
_GATES: Final = {True: "holds", False: "fails", None: "not clear"}


def page(report: Report, pairs: Sequence[Pair]) -> str:
    """The whole file. `pairs`: all of them, in the order of their items."""
    replay, figures = report.replay, report.figures
    title = f"{replay['route']}: {replay['candidate']} beside {replay['baseline']}"
    told = figures.shown()
    verdict = figures.evidence.verdict
    return "".join(
        (
            "<!doctype html><html lang=en><head><meta charset=utf-8>",
            '<meta name=viewport content="width=device-width,initial-scale=1">',
            "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _about(report),
            f'<p class="verdict {escape(verdict)}">{escape(words.verdict_of(figures))}<br>'
            f"<span class=dim>{escape(words.ENDS[report.ended])}; {escape(words.ratio_of(figures))}.</span></p>",
            *(f"<p>{escape(each)}</p>" for each in _opinions(report)),
            _gates(report),
            '<h2>Bad answers</h2><p class=key><i style="border-color:#56708c"></i>baseline'
            '<i style="border-color:#c2571a;background:#c2571a"></i>candidate</p>',
            _rates(told),
            _evidence(pairs, verdict),
            "<h2>Tokens, cost, latency</h2>",
            _amounts(told["amounts"]),
            *(_spread(report, name) for name in ("duration_s", "output_tokens")),
            "<h2>The worst items</h2>",
            _worst(report),
            "<h2>What this can't show</h2><ul>",
            *(f"<li>{escape(each)}</li>" for each in _limits(report)),
            "</ul></body></html>",
        )
    )


def _opinions(report: Report) -> list[str]:
    judge = [] if report.judge is None else [words.judge_of(report.judge)]
    return [words.people_of(report.people), *judge]


def _about(report: Report) -> str:
    replay = report.replay
    parts = [
        f"dataset {replay['dataset']}@{replay['dataset_version']}",
        f"{report.figures.pairs:,} pairs",
        dollars(replay["cost_usd"]) or "cost unknown",
        f"begun {full_time(replay['created_at'])[:19]} by {replay['author']}",
        f"replay {replay['id']}",
    ]
    return f"<p class=dim>{escape(' · '.join(parts))}</p>"


def _table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; cells are text."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heading)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _gates(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{escape(gate.gate)}</td><td class={_GATES[gate.is_passed].split()[0]}>{_GATES[gate.is_passed]}</td>"
        f"<td>{escape(gate.said)}</td></tr>"
        for gate in report.gates
    )
    return f"<h2>Gates</h2><table><tbody>{rows}</tbody></table>"


def _rates(told: dict[str, Any]) -> str:
    lines: list[tuple[str, plots.Bar, plots.Bar]] = []
    rows = []
    for group in ("rates", "guardrails"):
        for name, line in told[group].items():
            ours, theirs = line["baseline"], line["candidate"]
            if name != "bad" and not ours["count"] and not theirs["count"]:
                continue
            title = ("guardrails: " if group == "guardrails" else "") + words.TITLES[name]
            if ours["share"] is not None:
                lines.append((title, _bar(ours), _bar(theirs)))
            lost_by = f"{line['lost']['stable']} : {line['lost']['candidate']}"
            rows.append((title, words.share_of(ours), words.share_of(theirs), lost_by))
    heading = ("", "baseline", "candidate", "pairs lost by it, baseline : candidate")
    return (plots.rates(lines) if lines else "") + _table(heading, rows)


def _bar(told: dict[str, Any]) -> plots.Bar:
    return plots.Bar(told["share"], told["low"], told["high"])


def _evidence(pairs: Sequence[Pair], verdict: Verdict) -> str:
    who, line = Arms(), []
    for pair in pairs:
        who = who.plus(lost(pair))
        line.append((who.stable, who.candidate))
    title = "pairs that each version lost, as they came"
    if who == Arms():
        return f"<h2>Evidence</h2><p class=dim>Neither version lost a pair; verdict: {escape(verdict)}</p>"
    return f"<h2>Evidence</h2><p class=dim>{title}; verdict: {escape(verdict)}</p>" + plots.evidence(line, title)


def _amounts(amounts: dict[str, Any]) -> str:
    rows = []
    for name, line in amounts.items():
        if line["baseline"]["count"]:
            cells = [_amount(name, line[side]) for side in ("logged", "baseline", "candidate")]
            rows.append((words.TITLES[name], *cells, words.difference_of(name, line)))
    return _table(("mean", "logged", "baseline", "candidate", "mean difference (95 %)"), rows)


def _amount(name: str, told: dict[str, Any]) -> str:
    if not told["count"]:
        return "-"
    mean, p50, p95 = (words.number(name, told[which]) for which in ("mean", "p50", "p95"))
    return f"{mean} (p50 {p50}, p95 {p95})"


def _spread(report: Report, name: str) -> str:
    both = report.figures.amounts[name]
    unit = ", s" if name.endswith("_s") else ""
    return plots.spread(words.TITLES[name] + unit, both.baseline.values, both.candidate.values)


def _worst(report: Report) -> str:
    if not report.figures.worst:
        return "<p class=dim>The candidate was bad in none.</p>"
    texts = {each.ordinal: each for each in report.texts}
    return "".join(_item(pair, texts.get(pair.ordinal)) for pair in report.figures.worst)


def _item(pair: Pair, texts: Texts | None) -> str:
    ours, theirs = (", ".join(side.bad) or "good" for side in (pair.baseline, pair.candidate))
    heading = f"Item {pair.ordinal}: candidate {theirs}, baseline {ours}"
    sides = "".join(
        f"<div><h4>{name}</h4><pre>{_said(texts, name)}</pre></div>" for name in ("logged", "baseline", "candidate")
    )
    ids = f"exchanges {pair.baseline.exchange_id} and {pair.candidate.exchange_id}"
    return (
        f"<div class=item><strong>{escape(heading)}</strong><h4>request</h4><pre>{_said(texts, 'request')}</pre>"
        f"<div class=side>{sides}</div><p class=dim>{escape(ids)}</p></div>"
    )


def _said(texts: Texts | None, name: str) -> str:
    said = None if texts is None else getattr(texts, name)
    if said is None:
        return "<span class=dim>not kept</span>"
    return escape(said[:LONGEST_TEXT]) + (" …" if len(said) > LONGEST_TEXT else "")


def _limits(report: Report) -> list[str]:
    found = list(words.LIMITS)
    if report.slow_s is not None:
        found.append(f"An answer is too slow when it takes more than {report.slow_s:.3g} s.")
    if report.redacted:
        found.append(f"{report.redacted:,} items are without what guardrails had taken out before they were logged.")
    return found
