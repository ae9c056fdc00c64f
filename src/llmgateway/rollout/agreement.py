"""How far raters agree, beyond chance: Cohen's kappa for two, Krippendorff's alpha for any number with gaps."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def cohen_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> float | None:
    """Kappa of two raters' labels, item by item. None where there are no items, or chance alone would agree on all."""
    labels = list(pairs)
    if not labels:
        return None
    first, second = Counter(one for one, _ in labels), Counter(two for _, two in labels)
    observed = sum(one == two for one, two in labels) / len(labels)
    expected = sum(count * second[label] for label, count in first.items()) / len(labels) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(items: Iterable[Sequence[Hashable | None]]) -> float | None:
    """Nominal alpha of any raters' labels, an item a row, None where a rater gave none.

    Items with one label or none tell nothing and are left out. None where nothing is left, or only one label was ever
    given.
    """
    rows = [Counter(each for each in row if each is not None) for row in items]
    rows = [row for row in rows if row.total() > 1]
    whole: Counter[Hashable] = sum(rows, Counter())
    values = whole.total()
    expected = values**2 - sum(count**2 for count in whole.values())
    if not expected:
        return None
    observed = sum((row.total() ** 2 - sum(count**2 for count in row.values())) / (row.total() - 1) for row in rows)
    return 1 - (values - 1) * observed / expected
