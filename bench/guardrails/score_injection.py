"""How the judge `injection` does on unseen texts: `python -m bench.guardrails.score_injection PACKAGES`.

PACKAGES as for `train_injection`. Recall at its own operating points with the share of harmless texts they cost, and at
those that cost 1 % and 0.25 % of these harmless texts; by language and source; with the weights and without.
"""

import argparse
from pathlib import Path

import numpy as np

from bench.guardrails import injection_sources as sources
from llmgateway.guardrails.injection.assess import assess
from llmgateway.guardrails.injection.normal import plain
from llmgateway.guardrails.injection.score import delimiters, rules
from llmgateway.guardrails.injection.weights import BLOCK, FLAG, STRICT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path)
    samples = sources.unseen(parser.parse_args().packages)
    score = 1 / (1 + np.exp(-np.array([assess(each.text).logit for each in samples])))
    alone = np.array([sum(rules(plain(each.text).words).values()) + delimiters(each.text.lower()) for each in samples])
    attack = np.array([each.attack for each in samples])
    tongues = {"all": attack | True, "EN": ~japanese(samples), "JA": japanese(samples)}
    for name, at in (("flag", FLAG), ("block", BLOCK), ("strict", STRICT)):
        line(f"own point {name}", score >= at, attack, tongues)
    for what, values in (("with weights", score), ("rules alone", alone)):
        for share in (0.01, 0.0025):
            line(f"{what}, {share:.2%}", values > np.quantile(values[~attack], 1 - share), attack, tongues)
    by_source(samples, score >= FLAG, score >= BLOCK)


def japanese(samples):
    return np.array([each.japanese or each.source.endswith("-ja") for each in samples])


def line(name, flagged, attack, tongues):
    cells = (
        f"{tongue} {flagged[of & attack].mean():6.1%} of {int((of & attack).sum())}, "
        f"harmless {flagged[of & ~attack].mean():6.2%} of {int((of & ~attack).sum())}"
        for tongue, of in tongues.items()
    )
    print(f"{name:20} {' | '.join(cells)}")


def by_source(samples, flagged, blocked):
    groups = sorted({(not each.attack, each.source) for each in samples})
    for harmless, source in groups:
        of = np.array([each.source == source and each.attack != harmless for each in samples])
        kind = "harmless" if harmless else "attacks"
        shares = f"flagged {flagged[of].mean():6.1%}  blocked {blocked[of].mean():6.1%}"
        print(f"  {kind:8} {source:14} {int(of.sum()):5}  {shares}")


if __name__ == "__main__":
    main()
