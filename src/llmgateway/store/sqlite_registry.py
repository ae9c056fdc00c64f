"""The part of an SQLite store that knows versions: the statements of `sqlite_versions`, run where its others run."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from llmgateway.ports.versions import KnownVersion, Said, ServedVersion, VersionNote, VersionRecord
from llmgateway.store import sqlite_versions as versions

T = TypeVar("T")


class RegistryReading(ABC):
    """Reading (ports.versions.VersionReader)."""

    @abstractmethod
    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    async def known_version(self, version_id: str) -> KnownVersion | None:
        return await self._read(lambda connection: versions.known(connection, version_id))

    async def version_routes(self) -> list[str]:
        return await self._read(versions.routes)

    async def said_of_versions(self, version_ids: Sequence[str]) -> Said:
        return await self._read(lambda connection: versions.said(connection, version_ids))


class RegistryWriting(ABC):
    """Writing (ports.versions.VersionWriter)."""

    @abstractmethod
    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    async def record_versions(self, records: Sequence[VersionRecord]) -> None:
        await self._write(lambda connection: versions.record(connection, records))

    async def note_served(self, served: Sequence[ServedVersion]) -> None:
        await self._write(lambda connection: versions.note_served(connection, served))

    async def label_version(self, version_id: str, labels: Mapping[str, str | None], author: str, at: float) -> bool:
        return await self._write(lambda connection: versions.label(connection, version_id, labels, author, at))

    async def add_version_note(self, version_id: str, note: VersionNote) -> bool:
        return await self._write(lambda connection: versions.add_note(connection, version_id, note))
