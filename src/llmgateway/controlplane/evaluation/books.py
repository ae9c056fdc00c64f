"""The figures of evaluators, changed and saved with the scores they count: both or neither."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from llmgateway.controlplane.evaluation.figures import Figures
from llmgateway.domain.score import Score
from llmgateway.ports.store import Store
from llmgateway.wire.jsoncodec import encode

Change = Callable[[Figures], None]


class Books:
    """What is seen of `figures` is committed; None until the store was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._saving = asyncio.Lock()
        self._later: list[Change] = []
        self._names: Mapping[str, object] = {}
        self.figures: Figures | None = None

    def keep_only(self, names: Mapping[str, object]) -> None:
        """Forget evaluators that the configuration names no more, with the next that is saved."""
        self._names = names

    async def known(self) -> Figures:
        """The figures, read back from the store the first time. StoreError."""
        if self.figures is None:
            state = await self._store.evaluation_state()
            if self.figures is None:  # else another was quicker
                self.figures = Figures.restored(state)
                self.figures.keep_only(self._names)
        return self.figures

    def later(self, change: Change) -> None:
        """Have something counted with the next that is saved."""
        self._later.append(change)

    async def save(self, scores: Sequence[Score], change: Change) -> None:
        """Save scores and the changed figures; on failure (StoreError) the figures stay as they were."""
        async with self._saving:
            figures = (await self.known()).copy()
            later = len(self._later)
            for each in (change, *self._later):
                each(figures)
            figures.keep_only(self._names)
            await self._store.add_scores(scores, encode(figures.state()))
            self.figures = figures
            del self._later[:later]
