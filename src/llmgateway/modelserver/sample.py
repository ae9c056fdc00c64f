"""Values that fit a JSON Schema, for tool arguments and structured answers, bounded in depth and width."""

import random
from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 12
_DEEP: Final = 4  # from here on, as little as the schema allows: it may contain itself
_WIDEST: Final = 64
_WORDS: Final = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor")
_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "ipv4": "192.0.2.1",
}


def sample(schema: Mapping[str, Any], dice: random.Random) -> Any:
    """Make a value that `schema` allows, as far as its keywords are the ordinary ones."""
    return _Sampler(schema, dice).value(schema, 0)


class _Sampler:
    def __init__(self, root: Mapping[str, Any], dice: random.Random) -> None:
        self._root = root
        self._dice = dice

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if "const" in schema:
            return schema["const"]
        if isinstance(options := schema.get("enum"), list) and options:
            return self._dice.choice(options)
        if (other := self._elsewhere(schema, depth)) is not None:
            return self.value(other, depth + 1)
        return self._typed(schema, depth)

    def _elsewhere(self, schema: Mapping[str, Any], depth: int) -> Any:
        """The schema that `$ref`, `anyOf` or their like point to."""
        if isinstance(reference := schema.get("$ref"), str):
            return self._resolve(reference)
        for word in ("anyOf", "oneOf", "allOf"):
            if isinstance(options := schema.get(word), list) and options:
                may_end = depth >= _DEEP and {"type": "null"} in options
                return {"type": "null"} if may_end else options[0]
        return None

    def _resolve(self, reference: str) -> Any:
        target: Any = self._root
        for step in reference.lstrip("#/").split("/") if reference != "#" else ():
            target = target.get(step, {}) if isinstance(target, dict) else {}
        return target

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                wanted = _length(schema, "minItems", 2 if depth < _DEEP else 0)
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(wanted)]
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return self._dice.random() < 0.5
            case "null":
                return None
            case _:
                return self._string(schema)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        fields = properties if isinstance(properties, dict) else {}
        if depth >= _DEEP:
            required = schema.get("required")
            fields = {name: fields[name] for name in fields if isinstance(required, list) and name in required}
        return {name: self.value(inner, depth + 1) for name, inner in list(fields.items())[:_WIDEST]}

    def _number(self, schema: Mapping[str, Any]) -> int:
        low, high = schema.get("minimum"), schema.get("maximum")
        start = int(low) if isinstance(low, int | float) else 0
        end = int(high) if isinstance(high, int | float) else start + 100
        return self._dice.randint(start, max(start, end))

    def _string(self, schema: Mapping[str, Any]) -> str:
        if (known := _FORMATS.get(str(schema.get("format")))) is not None:
            return known
        word = self._dice.choice(_WORDS)
        least = _length(schema, "minLength", 0)
        while len(word) < least:
            word += " " + self._dice.choice(_WORDS)
        most = schema.get("maxLength")
        return word[:most] if isinstance(most, int) else word


def _length(schema: Mapping[str, Any], word: str, default: int) -> int:
    asked = schema.get(word, default)
    return min(asked, _WIDEST) if isinstance(asked, int) else default
