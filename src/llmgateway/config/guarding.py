"""Guardrails in the configuration in force: what the operator has defined, and what holds for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway.domain.verdict import Action, Mode, OnError, Stage


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail as the operator defined it. `options` are its plug-in's own."""

    name: str
    plugin: str
    stages: tuple[Stage, ...] = (Stage.REQUEST, Stage.REPLY)
    action: Action = Action.REDACT
    mode: Mode = Mode.ENFORCE
    restore: bool = False  # the reply has the redacted values again
    refusal: str | None = None  # where it blocks: what callers are told as a normal answer, instead of an error
    timeout_s: float = 2.0  # of one that takes its time: for all it does about one text
    on_error: OnError | None = None  # of such; None: as strict as its action
    options: Mapping[str, Any] = field(default_factory=dict)
    is_judge: bool = False  # it looks at whole texts

    @property
    def is_strict(self) -> bool:
        """Whether it may change what passes, or let nothing pass."""
        is_flag = self.action is Action.FLAG and self.on_error is not OnError.BLOCK
        return self.mode is Mode.ENFORCE and not is_flag

    @property
    def refuses_streams(self) -> bool:
        """Whether it must have replies whole, because it redacts them."""
        redacts = self.is_judge and self.action is Action.REDACT and self.mode is Mode.ENFORCE
        return redacts and Stage.REPLY in self.stages


@dataclass(frozen=True, slots=True)
class Guarding:
    named: Mapping[str, Guardrail] = field(default_factory=dict)
    baseline: tuple[Guardrail, ...] = ()  # on every route, before its own
    hold_s: float = 5.0  # how long a stream's text waits for what follows it
    passes_sound: bool = False  # in realtime sessions, where nobody can judge it
