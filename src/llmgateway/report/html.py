"""A report as one HTML file for screen and paper: nothing loaded from anywhere, no script, every text escaped."""

from typing import Final

from llmgateway.drawing.html import Html, join, tag
from llmgateway.report.blocks import Block, Heading, Plot, Quote, Table, Text, Tiles
from llmgateway.report.document import Report
from llmgateway.report.say import NOTHING, Say
from llmgateway.report.told import title_of, told

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
STYLE: Final = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{font:15px/1.55 system-ui,"Segoe UI","Noto Sans","Noto Sans JP","Hiragino Sans","Yu Gothic",sans-serif;
color:#1d2733;background:#fff;max-width:62rem;margin:2.5rem auto;padding:0 1.5rem;overflow-wrap:anywhere}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.35rem;margin:3rem 0 .6rem;padding-top:.6rem;border-top:3px solid #1d2733}
h3{font-size:1.08rem;margin:2.1rem 0 .5rem}h4{font-size:.95rem;margin:1.4rem 0 .3rem}
h1,h2,h3,h4{break-after:avoid}
p{margin:.4rem 0;max-width:48rem}p.aside{color:#5b6875;font-size:.87rem}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.8rem;margin:1.4rem 0}
.tile{border:1px solid #d8dee4;border-top:4px solid #3d5a80;border-radius:4px;padding:.7rem .9rem;break-inside:avoid}
.tile b{display:block;font-size:1.7rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.tile span{display:block;color:#5b6875;font-size:.84rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:.89rem}
th{font-weight:600;color:#5b6875;border-bottom:2px solid #9aa5b0;overflow-wrap:normal}
:lang(ja) th{word-break:auto-phrase}
th,td{text-align:left;padding:.32rem .4rem;vertical-align:top}
td{min-width:5.5rem;border-bottom:1px solid #e3e8ec}
tr{break-inside:avoid}thead{display:table-header-group}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:normal;min-width:0}.w{white-space:nowrap}
figure{margin:1rem 0;break-inside:avoid}
svg{max-width:100%;height:auto;display:block}
svg text{font:12px system-ui,"Noto Sans JP","Hiragino Sans","Yu Gothic",sans-serif;fill:#33414e}
svg .dim{fill:#7d8a97}svg .lane{font-weight:600}svg .p50{fill:#3d5a80}svg .p95{fill:#b25416}
blockquote{margin:.7rem 0;padding:.5rem 1rem;border-left:4px solid #3d5a80;background:#f4f6f8;break-inside:avoid}
blockquote p{margin:0}blockquote footer{color:#5b6875;font-size:.85rem;margin-top:.2rem}
@page{size:A4;margin:16mm}
@media print,(max-width:56rem){table{font-size:.8rem}
th,td{padding:.25rem .4rem}td{min-width:3.6rem}.w{white-space:normal}}
@media print{body{font-size:10pt;margin:0;padding:0;max-width:none}h2{margin-top:1.6rem}.tile b{font-size:1.35rem}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media screen{.wide{overflow-x:auto}}
@media screen and (max-width:40rem){body{padding:0 1rem}.tiles{grid-template-columns:1fr 1fr}
td{min-width:5.5rem;overflow-wrap:break-word}td.n{min-width:4.5rem}figure{overflow-x:auto}figure svg{min-width:38rem}}
"""


def render_html(report: Report, language: str = "en") -> str:
    """The whole file. KeyError for a language that there is none of."""
    say = Say(language)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title_of(report, say)),
        tag("style", Html(STYLE)),
    )
    body = tag("body", *(_block(each) for each in told(report, language)))
    return "<!doctype html>" + tag("html", head, body, lang=language)


def _block(block: Block) -> Html:
    match block:
        case Heading():
            return tag(f"h{block.level}", block.text)
        case Text():
            return tag("p", block.text, class_="aside" if block.is_aside else None)
        case Tiles():
            return tag("div", *(_tile(each.title, each.figure, each.below) for each in block.tiles), class_="tiles")
        case Table():
            return _table(block)
        case Quote():
            return tag("blockquote", tag("p", block.text or NOTHING), tag("footer", block.by))
        case Plot():
            return tag("figure", Html(block.svg))


def _tile(title: str, figure: str, below: str) -> Html:
    return tag("div", tag("span", title), tag("b", figure), tag("span", below), class_="tile")


def _kind(table: Table, column: int) -> str | None:
    """The classes of a column's cells."""
    kinds = [name for name, columns in (("n", table.numbers), ("w", table.whole)) if column in columns]
    return " ".join(kinds) or None


def _table(table: Table) -> Html:
    kinds = [_kind(table, at) for at in range(len(table.columns))]
    head = (tag("th", title, scope="col", class_=kind) for title, kind in zip(table.columns, kinds, strict=True))
    rows = (
        tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True))) for row in table.rows
    )
    return tag("div", tag("table", tag("thead", tag("tr", *head)), tag("tbody", join(*rows))), class_="wide")
