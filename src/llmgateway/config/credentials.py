"""A backend's credential belongs to where it is sent. Who changes where that is has to give it again.

Otherwise whoever may change a `base_url`, but has never seen the key, could have it sent to a machine of theirs.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from llmgateway.config.build import carries_credential
from llmgateway.config.masking import is_reference, secrets
from llmgateway.config.problems import Fault, Path, quoted

DESTINATION: Final = ("base_url", "proxy")  # both see what is sent, where the backend speaks plain HTTP


def withheld(
    before: Mapping[str, Any], after: Mapping[str, Any], restored: Collection[Path], confirmed: Collection[str]
) -> Iterator[Fault]:
    """The credentials that would go to a new place without having been given again.

    `restored`: settings where `***` stood. `confirmed`: backends whose reference may go along, said in so many words.
    """
    old, new = secrets(before), secrets(after)
    for name, changed in moved(before, after):
        for path, value in new.items():
            if path[:2] != ("backends", name) or old.get(path) != value or not _is_credential(path):
                continue
            if is_reference(value):
                if name not in confirmed:
                    yield (
                        path,
                        f"{changed} of this backend changes, so its credential has to be given again in the same "
                        f"change: write the key or another reference, or say that this one may go to the new "
                        f"address (credentials={name})",
                    )
            elif path in restored:
                yield (
                    path,
                    f"{changed} of this backend changes, so its credential has to be given again in the same "
                    "change: write the key itself or a reference, not ***",
                )


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Backends that were there and are somewhere else now, with the setting that says so."""
    old, new = _backends(before), _backends(after)
    for name in old.keys() & new.keys():
        for setting in DESTINATION:
            if _plain(old[name].get(setting)) != _plain(new[name].get(setting)):
                yield name, quoted(setting)
                break


def _plain(url: Any) -> Any:
    return url.rstrip("/") if isinstance(url, str) else url


def _backends(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    tables = document.get("backends")
    if not isinstance(tables, Mapping):
        return {}
    return {str(name): table for name, table in tables.items() if isinstance(table, Mapping)}


def _is_credential(path: Path) -> bool:
    return path[2] == "api_key" or (path[2] == "headers" and carries_credential(str(path[-1])))
