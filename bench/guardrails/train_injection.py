"""Makes the weights of the judge `injection`: `python -m bench.guardrails.train_injection PACKAGES`.

PACKAGES is a folder with the packages of `injection_sources.PACKAGES` and `WHOLE`, each unpacked in a folder of its
import name; `--get` fetches them there first. Needs numpy, scipy, scikit-learn, PyYAML and what `bench.guardrails`
needs. The same packages give the same bytes. How the judge then does on what it did not learn from, `score_injection`
prints.
"""

import argparse
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from bench.guardrails import injection_fit as fitting
from bench.guardrails import injection_sources as sources
from llmgateway.guardrails.injection.weights import BLOCK

TARGET = Path(__file__).parents[2] / "src/llmgateway/guardrails/injection/weights.bin"
# Shares of harmless texts above the two points, by models that never saw the texts' source. The weights that ship saw
# all sources and do better on others' texts: below 1 % and 0.25 % there (`score_injection`).
FLAGGED, BLOCKED = 0.042, 0.016
FOLDS = 6  # models for that, each without the texts of a sixth of the sources
HARMLESS = 3.0  # how much more a harmless text weighs than an attack: few false alarms come first
SHORT = "made-short"  # the sources of attacks that say no more than they must: few words, which others drown
LOUD = 14.0
TASKS = "writing"  # the one source of long requests as people write them; it weighs more still
ASKED = 6.0
EASY = ("commands", "jupyter-ja", "spyder-ja", "superset-ja")  # many texts of one manner, none of them near an attack
LIGHT = 0.3
QUOTING = tuple(f"plain-{each}-" for each in ("question", "lesson", "defence", "caution"))
QUOTED = 0.15  # harmless texts that quote attacks: what they quote must not count for less elsewhere
LONG = ("pages-", "plain-pages-", "notes-")
PAGED = 2.0  # long texts: fewer of them are here than out there
EMBEDDED = 2.0  # attacks in the midst of harmless texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--get", action="store_true", help="fetch the packages first")
    options = parser.parse_args()
    if options.get:
        fetch(options.packages)
    samples = sources.training(options.packages)
    corpus = fitting.Corpus(samples, balance(samples))
    model, narrow = fitting.learn(corpus, np.full(len(samples), True))
    slope, offset = points(out_of_source(samples, corpus))
    packed = fitting.pack(model, narrow.names, slope, offset)
    TARGET.write_bytes(packed)
    print(f"{len(samples)} texts, {np.count_nonzero(model.weights)} weights in {len(packed)} bytes")


def balance(samples):
    """The weight of each text: the two languages weigh alike among attacks and among other texts."""
    kinds = [(each.attack, each.japanese) for each in samples]
    sizes = {kind: kinds.count(kind) for kind in set(kinds)}
    alike = np.array([len(samples) / len(sizes) / sizes[kind] for kind in kinds])
    return alike * [weight(each) for each in samples]


def weight(sample):
    if sample.attack:
        embedded = EMBEDDED if sample.source.startswith(sources.EMBEDDED) else 1.0
        return LOUD if sample.source.startswith(SHORT) else embedded
    if sample.source.startswith(LONG):
        return HARMLESS * PAGED
    if sample.source.startswith(QUOTING):
        return HARMLESS * QUOTED
    return HARMLESS * {TASKS: ASKED, **dict.fromkeys(EASY, LIGHT)}.get(sample.source, 1.0)


def out_of_source(samples, corpus):
    """The logits of harmless texts, those of the templates aside, by models that did not see their source."""
    source, attack = np.array([each.source for each in samples]), np.array([each.attack for each in samples])
    natural = ~attack & ~np.char.startswith(source, "plain-")
    names, logits = sorted(set(source[natural])), []
    for fold in range(FOLDS):
        unseen = names[fold::FOLDS]
        out = np.isin(source, unseen) & natural
        model, narrow = fitting.learn(corpus, ~out)
        logits.append(narrow.whole(model)[out])
        print(
            f"{', '.join(unseen)}: {len(logits[-1])} texts, 1 % above {np.quantile(logits[-1], 0.99):.2f}", flush=True
        )
    return np.concatenate(logits)


def points(logits):
    """The line that puts the two shares of harmless texts at the scores FLAG (a logit of 0) and BLOCK."""
    flag, block = np.quantile(logits, [1 - FLAGGED, 1 - BLOCKED])
    slope = np.log(BLOCK / (1 - BLOCK)) / max(block - flag, 0.5)
    return float(slope), float(-slope * flag)


def fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder]
    subprocess.run([*command, *sources.PACKAGES], check=True)
    subprocess.run([*command, "--no-binary", ":all:", *sources.WHOLE], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / wheel.name.partition("-")[0])
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            packed.extractall(folder / archive.name.partition("-")[0], filter="data")


if __name__ == "__main__":
    main()
