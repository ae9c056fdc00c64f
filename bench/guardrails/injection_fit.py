"""From texts to weights: stretches, n-grams, a sparse linear model, signed bytes."""

import hashlib
import itertools
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Final, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.linear_model import LogisticRegression

from bench.guardrails.injection_sources import Sample
from llmgateway.guardrails.injection.normal import plain
from llmgateway.guardrails.injection.phrases import GROUPS
from llmgateway.guardrails.injection.score import hits, near, pairs, rules
from llmgateway.guardrails.injection.weights import PAIR, WINDOW, shift_of

SEEN: Final = 4  # an n-gram in fewer stretches is noise
MOST_RULES: Final = 8.0
KEPT: Final = 14000  # features of the file
STRENGTH: Final = 0.05  # of the fit with all features: more trusts the texts more
NARROW_STRENGTH: Final = 0.08  # of the fit with the KEPT
ALONE: Final = 0.75  # how much a single word or group is trusted, where two together say more
RULED: Final = 2.2  # how much more than the fit says rules are trusted: they hold for wordings that no text here has
ROUNDS: Final = 3
CJK: Final = re.compile(r"[぀-ヿ㐀-鿿々]{2,}")
WORDY: Final = re.compile(r"[\u30a0-\u30ff\u3400-\u9fff]")  # what is hiragana alone is grammar
LATIN: Final = re.compile(r"^[^぀-ヿ㐀-鿿]+$")
CUT: Final = re.compile(r"^[ァ-ヶー]{2}$")  # pieces of many words: a word in Katakana is longer
NUMBERS: Final = re.compile(r"^ [0-9 ]+$")
_PLAIN: Final = """
a an the this that these those it its i we he she they is are was were be been am and or but if of to in on at for
from by with as so not no do does did has have had will would can could may there here than then
"""
COMMON: Final = frozenset(
    f" {word} " for word in _PLAIN.split()
)  # alone they say nothing, and every text is full of them


class Model(NamedTuple):
    """A weight for each n-gram and, last, for what the rules say."""

    weights: np.ndarray
    bias: float


class Corpus:
    """Texts cut into stretches, with the n-grams of each; `text` is the number of the text that a stretch is of."""

    def __init__(self, samples: Sequence[Sample], heavy: Sequence[float]) -> None:
        pieces = [stretches(each.text) for each in samples]
        flat = list(itertools.chain.from_iterable(pieces))
        self.text = np.repeat(np.arange(len(samples)), [len(each) for each in pieces])
        self.label = np.array([each.attack for each in samples])[self.text]
        self.heavy = np.array(heavy)[self.text]
        table, self.names = table_of(flat, [(samples[at].attack, samples[at].source) for at in self.text])
        self.table = hstack([table, said(flat)]).tocsr()

    def narrowed(self, columns: np.ndarray) -> "Corpus":
        """The same texts with only these features."""
        narrow = copy(self)
        narrow.names = [self.names[at] for at in columns]
        narrow.table = self.table[:, [*columns, len(self.names)]]
        return narrow

    def logits(self, model: Model) -> np.ndarray:
        """What a model says of each stretch."""
        return self.table @ model.weights + model.bias

    def whole(self, model: Model) -> np.ndarray:
        """What a model says of each text."""
        most = np.full(self.text[-1] + 1, -np.inf)
        np.maximum.at(most, self.text, self.logits(model))
        return most

    def first_guess(self) -> np.ndarray:
        """All of other texts; of attacks the first and the last stretch, and those where a rule holds."""
        first = np.r_[True, self.text[1:] != self.text[:-1]]
        last = np.r_[self.text[1:] != self.text[:-1], True]
        return ~self.label | first | last | (self.table[:, -1].toarray()[:, 0] > 0)

    def loudest(self, model: Model) -> np.ndarray:
        """All of other texts; of attacks the stretch that the model is surest of."""
        return ~self.label | (self.logits(model) >= self.whole(model)[self.text])


def stretches(text: str) -> list[str]:
    """Pieces of a plain text as long as what is weighed together, each half over the next."""
    words = plain(text).words
    size = 1 << shift_of(words)
    return [words[at : at + WINDOW * size] for at in range(0, max(1, len(words) - size), size)]


def grams(words: str) -> Iterator[str]:
    """Every n-gram of a stretch that the automaton could have: 1 to 3 words, 2 to 5 Japanese characters."""
    tokens = words.split()
    for n in (1, 2, 3):
        for at in range(len(tokens) - n + 1):
            gram = f" {' '.join(tokens[at : at + n])} "
            if gram not in COMMON and LATIN.match(gram) and not NUMBERS.match(gram):
                yield gram
    for run in CJK.findall(words):
        for n in (2, 3, 4, 5):
            pieces = (run[at : at + n] for at in range(len(run) - n + 1))
            yield from (each for each in pieces if WORDY.search(each) and not CUT.match(each))


CORE: Final = frozenset(("ignore", "prior", "rules", "secret", "free", "role", "everything", "lift"))
_TOGETHER: Final = near({" ".join(both): " ".join(both) for n in (1, 2) for both in itertools.combinations(GROUPS, n)})


