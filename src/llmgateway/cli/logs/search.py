"""Walking back through the log, page by page, with or without a look into the bodies."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from llmgateway.ports.store import Body, Row, StoreReader, Wanted
from llmgateway.wire.jsoncodec import encode

PAGE: Final = 500
TEXT_PAGE: Final = 50  # smaller: bodies come along


@dataclass(slots=True)
class Walk:
    """Which exchanges, how many, and how far to look for them. `scanned` and `is_cut` are for the closing note."""

    wanted: Wanted
    limit: int | None = None
    before: str | None = None
    text: str | None = None
    scan: int = 0  # bound of exchanges looked into for `text`
    scanned: int = 0
    is_cut: bool = False  # the bound was reached before the end of the log


async def walk(reader: StoreReader, plan: Walk, step: Callable[[int], None] = lambda _: None) -> AsyncIterator[Row]:
    """Yield exchanges, newest first. `step` hears how many were looked at since it was called last."""
    needles = _needles(plan.text)
    left = plan.limit
    while left is None or left > 0:
        page = await reader.page(plan.wanted, limit=_page_size(plan, left), before=plan.before)
        if not page:
            return
        plan.before = page[-1]["id"]
        for row in await _with_text(reader, page, needles):
            yield row
            left = left - 1 if left is not None else None
            if left == 0:
                return
        plan.scanned += len(page)
        step(len(page))
        if needles and plan.scanned >= plan.scan:
            plan.is_cut = True
            return


def _page_size(plan: Walk, left: int | None) -> int:
    if plan.text is not None:
        return max(1, min(TEXT_PAGE, plan.scan - plan.scanned))
    return PAGE if left is None else min(PAGE, left)


async def _with_text(reader: StoreReader, page: Sequence[Row], needles: Sequence[str]) -> Sequence[Row]:
    if not needles:
        return page
    bodies = await reader.bodies([row["seq"] for row in page])
    return [row for row in page if any(holds(body, needles) for body in bodies.get(row["seq"], ()))]


async def add_details(reader: StoreReader, rows: Sequence[Row]) -> None:
    """Add to rows of one page what lies beside them: their attempts and verdicts."""
    seqs = [row["seq"] for row in rows]
    attempts, verdicts = await reader.attempts(seqs), await reader.verdicts(seqs)
    for row in rows:
        row["attempts"] = attempts.get(row["seq"], [])
        row["verdicts"] = verdicts.get(row["seq"], [])


def holds(body: Body, needles: Sequence[str]) -> bool:
    """Tell whether a body has one of the texts in it."""
    if body.content is None:
        return False
    text = body.content.decode("utf-8", "replace").lower()
    return any(needle in text for needle in needles)


def _needles(text: str | None) -> list[str]:
    """The text as it may lie in a body: plain, as JSON writes it, and as JSON writes it in ASCII."""
    if not text:
        return []
    as_json = encode(text).decode()[1:-1]
    in_ascii = "".join(each if each < "\x80" else _json_escape(each) for each in as_json)
    return list(dict.fromkeys(form.lower() for form in (text, as_json, in_ascii)))


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
