"""The registry: built-in names, entry points, and clear words for what is wrong."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from llmgateway import plugins
from llmgateway.plugins import PluginError


class Acme:
    name = "acme"


def point(name: str = "acme", value: str = f"{__name__}:Acme") -> EntryPoint:
    return EntryPoint(name, value, "llmgateway.provider")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[Acme.__module__])


@pytest.mark.parametrize("kind", sorted(plugins.BUILT_IN))
def test_every_built_in_plug_in_loads(kind: str) -> None:
    for name in plugins.names(kind):
        assert plugins.load(kind, name).name == name


@pytest.mark.parametrize("kind", ["dialect", "provider"])
def test_what_has_no_settings_is_made_without_arguments(kind: str) -> None:
    assert plugins.load_all(kind).keys() == set(plugins.names(kind))


def test_a_plug_in_from_another_package_comes_by_its_entry_point() -> None:
    assert plugins.names("provider", [point()]) == ("acme", "anthropic", "openai")
    assert plugins.load("provider", "acme", [point()])().name == "acme"
    assert plugins.load("provider", "openai", [point()])().name == "openai"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PluginError, match=r"no provider named 'nope'. Known: acme, anthropic, openai"):
        plugins.load("provider", "nope", [point()])


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(
        PluginError, match=r"no kind of plug-in named 'nope'. Known: dialect, evaluator, guardrail, judge, provider"
    ):
        plugins.names("nope")


def test_a_name_taken_twice_names_both_sources() -> None:
    with pytest.raises(PluginError, match=r"Two provider plug-ins are named 'openai': llmgateway.*Provider and x:y"):
        plugins.names("provider", [point("openai", "x:y")])
    with pytest.raises(PluginError, match=r"Two provider plug-ins are named 'acme': x:y and z:w"):
        plugins.load("provider", "openai", [point("acme", "x:y"), point("acme", "z:w")])


def test_one_entry_point_found_twice_is_one_plug_in() -> None:
    assert plugins.names("provider", [point(), point()]) == ("acme", "anthropic", "openai")


def test_a_plug_in_whose_module_fails_says_so(tmp_path, monkeypatch) -> None:
    (tmp_path / "acme_that_fails.py").write_text('raise RuntimeError("no licence")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="provider 'acme' cannot be loaded: RuntimeError: no licence"):
        plugins.load("provider", "acme", [point("acme", "acme_that_fails:X")])


@pytest.mark.parametrize("value", ["no_such_module_anywhere:X", "llmgateway.plugins:Missing"])
def test_a_plug_in_that_cannot_be_imported_says_so(value: str) -> None:
    with pytest.raises(PluginError, match="provider 'acme' cannot be loaded"):
        plugins.load("provider", "acme", [point(value=value)])


def test_a_plug_in_that_calls_itself_otherwise_is_refused() -> None:
    with pytest.raises(PluginError, match="provider 'other' calls itself 'acme'"):
        plugins.load("provider", "other", [point("other")])


@pytest.mark.parametrize("statement", [
    "p.names('guardrail')",
    "found = p.guardrails(); assert 'pii' in found and 'nope' not in found and 'http' in set(found)",
])  # fmt: skip
def test_nothing_is_imported_before_it_is_asked_for(statement: str) -> None:
    code = f"import sys, llmgateway.plugins as p; {statement}; print([m for m in sys.modules if '.guardrails.' in m])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.strip() == "[]"


def test_what_a_guardrail_may_use_is_both_kinds_by_name() -> None:
    found = plugins.guardrails()
    assert set(found) == {*plugins.names("guardrail"), *plugins.names("judge")}
    assert len(found) == len(set(found))
    assert found["length"] is plugins.load("judge", "length")
    assert found["url"] is plugins.load("guardrail", "url")
    assert found.get("nope") is None


def test_all_of_a_kind_are_made_by_name():
    made = plugins.load_all("dialect")
    assert set(made) == set(plugins.names("dialect")) >= {"openai", "anthropic"}
    assert all(each.name == name for name, each in made.items())


def test_only_what_is_our_own_is_imported_beforehand() -> None:
    code = (
        "import sys, llmgateway.plugins as p; p.import_built_in('guardrail', 'secrets'); "
        "p.import_built_in('guardrail', 'acme'); print('llmgateway.guardrails.secrets.guardrail' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.strip() == "True"