def heard(piece: str) -> Iterator[str]:
    """Every feature of a stretch: its n-grams, and the groups of phrases in it, alone and by twos."""
    yield from grams(piece)
    for pair, _ in pairs(hits(piece), _TOGETHER):
        yield PAIR + pair


def table_of(pieces: Sequence[str], origins: Sequence[tuple[bool, str]]) -> tuple[csr_matrix, list[str]]:
    """Which n-grams are in which piece, of all that are in a few, of two sources of one kind at least."""
    bags = [set(heard(piece)) for piece in pieces]
    seen = Counter(itertools.chain.from_iterable(bags))
    spread: dict[str, set[tuple[bool, str]]] = {gram: set() for gram, times in seen.items() if times >= SEEN}
    for bag, origin in zip(bags, origins, strict=True):
        for gram in bag & spread.keys():
            spread[gram].add(origin)
    names = sorted(
        gram for gram, of in spread.items() if max(sum(kind for kind, _ in of), sum(not kind for kind, _ in of)) > 1
    )
    index = {gram: at for at, gram in enumerate(names)}
    rows = [sorted(index[gram] for gram in bag if gram in index) for bag in bags]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int32)
    return without_doubles(
        csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), (len(pieces), len(names))), names
    )


def without_doubles(table: csr_matrix, names: Sequence[str]) -> tuple[csr_matrix, list[str]]:
    """Of n-grams that are in the same pieces, the shortest alone: it holds for more texts, and is counted once."""
    columns = table.tocsc()
    columns.sort_indices()
    shortest: dict[bytes, int] = {}
    for at in sorted(range(len(names)), key=lambda each: (len(names[each]), each)):
        where = columns.indices[columns.indptr[at] : columns.indptr[at + 1]]
        shortest.setdefault(hashlib.blake2b(where.tobytes(), digest_size=16).digest(), at)
    kept = sorted(shortest.values())
    return table[:, kept], [names[at] for at in kept]


def said(pieces: Sequence[str]) -> csr_matrix:
    """What the rules say of each piece, as a column."""
    return csr_matrix(np.array([[min(MOST_RULES, sum(rules(piece).values()))] for piece in pieces], dtype=np.float32))


def learn(corpus: Corpus) -> tuple[Model, Corpus]:
    """Learn from all texts with all features, then once more with the KEPT that say most.

    What is the core of an attack may not speak for harmless texts, however many of them quote one: such features go.
    """
    core = np.array([is_core(name) for name in corpus.names])
    weights = fit(corpus, STRENGTH).weights[:-1]
    says = np.where(core, np.maximum(weights, 0.0), np.abs(weights))
    narrow = corpus.narrowed(np.sort(np.argsort(-says, kind="stable")[:KEPT]))
    while (odd := core_below_zero(model := fit(narrow, NARROW_STRENGTH), narrow)).any():
        narrow = narrow.narrowed(np.flatnonzero(~odd))
    weights = model.weights.copy()
    weights[-1] *= RULED
    return Model(weights, model.bias), narrow


def core_below_zero(model: Model, corpus: Corpus) -> np.ndarray:
    return np.array([weight < 0 and is_core(name) for weight, name in zip(model.weights, corpus.names, strict=False)])


def is_alone(name: str) -> bool:
    """Whether a feature is a word, two Japanese characters or a group of phrases: harmless texts have these, too."""
    return " " not in name.strip() and (len(name) == 2 or not CJK.search(name))


def is_core(name: str) -> bool:
    """Whether a feature has two groups of CORE in it: what to drop, and that it is instructions, say."""
    if name.startswith(PAIR):
        return len(CORE & {*name[1:].split()}) > 1
    return len(CORE & {group for group, _ in hits(name)} - {"prior"}) > 1


def fit(corpus: Corpus, strength: float) -> Model:
    """Learn from all texts: of an attack the loudest stretch counts, of other texts all do."""
    picked = corpus.first_guess()
    trust = np.array([ALONE if is_alone(name) else 1.0 for name in corpus.names] + [1.0])
    table = (corpus.table @ diags(trust)).tocsr()
    model = None
    for _ in range(ROUNDS):
        learner = LogisticRegression(solver="liblinear", C=strength, max_iter=200, tol=1e-3, random_state=0)
        learner.fit(table[picked], corpus.label[picked], sample_weight=corpus.heavy[picked])
        model = Model(learner.coef_[0] * trust, float(learner.intercept_[0]))
        picked = corpus.loudest(model)
    return model


def pack(model: Model, names: Sequence[str], slope: float, offset: float) -> bytes:
    """The file of weights."""
    weights, by_rules = model.weights[:-1], model.weights[-1]
    step = float(np.quantile(np.abs(weights[weights != 0]), 0.998)) / 127
    whole = np.clip(np.round(weights / step), -127, 127).astype(np.int8)
    kept = sorted((at for at in range(len(names)) if whole[at]), key=lambda at: (names[at].startswith(PAIR), at))
    head = {"step": step, "bias": model.bias, "rules": max(0.0, float(by_rules)), "slope": slope, "offset": offset}
    line = json.dumps({name: round(value, 7) for name, value in head.items()}).encode()
    return zlib.compress(
        line + b"\n" + "\n".join(names[at] for at in kept).encode() + b"\n\n" + whole[kept].tobytes(), 9
    )
