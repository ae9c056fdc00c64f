"""From TOML text to the frozen snapshot, or to a list of everything that is wrong with it."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as File
from typing import Final

from llmgateway.config import source
from llmgateway.config.advice import advise
from llmgateway.config.build import build
from llmgateway.config.positions import Positions
from llmgateway.config.problems import MAX_FAULTS, ConfigError, Fault, Problem, dotted
from llmgateway.config.reach import unreachable
from llmgateway.config.references import dangling
from llmgateway.config.refusals import open_doors, unusable_files, weak_secrets
from llmgateway.config.schema import Config
from llmgateway.config.secrets import SecretResolver
from llmgateway.config.shape import fit
from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.clock import SystemClock

DEFAULT_NAME: Final = "config.toml"


@dataclass(frozen=True, slots=True)
class Examined:
    """A configuration that holds, what deserves a second look in it, and its text with references unresolved."""

    snapshot: Snapshot
    warnings: tuple[Problem, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Known:
    """The names of what is installed."""

    providers: Collection[str]
    operations: Collection[str] = ()


def load(
    origin: str | File,
    *,
    providers: Collection[str],
    generation: int,
    environ: Mapping[str, str] | None,
    name: str = DEFAULT_NAME,
) -> Snapshot:
    """Load a file (a Path) or a text (a str) into a snapshot; raises ConfigError with every problem found.

    `providers` are the known providers' names. `environ` None leaves secrets and TLS files unlooked at: for
    checking a configuration elsewhere, never for serving. `name` is what problems of a text call its file.
    """
    file, text = _read(origin, name)
    snapshot, _, _ = _held(file, text, _Known(providers), generation, environ)
    return snapshot  # without advice: that takes long for large configurations, and workers load between requests


def examine(
    origin: str | File,
    *,
    providers: Collection[str],
    generation: int,
    environ: Mapping[str, str] | None,
    operations: Collection[str] = (),
    name: str = DEFAULT_NAME,
    now: float | None = None,
) -> Examined:
    """Do what `load` does and keep the warnings and the text too. `now`: Unix time, against which keys expire.

    `operations` are the names that keys may be limited to; without them those are taken as they are.
    """
    file, text = _read(origin, name)
    snapshot, secrets, located = _held(file, text, _Known(providers, operations), generation, environ)
    warnings = advise(snapshot, secrets.literals, SystemClock().time() if now is None else now)
    return Examined(snapshot, tuple(located(warnings)), text)


def _read(origin: str | File, name: str) -> tuple[str, str]:
    """The file's name and its text."""
    return (str(origin), source.read_text(origin)) if isinstance(origin, File) else (name, origin)


def _held(
    file: str, text: str, known: "_Known", generation: int, environ: Mapping[str, str] | None
) -> "tuple[Snapshot, SecretResolver, _Located]":
    """Build the snapshot of a text that holds; raises ConfigError."""
    document = source.parse(text, file)
    located = _Located(file, text)
    config, misfits = fit(document)
    faults = [*misfits, *islice(dangling(document, known.providers, known.operations), MAX_FAULTS)]
    if config is None or faults:
        raise ConfigError(located(faults))
    secrets = SecretResolver(environ)
    snapshot = build(config, secrets, generation, hashlib.sha256(text.encode()).hexdigest())
    if faults := _refused(config, snapshot, secrets, looks_at_files=environ is not None):
        raise ConfigError(located(faults))
    return snapshot, secrets, located


def _refused(config: Config, snapshot: Snapshot, secrets: SecretResolver, *, looks_at_files: bool) -> list[Fault]:
    faults = [*secrets.faults, *open_doors(config), *unreachable(snapshot)]
    if looks_at_files:
        faults += [*weak_secrets(snapshot), *unusable_files(config)]
    return faults


class _Located:
    """Gives faults the file and line they stand on, and the file's order."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._positions = Positions(text)

    def __call__(self, faults: Iterable[Fault]) -> list[Problem]:
        problems = (Problem(self._file, self._positions.line(path), dotted(path), reason) for path, reason in faults)
        return sorted(problems, key=lambda problem: problem.line)
