"""Going back through a log page by page."""

from collections.abc import AsyncIterator

from llmgateway.ports.store import Row, StoreReader, Wanted


async def pages(reader: StoreReader, wanted: Wanted, *, limit: int, size: int) -> AsyncIterator[list[Row]]:
    """Yield the newest exchanges, `limit` at most, in pages of `size` or fewer. StoreError as the reader's `page`."""
    before, left = None, limit
    while left > 0:
        asked = min(size, left)
        page = await reader.page(wanted, limit=asked, before=before)
        if page:
            yield page
        if len(page) < asked:
            return
        left -= asked
        before = page[-1]["id"]
