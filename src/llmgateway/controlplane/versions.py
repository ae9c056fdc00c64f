"""Versions as the admin API tells them, and what it takes of what people say of them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from llmgateway.config.describe import described_route
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.refused import RefusedError
from llmgateway.ports.generations import SeenVersion
from llmgateway.ports.versions import MAX_LABEL, MAX_LABEL_VALUE, MAX_LABELS, MAX_NOTE, KnownVersion, Said, Terms
from llmgateway.wire.jsoncodec import decode

Sighting = tuple[str, str, str]  # route, name and id


def versions_of(
    snapshot: Snapshot, routes: Iterable[str], seen: Sequence[SeenVersion], *, past: bool = False
) -> list[dict[str, Any]]:
    """Every version of some routes; with `past` those as well that are not in force any more."""
    first = {(each.route, each.name, each.id): each for each in seen}
    lines = []
    for route in routes:
        in_force = described_route(snapshot.routes[route], snapshot)["versions"] if route in snapshot.routes else []
        for version in in_force:
            known = first.pop((route, version["name"], version["id"]), None)
            lines.append({"route": route} | version | {"in_force": True} | _since(known))
        lines += [_past(known) for known in first.values() if past and known.route == route]
    return lines


def _past(known: SeenVersion) -> dict[str, Any]:
    return {"route": known.route, "name": known.name, "id": known.id, "in_force": False} | _since(known)


def _since(known: SeenVersion | None) -> dict[str, Any]:
    return {
        "first_seen": None if known is None else known.at,
        "first_generation": None if known is None else known.generation,
    }


def shown(line: dict[str, Any], said: Said, served: Mapping[tuple[str, str, str], float]) -> dict[str, Any]:
    """A line with what people say of the version, and when it last answered."""
    return line | {
        "labels": dict(said.labels.get(line["id"], {})),
        "notes": said.notes.get(line["id"], 0),
        "last_served": served.get((line["route"], line["name"], line["id"])),
    }


def whole_version(known: KnownVersion, snapshot: Snapshot, served: Mapping[Sighting, float]) -> dict[str, Any]:
    """One version. `served`: who answered when, as far as the store does not know it yet."""
    times = {(each.route, each.name): each.at for each in known.served}
    times |= {(route, name): at for (route, name, version_id), at in served.items() if version_id == known.id}
    return {
        "id": known.id,
        "spec": None if known.spec is None else decode(known.spec.encode()),
        "labels": {name: label._asdict() for name, label in known.labels.items()},
        "notes": [{**note._asdict(), "time": _time(note.at)} for note in known.notes],
        "routes": [
            {
                "route": route,
                "name": name,
                "in_force": _is_in_force(snapshot, route, name, known.id),
                "last_served": times.get((route, name)),
                "terms": [_shown_terms(each) for each in terms],
            }
            for (route, name), terms in _by_place(known.terms).items()
        ],
    }


def _by_place(every: Iterable[Terms]) -> dict[tuple[str, str], list[Terms]]:
    found: dict[tuple[str, str], list[Terms]] = {}
    for each in every:
        found.setdefault((each.route, each.name), []).append(each)
    return found


def _shown_terms(terms: Terms) -> dict[str, Any]:
    """What held from a generation on. Without an author it is from before that was kept."""
    return {
        "generation": terms.generation,
        "at": terms.at,
        "time": _time(terms.at),
        "author": terms.author or None,
        **decode(terms.terms.encode()),
    }


def _is_in_force(snapshot: Snapshot, route: str, name: str, version_id: str) -> bool:
    found = snapshot.routes.get(route)
    return found is not None and any(each.name == name and each.id == version_id for each in found.versions)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def labels_in(sent: Mapping[str, Any]) -> dict[str, str | None]:
    """The labels that somebody wants to set (None: take off); raises RefusedError."""
    labels = sent.get("labels")
    if sent.keys() != {"labels"} or not isinstance(labels, dict) or not 0 < len(labels) <= MAX_LABELS:
        raise _refused(f'The body has to have "labels", 1 to {MAX_LABELS} of them, and nothing else.')
    for name, value in labels.items():
        if not 0 < len(name) <= MAX_LABEL or not name.isprintable() or "=" in name or name != name.strip():
            raise _refused(f"A label's name has 1 to {MAX_LABEL} characters, and no = among them.")
        if value is not None and not _is_value(value):
            raise _refused(f"A label's value is text of 1 to {MAX_LABEL_VALUE} characters, or null to take it off.")
    return labels


def note_in(sent: Mapping[str, Any]) -> str:
    """The text that somebody writes; raises RefusedError."""
    text = sent.get("text")
    if sent.keys() != {"text"} or not isinstance(text, str) or not text.strip() or len(text) > MAX_NOTE:
        raise _refused(f'The body has to have "text" of 1 to {MAX_NOTE} characters, and nothing else.')
    return text.strip()


def _is_value(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_LABEL_VALUE and value.isprintable()


def _refused(message: str) -> RefusedError:
    return RefusedError(422, "invalid_body", message)
