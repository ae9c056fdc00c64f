"""Label schemas: those that are always there, how others are read, and what of a review one of them takes."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.domain.review import (
    MAX_CORRECTION,
    BadReviewError,
    Question,
    Schema,
    is_name,
    words_in,
)

MAX_QUESTIONS: Final = 8
MAX_OPTIONS: Final = 9  # a key each, 1 to 9
ANSWER: Final = Schema("answer", 1, (Question("quality", ("good", "acceptable", "bad")),))
PAIR: Final = Schema("pair", 1, (Question("preference", ("left", "right", "tie")),))
BUILT_IN: Final = {(schema.name, schema.number): schema for schema in (ANSWER, PAIR)}
_SAID: Final = frozenset({"labels", "comment", "correction", "version"})


def default(*, is_pair: bool) -> Schema:
    """What is asked where nobody has said what to ask."""
    return PAIR if is_pair else ANSWER


def read_schema(name: str, number: int, document: Mapping[str, Any]) -> Schema:
    """Read a schema as it is sent and kept; BadReviewError."""
    if not is_name(name):
        raise BadReviewError("name", "A schema's name must be 1 to 64 letters, digits, '.', '_' and '-'.")
    if document.keys() - {"questions", "takes_correction"}:
        raise BadReviewError(None, "A field is not known here. Known are questions, takes_correction.")
    questions, takes = document.get("questions"), document.get("takes_correction", True)
    if not isinstance(questions, dict) or not 0 < len(questions) <= MAX_QUESTIONS:
        raise BadReviewError("questions", f"questions must name 1 to {MAX_QUESTIONS} questions and their options.")
    if not isinstance(takes, bool):
        raise BadReviewError("takes_correction", "takes_correction must be true or false.")
    return Schema(name, number, tuple(_question(each, options) for each, options in questions.items()), takes)


def shown_schema(schema: Schema) -> dict[str, Any]:
    """As it is sent, kept and told."""
    return {
        "questions": {each.name: list(each.options) for each in schema.questions},
        "takes_correction": schema.takes_correction,
    }


def read_labels(schema: Schema, document: Mapping[str, Any]) -> tuple[dict[str, str], str | None, str | None]:
    """The labels, comment and correction in what a reviewer sends; BadReviewError."""
    if document.keys() - _SAID:
        raise BadReviewError(None, f"A field is not known here. Known are {', '.join(sorted(_SAID))}.")
    given = document.get("labels")
    if not isinstance(given, dict) or given.keys() != {question.name for question in schema.questions}:
        names = ", ".join(question.name for question in schema.questions)
        raise BadReviewError("labels", f"labels must answer these questions, and no others: {names}.")
    for question in schema.questions:
        if given[question.name] not in question.options:
            options = ", ".join(question.options)
            raise BadReviewError("labels", f"The answer to {question.name} must be one of {options}.")
    correction = words_in(document, "correction", MAX_CORRECTION)
    if correction is not None and not schema.takes_correction:
        raise BadReviewError("correction", "This schema takes no correction.")
    return dict(given), words_in(document, "comment"), correction


def _question(name: object, options: object) -> Question:
    if not isinstance(name, str) or not is_name(name):
        raise BadReviewError("questions", "A question's name must be 1 to 64 letters, digits, '.', '_' and '-'.")
    if (
        not isinstance(options, list)
        or not 2 <= len(options) <= MAX_OPTIONS
        or not all(isinstance(each, str) and 0 < len(each) <= 64 and each.isprintable() for each in options)
        or len(set(options)) < len(options)
    ):
        raise BadReviewError("questions", f"Each question needs 2 to {MAX_OPTIONS} different options: short words.")
    return Question(name, tuple(options))
