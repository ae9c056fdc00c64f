"""A look at the store before anything is started, so that a damaged, foreign or too new file is told to whoever starts.

Only a start refuses. A gateway that runs goes on without its store: control logs it and tries again, the journal keeps.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from llmgateway.ports.store import StoreRefusedError, StoreUnavailableError
from llmgateway.store.schema import check
from llmgateway.store.sqlite_connection import check_integrity, translated

SECONDS: Final = 0.5  # of the start; control looks for longer, beside the traffic
LOCK_S: Final = 0.2


def refusal(path: Path) -> str | None:
    """Why no gateway should start on the store at `path`; None if one may, also where there is no file yet.

    Changes nothing. A store that is only locked or away just now is no reason: control waits for it.
    """
    if not path.exists():
        return None
    try:
        with translated(), closing(_opened(path)) as connection:
            check(connection)
            check_integrity(connection, SECONDS)
    except StoreRefusedError as error:
        return f"{path}: {error}"
    except StoreUnavailableError:
        return None
    return None


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCK_S, isolation_level=None)
