"""How much memory there is for this gateway, and how much of it is in use. Linux: /proc and control groups, v1 and v2.

Where a control group has a limit, the group's own figure counts: it is what the kernel kills for. Page cache is left
out of it, since the kernel takes that back before it kills. Elsewhere the processes' own figures are added up.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_CLOSE_LOOK: Final = 0.8  # below this share of the limit, page cache included, nobody needs to know exactly
_UNLIMITED: Final = 1 << 60  # v1 writes a huge number for none
_clear_caches: Final = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # noqa: SLF001 - documented


@dataclass(frozen=True, slots=True)
class _Hierarchy:
    """How one version of control groups names things. `cached`: fields of memory.stat that the kernel can take back."""

    controller: str
    mount: str
    limit: str
    current: str
    cached: frozenset[str]


_V2: Final = _Hierarchy(
    "",
    "sys/fs/cgroup",
    "memory.max",
    "memory.current",
    frozenset({"inactive_file", "active_file", "slab_reclaimable"}),
)
_V1: Final = _Hierarchy(
    "memory",
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    frozenset({"total_inactive_file", "total_active_file"}),
)


@dataclass(frozen=True, slots=True)
class Group:
    """A control group with a limit, in bytes."""

    folder: Path
    limit: int
    names: _Hierarchy

    def used(self) -> int:
        """Bytes that can't be taken back, or all where that is far from the limit; OSError if the group is gone."""
        whole = int((self.folder / self.names.current).read_text())
        if whole < self.limit * _CLOSE_LOOK:
            return whole
        fields = (line.partition(" ") for line in (self.folder / "memory.stat").read_text().splitlines())
        return max(0, whole - sum(int(value) for name, _, value in fields if name in self.names.cached))


def tightest_group(root: Path = Path("/")) -> Group | None:
    """The control group with the lowest limit among ours and those around it; None where none has a limit."""
    groups = [*_groups(root, _V2), *_groups(root, _V1)]
    return min(groups, key=lambda group: group.limit, default=None)


def _groups(root: Path, names: _Hierarchy) -> Iterator[Group]:
    path, mount = _own_path(root, names.controller), root / names.mount
    if path is None:
        return
    folder = mount / path.lstrip("/")
    if not folder.is_dir():  # in a container the mount is our group itself, whatever the path says
        folder = mount
    for each in (folder, *folder.parents):
        bound = _limit(each / names.limit)
        if bound is not None and (each / names.current).is_file():
            yield Group(each, bound, names)
        if each == mount:
            return


def _own_path(root: Path, controller: str) -> str | None:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(","):
            return path
    return None


def _limit(file: Path) -> int | None:
    try:
        written = file.read_text().strip()
    except OSError:
        return None
    return int(written) if written.isdigit() and int(written) < _UNLIMITED else None


class Meter:
    """One process's view of the gateway's memory. `setting`: the operator's own limit in bytes, or None: find it.

    Without a control group it knows of the other processes what control tells (`hear`), and of itself what is so now.
    """

    __slots__ = ("_group", "_others", "_statm", "limit")

    def __init__(self, setting: int | None, root: Path = Path("/")) -> None:
        machine = os.sysconf("SC_PHYS_PAGES") * _PAGE
        group = tightest_group(root) if setting is None else None
        self._group = group if group is not None and group.limit < machine else None
        self.limit = setting or (self._group.limit if self._group is not None else machine)
        self._others = 0
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def own(self) -> int:
        """Bytes that this process holds for itself: resident, without what files back."""
        _, resident, shared, *_ = os.pread(self._statm, 128, 0).split()
        return (int(resident) - int(shared)) * _PAGE

    def hear(self, total: int) -> None:
        """Take what all processes of the gateway hold together, this one included."""
        self._others = max(0, total - self.own())

    def used(self) -> int:
        """Bytes in use, of the control group or of all processes."""
        if self._group is not None:
            try:
                return self._group.used()
            except (OSError, ValueError):  # moved to another group: what we know ourselves must do
                self._group = None
        return self._others + self.own()

    def close(self) -> None:
        """Let go of the descriptor; twice does no harm, least of all to whoever has its number by then."""
        if self._statm >= 0:
            os.close(self._statm)
        self._statm = -1


def give_back() -> bool:
    """Have the allocator (glibc) return to the system what is free; takes milliseconds a gigabyte. False: it can't.

    The interpreter's cache of attributes goes first. Up to 4,096 names stay alive in it, each made when it was looked
    up (asyncio of Python 3.11 makes one for each wait that uvloop's dialling ends), and one is enough to keep a whole
    arena of Python's own allocator, a megabyte of thousands of objects that are gone.
    """
    _clear_caches()
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # another C library
        return False
