"""The only file that imports Presidio, when it is called: it takes seconds and a hundred megabytes. It fetches nothing.

Left alone, Presidio downloads a model that is not there, and the check of its e-mail addresses fetches the list of
public suffixes at its first use. Here the model is loaded from what is installed, and that list is the package's own.
"""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any, Final

PACKAGE: Final = "presidio_analyzer"
_NOT_PERSONAL: Final = (
    "CARDINAL", "EVENT", "LANGUAGE", "LAW", "MONEY", "ORDINAL", "PERCENT", "PRODUCT", "QUANTITY", "WORK_OF_ART",
)  # fmt: skip


def is_installed(module: str) -> bool:
    """Whether a module could be imported; nothing is imported to know it."""
    return module in sys.modules or importlib.util.find_spec(module) is not None


def engine(language: str, model: str, entities: Sequence[str]) -> Any:
    """Make an analyzer that knows these entities; ValueError where it knows one of them not."""
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    labels = NerModelConfiguration(labels_to_ignore=list(_NOT_PERSONAL))
    models = [{"lang_code": language, "model_name": model}]
    texts = SpacyNlpEngine(models=models, ner_model_configuration=labels)
    texts.nlp = {language: spacy.load(model)}  # else it loads it itself, and downloads it
    analyzer = AnalyzerEngine(nlp_engine=texts, supported_languages=[language])
    known = analyzer.get_supported_entities(language)
    for entity in entities:
        if entity not in known:
            raise ValueError(f"Presidio finds no {entity} in {language!r}: {', '.join(sorted(known))}.")
    return analyzer
