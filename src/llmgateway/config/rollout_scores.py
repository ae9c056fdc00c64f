"""Metrics of rollouts that read scores: which scores those are, and what is wrong with how they are written."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmgateway.config.evaluating import Keep
from llmgateway.config.evaluators import EvaluatorTable, Makers
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.rollouts import MetricName
from llmgateway.domain.score import MAX_CATEGORY, SourceKind
from llmgateway.domain.scorerule import ScoreRule

if TYPE_CHECKING:
    from llmgateway.config.rollout_schema import RolloutMetricTable

MAX_BAD: Final = 50  # categories
_OF_SCORES: Final = ("score", "evaluator", "source", "source_id", "bad", "below", "above")
_is_name: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch


def bad_values(written: Any) -> tuple[bool | str, ...] | None:
    """What `bad` may be: yes or no, or a list of categories. ValueError."""
    if written is None or isinstance(written, bool):
        return None if written is None else (written,)
    if not isinstance(written, list) or not 0 < len(written) <= MAX_BAD:
        raise ValueError(f"must be true, false, or a list of 1 to {MAX_BAD} categories")
    if not all(isinstance(each, str) and 0 < len(each) <= MAX_CATEGORY for each in written):
        raise ValueError(f"a category is a text of 1 to {MAX_CATEGORY} characters")
    return tuple(written)


class Reading:
    """Knows the configuration's evaluators and their plug-ins, and so which scores a metric reads."""

    def __init__(self, tables: Mapping[str, EvaluatorTable], makers: Makers) -> None:
        self._tables = tables
        self._makers = makers

    def rule(self, metric: "RolloutMetricTable") -> ScoreRule | None:
        """What a metric reads; None: no scores. An evaluator that is not there is told of by `faults`."""
        values = (metric.bad or (), metric.below, metric.above)
        if metric.evaluator is not None:
            kind = SourceKind.JUDGE if self._asks(metric.evaluator) else SourceKind.CODE
            gives = self._gives(metric.evaluator)
            name = metric.score or (gives[0] if len(gives) == 1 else None)
            return ScoreRule(name, kind, metric.evaluator, *values)
        if metric.score is None:
            return None
        return ScoreRule(metric.score, metric.source, metric.source_id, *values)

    def faults(self, path: Path, route: str, name: str, metric: "RolloutMetricTable") -> Iterator[Fault]:
        """Find what is wrong with one metric, as far as scores go."""
        if name in set(MetricName):
            for setting in _OF_SCORES:
                if setting in metric.model_fields_set:
                    yield (
                        (*path, setting),
                        f"{quoted(name)} looks at the log: give a metric that reads scores another name",
                    )
            return
        if not _is_name(name):
            yield (
                path,
                "a metric's name is 1 to 64 letters, digits, '.', '_' and '-', and begins with a letter or digit",
            )
        if metric.score is None and metric.evaluator is None:
            also = did_you_mean(name, list(MetricName)) + "; one that reads scores names a score or an evaluator"
            yield (
                path,
                f"no metric of the log is called {quoted(name)}{also}",
            )
            return
        yield from _values(path, metric)
        if metric.evaluator is None:
            yield from _source(path, metric)
        else:
            yield from self._of_evaluator(path, route, metric, metric.evaluator)

    def _of_evaluator(self, path: Path, route: str, metric: "RolloutMetricTable", name: str) -> Iterator[Fault]:
        for setting in ("source", "source_id"):
            if setting in metric.model_fields_set:
                yield (*path, setting), "the evaluator says whose scores these are"
        table = self._tables.get(name)
        where = (*path, "evaluator")
        if table is None:
            yield where, f"no evaluator is called {quoted(name)}{did_you_mean(name, self._tables)}"
            return
        if table.routes and route not in table.routes:
            yield where, f"evaluator {quoted(name)} does not look at this route"
        if table.keep is not Keep.ALL:
            yield where, f"evaluator {quoted(name)} writes bad scores alone: what was good has to be counted, too"
        if table.sample == 0:
            yield where, f"evaluator {quoted(name)} looks at no exchange: its sample is 0"
        yield from self._of_plugin(path, metric, name)

    def _of_plugin(self, path: Path, metric: "RolloutMetricTable", name: str) -> Iterator[Fault]:
        plugin = self._made(name)
        if plugin is None:
            return
        if plugin.needs_reference:
            yield (*path, "evaluator"), f"evaluator {quoted(name)} compares a shadow's copies, which no rollout assigns"
        if metric.score is None and len(plugin.gives) > 1:
            yield path, f"needs score: evaluator {quoted(name)} gives {_list(plugin.gives)}"
        elif metric.score is not None and metric.score not in plugin.gives:
            yield (
                (*path, "score"),
                f"evaluator {quoted(name)} gives no such score{did_you_mean(metric.score, plugin.gives)}",
            )

    def _asks(self, name: str) -> bool:
        table = self._tables.get(name)
        return table is not None and hasattr(self._makers.get(table.use or name), "questions")

    def _gives(self, name: str) -> Sequence[str]:
        plugin = self._made(name)
        return () if plugin is None else plugin.gives

    def _made(self, name: str) -> Any:
        """The evaluator's plug-in, made; None where it can't be, which is told elsewhere."""
        table = self._tables.get(name)
        if table is None or (table.use or name) not in self._makers:
            return None
        try:
            return self._makers[table.use or name](table.plain_options)
        except ValueError:
            return None


def _values(path: Path, metric: "RolloutMetricTable") -> Iterator[Fault]:
    is_number = metric.below is not None or metric.above is not None
    if metric.bad is None and not is_number:
        yield path, "does not say which values are bad: with bad, below or above"
    elif metric.bad is not None and is_number:
        yield (*path, "bad"), "is for yes and no and for categories, below and above are for numbers: not for one score"
    elif metric.below is not None and metric.above is not None and metric.below > metric.above:
        yield (*path, "below"), "has to be at most above, or every number would be bad"


def _source(path: Path, metric: "RolloutMetricTable") -> Iterator[Fault]:
    if metric.source is SourceKind.JUDGE and metric.source_id is None:
        yield path, "needs source_id: a judge's word counts as far as people agree with that judge"


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))
