"""What a replay reads from the gateway before it begins, and writes down while it runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from llmgateway.cli import gateway
from llmgateway.cli.datasets import asking
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.whereabouts import Source
from llmgateway.domain.quantile import quantile
from llmgateway.domain.review import Reason
from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying.items import BadItemError, read_item
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.people import JUDGED, MAX_SAID, QUESTION, Preferred, Said, said_of
from llmgateway.rollout.trust import Trust
from llmgateway.wire.jsoncodec import decode, encode

SLOW_FACTOR: Final = 2.0  # times the p95 of the logged answers: what is slower is too slow
LEAST_SLOW_S: Final = 1.0
SAID_AT_ONCE: Final = 1_000
_JSON: Final = "application/json"


class JudgeNow(NamedTuple):
    """With how many exchanges a judge is through since its figures began, and how far it is trusted."""

    through: int
    trust: Trust


@dataclass(frozen=True, slots=True)
class Books:
    """One gateway's replays."""

    place: Source

    def items(self, dataset: Mapping[str, Any], limit: int | None) -> list[DatasetItem]:
        """The first items that were not erased."""
        found: list[DatasetItem] = []
        for told in asking.items(self.place, dataset):
            if told["erased_at"] is None and (limit is None or len(found) < limit):
                found.append(_item(told))
        return found

    def estimate(self, dataset: Mapping[str, Any], query: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"{asking.path_of(dataset)}/estimate"
        estimate: Mapping[str, Any] = gateway.get(self.place, path, has="estimate", **query)["estimate"]
        return estimate

    def begin(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._post("replays", content, "replay"))

    def replay(self, replay_id: str) -> dict[str, Any]:
        """The replay; leaves the program where there is none."""
        return dict(gateway.get(self.place, _path(replay_id), has="replay")["replay"])

    def pairs(self, replay_id: str) -> Iterator[Pair]:
        """All that is done, in the order of the items."""
        after: str | None = None
        while True:
            page = gateway.get(self.place, f"{_path(replay_id)}/pairs", has="pairs", after=after)
            for told in page["pairs"]:
                yield Pair.read(told["ordinal"], encode(told))
            if page["next"] is None:
                return
            after = str(page["next"])

    def save(self, replay_id: str, pairs: Sequence[Pair], cost_usd: float) -> None:
        told = [{"ordinal": pair.ordinal} | decode(pair.written()) for pair in pairs]
        self._post(f"{_path(replay_id)}/pairs", {"pairs": told, "cost_usd": cost_usd}, "added")

    def end(self, replay_id: str, ended: str | None, verdict: str | None) -> dict[str, Any]:
        return dict(self._post(f"{_path(replay_id)}/end", {"ended": ended, "verdict": verdict}, "replay"))

    def hand_out(self, pairs: Sequence[Pair], note: str) -> int:
        """Put pairs into the review queue, blindly; those that are there already stay. Returns how many came."""
        added = 0
        for pair in pairs:
            item = {"exchange_id": pair.baseline.exchange_id, "other_id": pair.candidate.exchange_id}
            content = item | {"reason": Reason.CANARY_PAIR.value, "note": note}
            added += self._post("review/items", content, "added")
        return added

    def said(self, since: float) -> Said:
        """What people said of pairs from a time on; at most the last MAX_SAID words."""
        every = self._scores(source="human", name=QUESTION, since=since)
        return said_of((told["exchange_id"], told["source_id"], told["value"]) for told in every)

    def judged(self, name: str, since: float) -> dict[str, Preferred]:
        """What a judge of pairs has said from a time on, by exchange."""
        every = self._scores(source="judge", source_id=name, since=since)
        return {told["exchange_id"]: JUDGED[told["value"]] for told in every if told["value"] in JUDGED}

    def judge(self, name: str) -> JudgeNow:
        """How an evaluator is; leaves the program where none of the name is asked."""
        every = gateway.get(self.place, "evaluators", has="evaluators")["evaluators"]
        found = next((each for each in every if each["name"] == name and each["asks"] is not None), None)
        if found is None:
            fail(f"no judge is called {name}: `llmgateway eval list` has those there are", MISUSED)
        through = sum(found["runs"].values()) + sum(found["skipped"].values())
        return JudgeNow(through, Trust(found["agreement"]["trust"]))

    def compare(self, name: str, pairs: Sequence[Pair]) -> int:
        """Have a judge compare pairs; returns how many it is to look at."""
        told = [
            {"exchange_id": each.candidate.exchange_id, "reference_id": each.baseline.exchange_id} for each in pairs
        ]
        return int(self._post(f"evaluators/{quote(name, safe='')}/compare", {"pairs": told}, "asked"))

    def _scores(self, **query: Any) -> Iterator[Mapping[str, Any]]:
        before: str | None = None
        for _ in range(MAX_SAID // SAID_AT_ONCE):
            page = gateway.get(self.place, "scores", has="scores", before=before, limit=SAID_AT_ONCE, **query)
            yield from page["scores"]
            if page["next"] is None:
                return
            before = str(page["next"])

    def _post(self, path: str, content: Mapping[str, Any], has: str) -> Any:
        return gateway.change(self.place, "POST", path, has=has, body=(_JSON, encode(content)))[has]


def _path(replay_id: str) -> str:
    return f"replays/{quote(replay_id, safe='')}"


def _item(told: Mapping[str, Any]) -> DatasetItem:
    try:
        return read_item(told, told["ordinal"])
    except BadItemError as error:
        fail(f"item {told['ordinal']} can't be replayed: {error}", MISUSED)


def slow_of(items: Sequence[DatasetItem]) -> float | None:
    """What takes too long, by how long the logged answers took; None where nobody knows."""
    known = sorted(each for item in items if isinstance(each := item.facts.get("duration_s"), int | float))
    return max(LEAST_SLOW_S, SLOW_FACTOR * quantile(known, 95)) if known else None
