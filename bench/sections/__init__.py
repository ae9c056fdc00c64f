"""What is measured: one file a section. Each has `NAME`, `TITLE` and `run(bench) -> dict`, the figures as JSON."""

from types import ModuleType
from typing import Final

from bench.sections import crash, guarded, idle, ingest, latency, many, memory, stream, throughput, unary

ALL: Final[dict[str, ModuleType]] = {
    section.NAME: section
    for section in (unary, stream, latency, guarded, throughput, many, memory, ingest, idle, crash)
}
