"""The schema, docs/CONFIGURATION.md and config.example.toml name the same settings with the same defaults."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from llmgateway import plugins
from llmgateway.config import minting
from llmgateway.config.loader import examine
from llmgateway.config.schema import Config
from llmgateway.config.shape import table_of

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs/CONFIGURATION.md").read_text()
EXAMPLE = ROOT / "config.example.toml"
PROVIDERS = ("openai", "anthropic")
# Where the default is not a value: it comes from another setting, or depends on the neighbours.
SPOKEN = {"none", "required", "see below", "see right", "the journal's", "the caller's", "as `input`"}
REQUIRED: dict[str, Any] = {
    "provider": "openai",
    "base_url": "http://h/v1",
    "versions": {"v": {"backends": ["b"]}},
    "backends": ["b"],
    "hash": "sha256:" + "0" * 64,
    "name": "r",
    "use": {"v": 1},
    "version": "v",
    "candidate": "v",
    "dataset": "d",
    "weight": 0.5,
}


def settings(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """A table's settings by the names they have in the file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def tables() -> dict[str, type[BaseModel]]:
    """Every table of the schema under the heading it has in the documentation."""
    found: dict[str, type[BaseModel]] = {}

    def walk(table: type[BaseModel], path: str) -> None:
        for name, field in settings(table).items():
            inner = table_of(field.annotation)
            if inner is None:
                continue
            is_named = "dict" in str(field.annotation)
            here = f"{path}.{name}".lstrip(".") + (".MODEL" if name == "prices" else ".NAME" if is_named else "")
            found[here] = inner
            walk(inner, here)
            if (named := extra_of(inner)) is not None:
                found[f"{here}.NAME"] = named

    walk(Config, "")
    return found


def extra_of(table: type[BaseModel]) -> type[BaseModel] | None:
    """The tables that may stand in this one under any name beside its settings."""
    return table_of(table.__annotations__.get("__pydantic_extra__"))


def documented() -> dict[str, dict[str, str]]:
    """Heading → setting → default, as the page has them."""
    sections = re.split(r"^### \[(.+)\]$", DOC, flags=re.MULTILINE)[1:]
    return {
        heading: dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, flags=re.MULTILINE))
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
    }


def uncommented() -> dict[str, Any]:
    """The example with every setting switched on."""
    lines = [re.sub(r"^# (?=\[|[a-z_0-9]+ = )", "", line) for line in EXAMPLE.read_text().splitlines()]
    return tomllib.loads("\n".join(lines))


def test_every_table_and_setting_is_documented_and_nothing_else() -> None:
    assert {name: set(rows) for name, rows in documented().items()} == {
        name: set(settings(table)) for name, table in tables().items()
    }


@pytest.mark.parametrize("heading", sorted(tables()))
def test_documented_defaults_are_the_real_ones(heading: str) -> None:
    table = tables()[heading]
    for name, default in documented()[heading].items():
        field = settings(table)[name]
        assert field.is_required() == (default == "required"), name
        if default in SPOKEN:
            assert default in {"required", "see below"} or field.default is None, name
            continue
        written = tomllib.loads(f"x = {default.strip('`')}")["x"]
        assert _as_read(table, name, written) == field.default, name


def _as_read(table: type[BaseModel], name: str, value: Any) -> Any:
    """What the schema makes of one value; the settings that must be there stand in for themselves."""
    fields = settings(table)
    required = {each: REQUIRED[each] for each, field in fields.items() if field.is_required()}
    attribute = next(each for each, field in table.model_fields.items() if field is fields[name])
    return getattr(table.model_validate({**required, name: value}), attribute)


def test_every_setting_is_shown_in_the_example() -> None:
    def missing(table: type[BaseModel], shown: Any, path: str) -> list[str]:
        lacks: list[str] = []
        for name, field in settings(table).items():
            inner = table_of(field.annotation)
            if name not in shown:
                lacks.append(f"{path}.{name}")
            elif inner and "dict" in str(field.annotation):
                lacks += missing(inner, _merged(shown[name].values()), f"{path}.{name}.NAME")
            elif inner:
                inside = _merged(shown[name]) if isinstance(shown[name], list) else shown[name]
                lacks += missing(inner, inside, f"{path}.{name}")
        return lacks

    assert missing(Config, uncommented(), "") == []


def _merged(tables: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What several tables of one kind show together."""
    union: dict[str, Any] = {}
    for table in tables:
        for name, value in table.items():
            union[name] = union.get(name, {}) | value if isinstance(value, dict) else value
    return union


def test_the_example_with_everything_switched_on_fits_the_schema() -> None:
    Config.model_validate(uncommented())


@pytest.mark.parametrize(
    "path",
    [
        "server.limits",
        "server.timeouts",
        "data.retention",
        "backends.one.timeouts",
        "routes.assistant.retries",
        "routes.assistant.on_failure",
    ],
)
def test_what_the_example_comments_out_in_whole_tables_is_the_default(path: str) -> None:
    table: Any = Config.model_validate(uncommented())
    for part in path.split("."):
        table = table[part] if isinstance(table, dict) else getattr(table, part)
    assert table == type(table)()


def test_the_example_loads_with_an_empty_environment_and_without_a_warning() -> None:
    examined = examine(EXAMPLE, providers=PROVIDERS, generation=1, environ={}, now=0.0)
    snapshot = examined.snapshot
    assert examined.warnings == ()
    assert [version.name for version in snapshot.routes["assistant"].versions] == ["v1", "v2"]
    assert {name: backend.base_url for name, backend in snapshot.backends.items()} == {
        "one": "http://127.0.0.1:9001/v1",
        "two": "http://127.0.0.1:9002/v1",
    }
    assert snapshot.server.listen.is_loopback
    assert snapshot.admin.listen.is_loopback
    assert snapshot.admin.token is None


def test_the_examples_key_is_the_published_demo_key() -> None:
    assert minting.DEMO_KEY in EXAMPLE.read_text()
    assert minting.hash_of(minting.DEMO_KEY) in EXAMPLE.read_text()
    assert minting.is_whole(minting.DEMO_KEY)


def test_every_operation_that_a_key_can_be_limited_to_is_named_on_the_page() -> None:
    section = DOC.partition("### [keys.NAME]")[2].partition("\n### ")[0]
    named = set(re.findall(r"`([a-z_.]+)`", section))
    assert {name for name in plugins.operations() if not name.startswith("messages.batches.")} <= named
