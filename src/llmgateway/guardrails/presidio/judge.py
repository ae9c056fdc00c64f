"""The judge `presidio`: names and other personal data that only a model of a language finds."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from llmgateway.domain.verdict import Action, Finding, Stage
from llmgateway.guardrails.presidio.engine import PACKAGE, engine, is_installed
from llmgateway.ports.judge import SOURCES, Judged, Piece, placed
from llmgateway.wire.extracts import Extract, extracts
from llmgateway.wire.options import OptionError, Options

_OURS: Final = {
    "PERSON": "person",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "payment_card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip_address",
    "US_SSN": "us_ssn",
}
_DEFAULT: Final = ("PERSON", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS")
_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_MOST_ENTITIES: Final = 100
_SIZE: Final = 5_000
_MOST: Final = 10
_OVERLAP: Final = 200


class PresidioJudge:
    """Finds personal data by Presidio's recognizers and a spaCy model, in a process of its own.

    Options: `model`, the package of a spaCy model, needed; `language` ("en"), the model's; `entities`, as Presidio
    calls them (PERSON, LOCATION, EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN_CODE, IP_ADDRESS); `threshold` (0.4),
    the score to reach; `sources`, whose texts (all). Presidio and the model must be installed: nothing is downloaded.
    Kinds: `person`, `email`, `phone`, `payment_card`, `iban`, `ip_address`, `us_ssn` as in `pii`; `presidio.<entity>`
    in small letters for others. What it finds are places, which may be redacted.
    Limits: it takes a quarter of a second for two kilobytes, and some seconds to begin with: give it a `timeout` for
    that. One definition knows one language. Of texts over 50,000 characters the middle is not looked at.
    """

    name = "presidio"
    version = "2"
    kinds: Sequence[str] = ("presidio.*", *_OURS.values())
    stages: Sequence[Stage] = tuple(Stage)
    is_heavy = True
    locates = True
    usual_action = Action.REDACT

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("entities", "language", "threshold", "model", "sources"))
        if not is_installed(PACKAGE):
            raise OptionError(
                "use", "Presidio is not installed: pip install 'llmgateway[presidio]', and a spaCy model."
            )
        self._model = _model(settings)
        self._language = settings.text("language", "en")
        self._entities = _entities(settings)
        self._threshold = settings.number("threshold", 0.4, 0, 1)
        self._sources = frozenset(settings.choices("sources", SOURCES, SOURCES))
        self.kinds = tuple(_kind(each) for each in self._entities)

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        """Judge the pieces. The first call, which may be without any, loads the model."""
        analyzer = self._analyzer
        return placed(
            Judged(at, finding)
            for at, piece in enumerate(pieces)
            if piece.source in self._sources
            for part in extracts([piece], self._sources, size=_SIZE, most=_MOST, overlap=_OVERLAP)
            for finding in self._findings(analyzer, part)
        )

    @cached_property
    def _analyzer(self) -> Any:
        return engine(self._language, self._model, self._entities)

    def _findings(self, analyzer: Any, part: Extract) -> Iterator[Finding]:
        found = analyzer.analyze(
            text=part.text,
            language=self._language,
            entities=list(self._entities),
            score_threshold=self._threshold,
        )
        for each in found:
            score = min(1.0, max(0.0, float(each.score)))
            if each.entity_type in self._entities and each.start < each.end:
                yield Finding(part.start + each.start, part.start + each.end, _kind(each.entity_type), score)


def _kind(entity: str) -> str:
    return _OURS.get(entity) or f"presidio.{entity.lower()}"


def _model(settings: Options) -> str:
    model = settings.needed("model")
    if not model.isidentifier():
        raise OptionError("model", "model must be the name of a package such as en_core_web_sm.")
    if not is_installed(model):
        raise OptionError(
            "model", f"The model {model!r} is not installed, and nothing downloads it: install its package."
        )
    return model


def _entities(settings: Options) -> tuple[str, ...]:
    entities = settings.texts("entities", _DEFAULT)
    if not 1 <= len(entities) <= _MOST_ENTITIES:
        raise OptionError("entities", f"entities must hold from 1 to {_MOST_ENTITIES} names.")
    for each in entities:
        if not _LETTERS.issuperset(each) or len(each) > 64:
            raise OptionError("entities", f"entities holds {each!r}, which is no name such as EMAIL_ADDRESS.")
    return tuple(dict.fromkeys(entities))
