"""What came of golden questions, by route and version, as JSON and back."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway.controlplane.golden.verdicts import Verdict, verdict_of
from llmgateway.ports.datasets import DatasetItem

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OfVersion:
    """The newest verdict on each question, by the hash of what is asked. `at`: of the round (Unix seconds)."""

    name: str
    at: float = 0.0
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    asked: int = 0  # questions of the last round of which anything is known

    def keep_only(self, items: Iterable[DatasetItem]) -> None:
        """Forget questions that are in the dataset no more."""
        stay = {item.prompt_hash for item in items}
        self.verdicts = {name: each for name, each in self.verdicts.items() if name in stay}


@dataclass(slots=True)
class OfRoute:
    """`begun`: the last round. `trouble`: why it is not whole. `versions`: by the id of their content."""

    begun: float
    trouble: str | None = None
    cost_usd: float = 0.0
    versions: dict[str, OfVersion] = field(default_factory=dict)

    def keep_only(self, ids: Collection[str]) -> None:
        """Forget versions that are in the configuration no more."""
        self.versions = {name: each for name, each in self.versions.items() if name in ids}


Books = dict[str, OfRoute]


def state(books: Books) -> dict[str, Any]:
    """As JSON."""
    return {
        route: {
            "begun": each.begun,
            "trouble": each.trouble,
            "cost_usd": each.cost_usd,
            "versions": {
                name: [version.name, version.at, version.asked, _told(version.verdicts)]
                for name, version in each.versions.items()
            },
        }
        for route, each in books.items()
    }


def _told(verdicts: Mapping[str, Verdict]) -> dict[str, list[Any]]:
    return {name: list(each) for name, each in verdicts.items()}


def restored(saved: Mapping[str, Any] | None) -> Books:
    """What `state` described; nothing where there is none, or none that can be read."""
    try:
        return {route: _route(each) for route, each in (saved or {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.warning("what came of golden questions can't be read and begins anew: %s", type(error).__name__)
        return {}


def _route(saved: Mapping[str, Any]) -> OfRoute:
    versions = {
        str(version): OfVersion(
            str(name), float(at), {key: verdict_of(each) for key, each in verdicts.items()}, int(asked)
        )
        for version, (name, at, asked, verdicts) in saved["versions"].items()
    }
    return OfRoute(float(saved["begun"]), saved["trouble"], float(saved["cost_usd"]), versions)
