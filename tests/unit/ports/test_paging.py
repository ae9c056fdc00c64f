"""Pages of a log: how many rows are asked for, from where, and when it is enough."""

import pytest

from llmgateway.ports.paging import pages
from llmgateway.ports.store import Wanted


class Log:
    """A reader that has some rows, and remembers what it was asked."""

    def __init__(self, count: int) -> None:
        self.ids = [f"{at:02}" for at in reversed(range(count))]
        self.asked: list[tuple[int, str | None]] = []

    async def page(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[dict[str, str]]:
        self.asked.append((limit, before))
        return [{"id": each} for each in self.ids if before is None or each < before][:limit]


@pytest.mark.parametrize(
    ("count", "limit", "asked", "sizes"),
    [
        (7, 100, [(3, None), (3, "04"), (3, "01")], [3, 3, 1]),
        (6, 100, [(3, None), (3, "03"), (3, "00")], [3, 3]),
        (7, 5, [(3, None), (2, "04")], [3, 2]),
        (7, 6, [(3, None), (3, "04")], [3, 3]),
        (1, 2, [(2, None)], [1]),
        (0, 100, [(3, None)], []),
        (7, 0, [], []),
    ],
)
async def test_pages_go_back_until_the_limit_or_the_beginning(count, limit, asked, sizes):
    log = Log(count)
    found = [page async for page in pages(log, Wanted(), limit=limit, size=3)]
    assert [len(page) for page in found] == sizes
    assert [row["id"] for page in found for row in page] == log.ids[:limit]
    assert log.asked == asked
