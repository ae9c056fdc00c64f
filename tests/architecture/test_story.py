"""The seven words of the story are the same everywhere: in the code, the records, the documents."""

import inspect
import re
from pathlib import Path

from llmgateway.dataplane import dispatch, guard, phases, pipeline, relay, settle
from llmgateway.domain.errors import ERRORS
from llmgateway.domain.exchange import Phase

DOCS = Path(__file__).parents[2] / "docs"


def test_each_phase_is_a_function_of_its_name():
    homes = (phases, guard, dispatch, relay, settle)
    for phase in Phase:
        assert any(inspect.isfunction(getattr(home, phase, None)) for home in homes), phase


def test_the_pipeline_tells_the_story_in_order():
    told = re.findall(r"\b(" + "|".join(Phase) + r")\(", inspect.getsource(pipeline.serve))
    assert told == [phase for phase in Phase if phase is not Phase.SETTLE]


def test_the_map_names_every_phase():
    text = (DOCS / "ARCHITECTURE.md").read_text()
    assert re.findall(r"^\| (\w+) \| `dataplane/", text, re.MULTILINE) == list(Phase)


def test_every_error_code_is_documented_with_its_status():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", (DOCS / "ERRORS.md").read_text(), re.MULTILINE)
    assert {code: int(status) for code, status in rows} == {code: kind.status for code, kind in ERRORS.items()}


def test_the_map_stays_a_map():
    assert len((DOCS / "ARCHITECTURE.md").read_text().splitlines()) < 200
