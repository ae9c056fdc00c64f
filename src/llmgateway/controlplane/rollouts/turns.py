"""One change after the other. Who comes after one that broke off on its way into the store takes up where that is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager


class Turns:
    """`read_again`: what to do where nobody knows whether a change was saved."""

    def __init__(self, read_again: Callable[[], Awaitable[None]]) -> None:
        self._read_again = read_again
        self._lock = asyncio.Lock()
        self._is_unsure = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for those before; raises what reading again raises."""
        async with self._lock:
            if self._is_unsure:
                await self._read_again()
                self._is_unsure = False
            yield

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around a change on its way into the store: unless this comes to its end, nobody knows what became of it."""
        self._is_unsure = True
        yield
        self._is_unsure = False
