"""Tables of the figures, for the terminal and for a page. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from bench.guardrails.score import SECRET
from bench.table import Table

Figures = Mapping[str, Any]
_LANGUAGES: Final = {"en": "English", "ja": "Japanese", "all": "both"}
_COLUMNS: Final = ["values", "precision", "recall", "F2", "taken for another", "leaked characters"]


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def spans(section: str, figures: Figures) -> list[Table]:
    """All tables of one section that scores spans."""
    if section == "benign":
        return [_benign(figures)]
    own, beside = _parts(figures)
    makers = {"pii": _pii, "secrets": _secrets, "hard": _hard}
    return makers[section](figures, own, beside)


def _parts(figures: Figures) -> tuple[Figures | None, Figures | None]:
    detectors = figures["detectors"]
    own = next((detectors[name] for name in detectors if name != "presidio"), None)
    return own, detectors.get("presidio")


def _notes(figures: Figures) -> list[str]:
    times = [f"{name} {each['us']:,.1f} μs" for name, each in figures["detectors"].items()]
    size = f"{figures['texts']:,} texts of {figures['characters']:.0f} characters"
    lines = [f"{size}; CPU of a text, mean: {', '.join(times)}."]
    return [*lines, *(f"Left out: {each}" for each in figures["absent"])]


def _cells(row: Figures | None) -> list[str]:
    if row is None:
        return ["–"] * len(_COLUMNS)
    counted = row["hits"] + row["misses"]
    leaked = f"{row['leaked']:,} of {row['length']:,}"
    return [
        f"{counted:,}",
        share(row["precision"]),
        share(row["recall"]),
        share(row["f2"]),
        str(row["confused"]),
        leaked,
    ]


def _beside(row: Figures | None) -> list[str]:
    return [share(row[each]) for each in ("precision", "recall", "f2")] if row else ["–"] * 3


def _pii(figures: Figures, own: Figures | None, beside: Figures | None) -> list[Table]:
    rows = []
    for name, language in _LANGUAGES.items():
        for part, words in (("core", "all but names and addresses"), ("whole", "all")):
            mine, theirs = (each and each["totals"][name][part] for each in (own, beside))
            rows.append([f"{words}, {language}", *_cells(mine), *(_beside(theirs) if beside else [])])
    for kind, language in _keys(own, beside):
        mine, theirs = _at(own, kind, language), _at(beside, kind, language)
        rows.append([f"{kind}, {_LANGUAGES[language]}", *_cells(mine), *(_beside(theirs) if beside else [])])
    notes = _notes(figures)
    if own:
        titled = own["titled"]
        there = titled["hits"] + titled["misses"]
        notes.append(f"Told by a column's title alone, and not asked for: {titled['hits']} of {there} were found.")
    return [Table("Personal data", ["kind, language", *_COLUMNS, *_beside_columns(beside)], rows, notes)]


def _beside_columns(beside: Figures | None) -> list[str]:
    return ["Presidio: precision", "recall", "F2"] if beside else []


def _keys(*sides: Figures | None) -> list[tuple[str, str]]:
    return sorted({(row["kind"], row["language"]) for side in sides if side for row in side["kinds"]})


def _at(side: Figures | None, kind: str, language: str) -> Figures | None:
    found = (row for row in side["kinds"] if (row["kind"], row["language"]) == (kind, language)) if side else iter(())
    return next(found, None)


def _secrets(figures: Figures, own: Figures | None, beside: Figures | None) -> list[Table]:
    if own is None:
        return []
    totals = [[_LANGUAGES[name], *_cells(own["totals"][name]["whole"])] for name in _LANGUAGES]
    forms = [[f"form: {form}", *_cells(row)] for form, row in own["forms"].items()]
    found: dict[str, list[int]] = {}
    for row in own["kinds"]:
        if row["hits"] + row["misses"]:
            sums = found.setdefault(row["kind"].removeprefix(SECRET + "."), [0, 0, 0])
            for at, name in enumerate(("hits", "misses", "leaked")):
                sums[at] += row[name]
    families = [
        [name, str(hits + misses), share(hits / (hits + misses)), f"{leaked:,}"]
        for name, (hits, misses, leaked) in sorted(found.items())
    ]
    return [
        Table("Secrets", ["language or form", *_COLUMNS], [*totals, *forms], _notes(figures)),
        Table("Secrets by family", ["family", "values", "recall", "leaked characters"], families),
    ]


def _hard(figures: Figures, own: Figures | None, beside: Figures | None) -> list[Table]:
    rows = []
    for name, language in _LANGUAGES.items():
        mine, theirs = (each and each["totals"][name]["core"] for each in (own, beside))
        rows.append([language, *_cells(mine), *(_beside(theirs) if beside else [])])
    for form in sorted({form for side in (own, beside) if side for form in side["forms"]}):
        mine, theirs = (each and each["forms"].get(form) for each in (own, beside))
        rows.append([form.replace("_", " "), *_cells(mine), *(_beside(theirs) if beside else [])])
    columns = ["disguise", *_COLUMNS, *_beside_columns(beside)]
    return [Table("Personal data in disguise", columns, rows, _notes(figures))]


def _benign(figures: Figures) -> Table:
    rows = []
    for name, each in figures["detectors"].items():
        kinds = ", ".join(f"{kind} {count}" for kind, count in each["kinds"].items()) or "–"
        languages = [f"{each['languages'][language]['per_1000']:.1f}" for language in ("en", "ja")]
        rows.append([name, str(each["flagged"]), f"{each['per_1000']:.1f}", *languages, kinds, f"{each['us']:,.1f}"])
    columns = ["detector", "flagged", "of 1,000", "English", "Japanese", "as", "μs a text"]
    return Table("Texts with nothing in them", columns, rows, _notes(figures))


def mistakes(figures: Figures, most: int) -> Table:
    """What went wrong, for who tunes."""
    sides = figures.get("detectors", {"": figures})
    rows = []
    for name, each in sides.items():
        for mistake in each["mistakes"][:most]:
            told = mistake if isinstance(mistake, dict) else asdict(mistake)
            rows.append([name, told.pop("what", "false"), " | ".join(str(part) for part in told.values())])
    return Table("Mistakes", ["detector", "what", "where"], rows)
