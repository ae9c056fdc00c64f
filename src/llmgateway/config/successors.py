"""Which versions of a configuration are others than those of the same name before."""

from typing import Final

from llmgateway.config.snapshot import Snapshot

MAX_TOLD: Final = 20


def other_versions(old: Snapshot, new: Snapshot, when: str = "now") -> list[str]:
    """What to say of versions that have their name still and another content: at most MAX_TOLD of them.

    `when`: since when, or after what, they are others.
    """
    before = {(route.name, version.name): version for route in old.routes.values() for version in route.versions}
    told = []
    for route in new.routes.values():
        for version in route.versions:
            former = before.get((route.name, version.name))
            if former is not None and former.id != version.id:
                why = " with another prompt" if former.prompt != version.prompt else ""
                told.append(
                    f"{route.name}/{version.name} is another version {when}{why}: {version.id}, not {former.id}"
                )
    return told if len(told) <= MAX_TOLD else [*told[:MAX_TOLD], f"and {len(told) - MAX_TOLD} more"]
