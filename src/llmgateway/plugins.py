"""Plug-ins by name: the built-in ones as a table, others from entry points. Nothing is imported until it is asked for.

An installed package adds one by an entry point in the group `llmgateway.<kind>`:

    [project.entry-points."llmgateway.provider"]
    acme = "acme_llmgateway:AcmeProvider"
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

BUILT_IN: Final[Mapping[str, Mapping[str, str]]] = {
    "provider": {
        "openai": "llmgateway.providers.openai.provider:OpenAIProvider",
        "anthropic": "llmgateway.providers.anthropic.provider:AnthropicProvider",
    },
    "dialect": {
        "openai": "llmgateway.dialects.openai.dialect:OpenAIDialect",
        "anthropic": "llmgateway.dialects.anthropic.dialect:AnthropicDialect",
    },
    "evaluator": {
        "empty_or_truncated": "llmgateway.evaluators.empty_or_truncated:EmptyOrTruncatedEvaluator",
        "error": "llmgateway.evaluators.error:ErrorEvaluator",
        "invalid_json": "llmgateway.evaluators.invalid_json:InvalidJsonEvaluator",
        "judge": "llmgateway.evaluators.judge.judge:JudgeEvaluator",
        "language_mismatch": "llmgateway.evaluators.language_mismatch:LanguageMismatchEvaluator",
        "refusal": "llmgateway.evaluators.refusal:RefusalEvaluator",
        "repetition": "llmgateway.evaluators.repetition:RepetitionEvaluator",
        "similarity": "llmgateway.evaluators.similarity:SimilarityEvaluator",
        "slow": "llmgateway.evaluators.slow:SlowEvaluator",
        "too_long": "llmgateway.evaluators.too_long:TooLongEvaluator",
    },
    "guardrail": {
        "denylist": "llmgateway.guardrails.denylist:Denylist",
        "pattern": "llmgateway.guardrails.pattern.guardrail:Pattern",
        "url": "llmgateway.guardrails.url.guardrail:Url",
        "pii": "llmgateway.guardrails.pii.guardrail:PiiGuardrail",
        "secrets": "llmgateway.guardrails.secrets.guardrail:Secrets",
        "system_leak": "llmgateway.guardrails.system_leak.guardrail:SystemLeak",
    },
    "judge": {
        "http": "llmgateway.guardrails.http:HttpJudge",
        "injection": "llmgateway.guardrails.injection.judge:InjectionJudge",
        "judge": "llmgateway.guardrails.judge.judge:ModelJudge",
        "json_schema": "llmgateway.guardrails.json_schema.judge:JsonSchemaJudge",
        "language": "llmgateway.guardrails.language.judge:LanguageJudge",
        "length": "llmgateway.guardrails.length:LengthJudge",
        "moderation": "llmgateway.guardrails.moderation:ModerationJudge",
        "presidio": "llmgateway.guardrails.presidio.judge:PresidioJudge",
        "topic": "llmgateway.guardrails.topic:TopicJudge",
    },
}


class PluginError(Exception):
    """A plug-in that is not there, there twice, or not what it says. Its sentence is for the operator."""


def names(kind: str, found: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """List the plug-ins of a kind. PluginError if there is no such kind, or if two have the same name."""
    return tuple(sorted(_sources(kind, found)))


def load(kind: str, name: str, found: Iterable[EntryPoint] | None = None) -> Any:
    """Import a plug-in's class, to be called without arguments. `found` stands in for the installed entry points.

    PluginError: no such name, a name that is taken twice, or code that can't be imported or calls itself otherwise.
    """
    sources = _sources(kind, found)
    if name not in sources:
        raise PluginError(f"There is no {kind} named {name!r}. Known: {', '.join(sorted(sources))}.")
    source = sources[name]
    try:
        plugin = _imported(source) if isinstance(source, str) else source.load()
    except (ImportError, AttributeError) as error:
        raise PluginError(f"The {kind} {name!r} cannot be loaded: {error}") from error
    except Exception as error:  # whatever the module of another package does when it is imported
        raise PluginError(f"The {kind} {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if getattr(plugin, "name", None) != name:
        raise PluginError(f"The {kind} {name!r} calls itself {getattr(plugin, 'name', None)!r}.")
    return plugin


def import_built_in(kind: str, name: str) -> None:
    """Import a plug-in of our own before somebody asks for it; of others nobody knows what they begin when imported."""
    source = BUILT_IN[kind].get(name)
    if source is not None:
        _imported(source)


def operations() -> frozenset[str]:
    """The names of all operations that some dialect knows; imports every dialect."""
    return frozenset().union(*(load("dialect", name).operations for name in names("dialect")))


class Classes(Mapping[str, Any]):
    """Plug-ins of some kinds by name, not made yet. Each is imported when it is asked for: PluginError as `load`."""

    def __init__(self, *kinds: str) -> None:
        self._kinds = {name: kind for kind in kinds for name in names(kind)}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load(self._kinds[name], name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kinds  # the usual way would import it

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


def classes(kind: str) -> Classes:
    """Every plug-in of a kind, by name."""
    return Classes(kind)


def guardrails() -> Classes:
    """What a guardrail in the configuration may use, by name: those that find spans, and judges of whole texts."""
    return Classes("guardrail", "judge")


def load_all(kind: str) -> dict[str, Any]:
    """Every plug-in of a kind, by name, made and ready; PluginError as `load`."""
    return {name: plugin() for name, plugin in classes(kind).items()}


def _sources(kind: str, found: Iterable[EntryPoint] | None) -> dict[str, str | EntryPoint]:
    if kind not in BUILT_IN:
        raise PluginError(f"There is no kind of plug-in named {kind!r}. Known: {', '.join(sorted(BUILT_IN))}.")
    sources: dict[str, str | EntryPoint] = dict(BUILT_IN[kind])
    for point in entry_points(group=f"llmgateway.{kind}") if found is None else found:
        taken = sources.get(point.name)
        first = taken.value if isinstance(taken, EntryPoint) else taken
        if first not in {None, point.value}:  # one package on the path twice is found twice
            raise PluginError(f"Two {kind} plug-ins are named {point.name!r}: {first} and {point.value}.")
        sources[point.name] = point
    return sources


def _imported(source: str) -> Any:
    module, _, attribute = source.partition(":")
    return getattr(import_module(module), attribute)
