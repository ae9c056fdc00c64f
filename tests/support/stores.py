"""Every store there is, by name: a new one is added here, and has to pass what tests/contract has for stores."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from llmgateway.ports.store import Store
from llmgateway.store.sqlite import SqliteStore

STORES: Final[dict[str, Callable[[Path], Store]]] = {"sqlite": lambda folder: SqliteStore(folder / "store.sqlite3")}
