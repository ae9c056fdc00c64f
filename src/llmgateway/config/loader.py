"""From TOML text to the frozen snapshot, or to a list of everything that is wrong with it."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as File
from typing import Any, Final

from llmgateway.config import evaluators as evaluating
from llmgateway.config import prompts as prompt_files
from llmgateway.config import source
from llmgateway.config.advice import advise
from llmgateway.config.build import build
from llmgateway.config.golden_schema import unfit_golden
from llmgateway.config.guardrails import Makers, wrong_guardrails
from llmgateway.config.positions import Positions
from llmgateway.config.problems import MAX_FAULTS, ConfigError, Fault, Problem, dotted
from llmgateway.config.reach import unreachable
from llmgateway.config.references import dangling
from llmgateway.config.refusals import open_doors, unusable_files, weak_secrets
from llmgateway.config.rollout_schema import unfit_rollouts
from llmgateway.config.rollout_scores import Reading
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
    document: Mapping[str, Any] | None = None  # the text, parsed

    @property
    def whole(self) -> str:
        """The text with those of its prompts' files behind it: what is in force."""
        return prompt_files.whole(self.text, prompt_files.of_snapshot(self.snapshot))


@dataclass(frozen=True, slots=True)
class _Source:
    """One configuration as it came: its file's name, its text, and that parsed."""

    file: str
    text: str
    document: Mapping[str, Any]
    prompts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """The names of what is installed."""

    providers: Collection[str]
    operations: Collection[str] = ()
    guardrails: Makers | None = None
    evaluators: evaluating.Makers | None = None


def load(  # noqa: PLR0913 - what is installed has four kinds
    origin: str | File,
    *,
    providers: Collection[str],
    generation: int,
    environ: Mapping[str, str] | None,
    guardrails: Makers | None = None,
    evaluators: evaluating.Makers | None = None,
    name: str = DEFAULT_NAME,
    document: Mapping[str, Any] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Snapshot:
    """Load a file (a Path) or a text (a str) into a snapshot; raises ConfigError with every problem found.

    `document` is the text parsed before, perhaps by way of JSON: TOML takes half of the time a large one needs.

    `providers` are the known providers' names, `guardrails` and `evaluators` the plug-ins, which try their settings
    (None: nobody does).
    `environ` None leaves secrets and TLS files unlooked at: for checking a configuration elsewhere, never for serving.
    `name` is what problems of a text call its file; prompts' files lie beside it. `prompts` are their texts as they
    were read before: then the files are not looked at.
    """
    file, text = _read(origin, name)
    document = source.parse(text, file) if document is None else document
    snapshot, _, _ = _held(
        _Source(file, text, document, prompts),
        _Known(providers, guardrails=guardrails, evaluators=evaluators),
        generation,
        environ,
    )
    return snapshot  # without advice: that takes long for large configurations, and workers load between requests


def examine(  # noqa: PLR0913 - what is installed has four kinds
    origin: str | File,
    *,
    providers: Collection[str],
    generation: int,
    environ: Mapping[str, str] | None,
    operations: Collection[str] = (),
    guardrails: Makers | None = None,
    evaluators: evaluating.Makers | None = None,
    name: str = DEFAULT_NAME,
    now: float | None = None,
) -> Examined:
    """Do what `load` does and keep the warnings and the text too. `now`: Unix time, against which keys expire.

    `operations` are the names that keys may be limited to; without them those are taken as they are.
    """
    file, text = _read(origin, name)
    document = source.parse(text, file)
    snapshot, secrets, located = _held(
        _Source(file, text, document), _Known(providers, operations, guardrails, evaluators), generation, environ
    )
    warnings = advise(snapshot, secrets.literals, SystemClock().time() if now is None else now)
    return Examined(snapshot, tuple(located(warnings)), text, document)


def _read(origin: str | File, name: str) -> tuple[str, str]:
    """The file's name and its text."""
    return (str(origin), source.read_text(origin)) if isinstance(origin, File) else (name, origin)


def _held(
    origin: _Source, known: _Known, generation: int, environ: Mapping[str, str] | None
) -> "tuple[Snapshot, SecretResolver, _Located]":
    """Build the snapshot of a text that holds; raises ConfigError."""
    located = _Located(origin.file, origin.text)
    config, misfits = fit(origin.document)
    faults = [*misfits, *islice(dangling(origin.document, known.providers, known.operations), MAX_FAULTS)]
    if config is not None and known.guardrails is not None:
        named = {name: route.guardrails for name, route in config.routes.items()}
        faults += islice(wrong_guardrails(config.guardrails, named, known.guardrails, config.backends), MAX_FAULTS)
    files = prompt_files.PromptFiles(File(origin.file).parent, origin.prompts)
    if config is not None:
        faults += islice(files.faults(config), MAX_FAULTS)
    if config is not None and known.evaluators is not None:
        wrong = evaluating.wrong_evaluators(
            config.evaluators, config.routes, known.evaluators, has_keys=bool(config.keys)
        )
        faults += islice(wrong, MAX_FAULTS)
    if config is None or faults:
        raise ConfigError(located(faults))
    secrets = SecretResolver(environ)
    digest = hashlib.sha256(origin.text.encode()).hexdigest()
    snapshot = build(
        config,
        secrets,
        generation,
        digest,
        known.guardrails or {},
        evaluating=known.evaluators or {},
        prompts=files.texts,
    )
    faults = _refused(config, snapshot, secrets, looks_at_files=environ is not None)
    faults += unfit_rollouts(config.routes, Reading(config.evaluators, known.evaluators or {}))
    if faults:
        raise ConfigError(located(faults))
    return snapshot, secrets, located


def _refused(config: Config, snapshot: Snapshot, secrets: SecretResolver, *, looks_at_files: bool) -> list[Fault]:
    faults = [*secrets.faults, *open_doors(config), *unreachable(snapshot)]
    faults += unfit_golden(config.routes, has_keys=bool(config.keys))
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
