"""The judge `json_schema`: answers that are not the JSON that was asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.guardrails.json_schema.places import place
from llmgateway.guardrails.json_schema.schemas import MAX_BYTES, Schema, SchemaError, Schemas
from llmgateway.ports.judge import Judged, Piece
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.structured import is_answer, wanted

_ABSENT: Final = object()
_AGAIN: Final = "Answer again, with nothing but the JSON document that was asked for."
_LONGEST_PATH: Final = 200


class JsonSchemaJudge:
    """Judges the texts of an answer by a schema: each must be one JSON document that satisfies it.

    Options: `schema`, a table, or `schema_file`, a file with one in JSON; without either the request's own holds, if it
    asks for one (`response_format`, `text.format`, `output_config.format`), or for any object (`json_object`); `repair`
    (false): a model whose whole answer is at fault is told where, and asked once more.
    Kinds: `json_schema.not_json`, `json_schema.invalid`, whose finding is the member that is at fault, and
    `json_schema.not_judged`, where the schema is none, leads to another document, or is too large or too tangled.
    Limits: schemas have 64 KB and some 10,000 parts at most; patterns are RE2's, formats are not checked. Arguments of
    calls, refusals and thoughts are no answers. An answer that is empty is none.
    """

    name = "json_schema"
    version = "1"
    kinds: Sequence[str] = ("json_schema.not_json", "json_schema.invalid", "json_schema.not_judged")
    stages: Sequence[Stage] = (Stage.REPLY,)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("schema", "schema_file", "repair"))
        self._repairs = settings.flag("repair", default=False)
        if settings.has("schema") and settings.has("schema_file"):
            raise OptionError("schema_file", "schema and schema_file are both set: one of them is enough.")
        self._schemas = Schemas()
        self._own = _own(options, settings)
        if self._own is not None:
            option = "schema" if settings.has("schema") else "schema_file"
            try:
                self._schemas.of(self._own)
            except SchemaError as error:
                raise OptionError(option, f"{option} can't be used: {error}.") from None

    def bind(self, document: Mapping[str, Any], pieces: Sequence[Piece]) -> "Answers | None":  # noqa: ARG002 - the port's
        schema = wanted(document) if self._own is None else self._own
        if schema is None:
            return None
        try:
            made = Repairable if self._repairs else Answers
            return made(self._schemas.of(schema))
        except SchemaError:
            return Answers(None)

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:  # noqa: ARG002 - the port's signature
        """Nothing: what was asked for is not known."""
        return []


class Answers:
    """The same for one exchange; `schema` None: it can't be judged."""

    name = JsonSchemaJudge.name
    version = JsonSchemaJudge.version
    kinds = JsonSchemaJudge.kinds
    stages = JsonSchemaJudge.stages
    is_heavy = False

    def __init__(self, schema: Schema | None) -> None:
        self._schema = schema

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        found = ((at, self._finding(each.text)) for at, each in enumerate(pieces) if each.text)
        return [Judged(at, finding) for at, finding in found if finding is not None]

    def looks_at(self, path: Sequence[str | int]) -> bool:
        """Answers alone: arguments of calls, refusals and thoughts have forms of their own."""
        return not path or is_answer(path)

    def _finding(self, text: str) -> Finding | None:
        whole = Finding(0, len(text), "json_schema.not_judged")
        if self._schema is None:
            return whole
        try:
            answer = decode(text)
        except JsonError:
            return whole._replace(kind="json_schema.not_json")
        try:
            path = self._schema.fault(answer)
        except SchemaError:
            return whole
        return None if path is None else Finding(*place(text, path), "json_schema.invalid")


class Repairable(Answers):
    """The same, with something to say to the model."""

    def complaint(self, text: str) -> str | None:
        """What is wrong with an answer, and where; nothing of what stands there."""
        finding = self._finding(text) if text else None
        if finding is None or self._schema is None or finding.kind == "json_schema.not_judged":
            return None
        if finding.kind == "json_schema.not_json":
            return f"That is not JSON. {_AGAIN}"
        path = self._schema.fault(decode(text)) or ()
        where = "/".join(str(step) for step in path)[:_LONGEST_PATH]
        return f"That does not satisfy the JSON schema: see /{where}. {_AGAIN}"


def _own(options: Mapping[str, Any], settings: Options) -> Any:
    """The operator's schema; None where there is none."""
    if not settings.has("schema_file"):
        schema = options.get("schema", _ABSENT)
        if schema is _ABSENT:
            return None
        if not isinstance(schema, dict):
            raise OptionError("schema", "schema must be a table.")
        return schema
    file = settings.text("schema_file", "")
    try:
        with Path(file).open("rb") as opened:
            return decode(opened.read(MAX_BYTES + 1))
    except OSError as error:
        raise OptionError("schema_file", f"schema_file can't be read: {error.strerror}.") from None
    except JsonError:
        raise OptionError("schema_file", f"schema_file is no JSON of at most {MAX_BYTES:,} bytes.") from None
