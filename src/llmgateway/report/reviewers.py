"""How far reviewers agree, and what they say of answers drawn at random: for reports and for the admin API."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.proportion import wilson
from llmgateway.domain.review import Item, Kind, Reason, Review
from llmgateway.rollout.agreement import cohen_kappa, krippendorff_alpha

MAX_PAIRS: Final = 20  # of reviewers, those with the most in common

Looked = Sequence[tuple[Item, Sequence[Review]]]


def agreement(looked: Looked) -> list[dict[str, Any]]:
    """By schema and question: how often two reviewers of an item said the same, and how much of that is not chance."""
    groups: dict[tuple[str, int, str], list[dict[str, str]]] = {}
    for item, said in looked:
        given = [each for each in said if each.kind is Kind.REVIEW]
        for question in {name for each in given for name in each.labels}:
            labels = {each.reviewer: each.labels[question] for each in given if question in each.labels}
            groups.setdefault((item.schema, item.schema_number, question), []).append(labels)
    return [
        {"schema": schema, "number": number, "question": question, **_agreed(rows)}
        for (schema, number, question), rows in sorted(groups.items())
    ]


def _agreed(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    twice = [row for row in rows if len(row) > 1]
    same = sum(len(set(row.values())) == 1 for row in twice)
    return {
        "items": len(twice),
        "same": same,
        "share": same / len(twice) if twice else None,
        "interval": list(wilson(same, len(twice))) if twice else None,
        "alpha": krippendorff_alpha([list(row.values()) for row in twice]),
        "pairs": _pairs(twice),
    }


def _pairs(rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Kappa of any two reviewers who have labelled the same items."""
    common: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        names = sorted(row)
        for at, one in enumerate(names):
            for two in names[at + 1 :]:
                common.setdefault((one, two), []).append((row[one], row[two]))
    most = sorted(common.items(), key=lambda each: (-len(each[1]), each[0]))[:MAX_PAIRS]
    return [{"reviewers": list(who), "items": len(said), "kappa": cohen_kappa(said)} for who, said in most]


def rates(looked: Looked) -> list[dict[str, Any]]:
    """What holds of the items that were drawn at random: of these alone shares say something about all traffic."""
    counts: dict[tuple[str, str, str, str], Counter[str]] = {}
    for item, _ in looked:
        if item.reason is not Reason.RANDOM or item.labels is None or item.is_pair:
            continue
        for question, answer in item.labels.items():
            key = (item.route or "", item.served or "", item.schema, question)
            counts.setdefault(key, Counter())[answer] += 1
    return [
        {
            "route": route,
            "version": version,
            "schema": schema,
            "question": question,
            "items": given.total(),
            "labels": {
                answer: {"count": n, "share": n / given.total(), "interval": list(wilson(n, given.total()))}
                for answer, n in sorted(given.items())
            },
        }
        for (route, version, schema, question), given in sorted(counts.items())
    ]
