"""A version in lines that people read and that can be compared. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def told(version: Mapping[str, Any]) -> list[str]:
    """All that is known of a version."""
    lines = [f"version {version['id']}", *made_of(version["spec"])]
    for place in version["routes"]:
        lines += ["", *_place(place)]
    if version["labels"]:
        lines += ["", "labels"]
        lines += [
            f"  {name} = {label['value']}  ({label['author']})" for name, label in sorted(version["labels"].items())
        ]
    if version["notes"]:
        lines += ["", "notes"]
        for note in version["notes"]:
            lines += [f"  {note['time']} {note['author']}", *(f"    {line}" for line in note["text"].split("\n"))]
    return lines


def made_of(spec: Mapping[str, Any] | None) -> list[str]:
    """What its id is the hash of, a line for each member; the lines of a prompt one by one."""
    if spec is None:
        return ["what it is made of is not known: it is from before that was kept"]
    lines = [f"model: {spec['model'] or 'as called'}"]
    lines += [f"backend: {provider} {base_url}" for provider, base_url in spec["backends"]]
    lines += [
        f"param {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(spec["params"].items())
    ]
    if "prompt" in spec:
        lines += ["prompt:", *(f"  {line}" for line in spec["prompt"].split("\n"))]
    return lines


def _place(place: Mapping[str, Any]) -> Iterator[str]:
    state = "in force" if place["in_force"] else "past"
    yield f"{place['route']}/{place['name']} ({state})"
    if place["last_served"] is not None:
        yield f"  last answered: {_time(place['last_served'])}"
    for terms in place["terms"]:
        yield f"  from generation {terms['generation']}, {terms['time']}, by {terms['author'] or 'somebody'}"
        yield from (f"    {line}" for line in in_force_under(terms))


def in_force_under(terms: Mapping[str, Any]) -> list[str]:
    """What it was in force under and is no part of it; nothing where that was not kept."""
    if "backends" not in terms:
        return []
    price, guardrails = terms["price"], terms["guardrails"]
    lines = [
        f"backend {each['name']}: {each['provider']} {each['base_url']}, credential {each['credential'] or 'none'}"
        for each in terms["backends"]
    ]
    if terms["prompt_file"] is not None:
        lines.append(f"prompt from {terms['prompt_file']}")
    names = ", ".join(guardrails["names"])
    lines.append(f"guardrails: {names} (policy {guardrails['policy']})" if names else "guardrails: none")
    if price is not None:
        from_list = ", by the list" if price["source"] == "list" else ""
        amounts = ", ".join(
            f"{price[name]:g} {word}"
            for name, word in (("input", "in"), ("output", "out"), ("cached", "cached"))
            if price[name] is not None
        )
        lines.append(f"price for a million tokens: {amounts}{from_list}")
    return lines


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """A unified diff of two versions; empty where they are alike."""
    from difflib import unified_diff

    lines = unified_diff(_compared(one), _compared(other), one["id"], other["id"], n=100, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _compared(version: Mapping[str, Any]) -> list[str]:
    """What it is made of, and the last terms where it is in force; of one of the past, where it was."""
    every = version["routes"]
    places = [each for each in every if each["in_force"]] or every
    lines = (line for place in places for line in in_force_under(place["terms"][-1]))
    return [*made_of(version["spec"]), *dict.fromkeys(lines)]


def _time(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
