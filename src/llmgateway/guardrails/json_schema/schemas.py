"""Schemas made ready once, and kept for the requests that have the same. Nothing is ever fetched."""

from collections.abc import Collection
from functools import cache
from threading import Lock
from typing import Any, Final

from llmgateway.guardrails.json_schema.bounds import TooComplexError, bounds_of
from llmgateway.wire.jsoncodec import encode

MAX_BYTES: Final = 64 * 1024  # of one schema
MAX_KEPT: Final = 256
MAX_KEPT_BYTES: Final = 1024 * 1024  # of all of them, as they are written
_REGEX_BYTES: Final = 256 * 1024


class SchemaError(ValueError):
    """A schema that answers can't be judged by. Its sentence is for the operator."""


class Schema:
    """One schema, ready. SchemaError for what is none, leads elsewhere, or is too large or too tangled."""

    __slots__ = ("_bounds", "_validator")

    def __init__(self, schema: Any) -> None:
        import jsonschema_rs  # here: it takes three megabytes, and most gateways never see a schema

        try:
            self._bounds = bounds_of(schema)
            self._validator: Any = jsonschema_rs.validator_for(
                schema, pattern_options=_patterns(), offline=True, validate_formats=False, mask=""
            )
        except TooComplexError as error:
            raise SchemaError(str(error)) from None
        except jsonschema_rs.ValidationError as error:
            where = "/".join(map(str, error.instance_path))
            raise SchemaError(f"it is no schema: something is wrong at /{where}") from None
        except (jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaError(f"it can't be used: {type(error).__name__}") from None

    def fault(self, answer: Any) -> list[str | int] | None:
        """Where the answer is not what it should be, as a path; None: nowhere. SchemaError: it can't be judged."""
        if not self._bounds.allow(*_measured(answer)):
            raise SchemaError("the answer is too deep or too long for it")
        try:
            return next((list(each.instance_path) for each in self._validator.iter_errors(answer)), None)
        except ValueError:
            raise SchemaError("the answer is too deep for it") from None


class Schemas:
    """Remembers schemas by how they are written, the last ones that were asked for. Threads may ask at once."""

    __slots__ = ("_kept", "_lock", "_size")

    def __init__(self) -> None:
        self._kept: dict[bytes, Schema | SchemaError] = {}
        self._lock = Lock()
        self._size = 0

    def of(self, schema: Any) -> Schema:
        """Give it ready; SchemaError."""
        written = _written(schema)
        with self._lock:
            found = self._kept.pop(written, None)
            if found is not None:
                self._kept[written] = found
        if found is None:
            found = _made(schema)
            self._keep(written, found)
        if isinstance(found, SchemaError):
            raise found.with_traceback(None)
        return found

    def _keep(self, written: bytes, found: Schema | SchemaError) -> None:
        with self._lock:
            if written not in self._kept:
                self._kept[written] = found
                self._size += len(written)
            while self._size > MAX_KEPT_BYTES or len(self._kept) > MAX_KEPT:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self._size -= len(oldest)


@cache
def _patterns() -> Any:
    """The engine for patterns that is linear, within bounds."""
    from jsonschema_rs import RegexOptions

    return RegexOptions(size_limit=_REGEX_BYTES, dfa_size_limit=_REGEX_BYTES)


def _made(schema: Any) -> Schema | SchemaError:
    try:
        return Schema(schema)
    except SchemaError as error:
        return error


def _written(schema: Any) -> bytes:
    try:
        written = encode(schema)
    except (TypeError, ValueError):
        raise SchemaError("it is no JSON") from None
    if len(written) > MAX_BYTES:
        raise SchemaError(f"it has more than {MAX_BYTES:,} bytes")
    return written


def _measured(answer: Any) -> tuple[int, int]:
    """How many values an answer has, and how deep they stand in each other."""
    level, values, depth = [answer], 0, 0
    while level:
        values, depth = values + len(level), depth + 1
        level = [each for value in level for each in _members(value)]
    return values, depth


def _members(value: Any) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
