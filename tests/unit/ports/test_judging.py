"""What judges share: reading an answer, and which of many findings are told."""

import pytest

from llmgateway.domain.verdict import Finding
from llmgateway.ports.asking import OpinionError, document
from llmgateway.ports.judge import Judged, surest


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(b"", "no JSON"), (b"{", "no JSON"), (b"\xff", "no JSON"), (b"[]", "no JSON object"), (b"1", "no JSON object")],
)
def test_an_answer_is_a_json_object_or_says_nothing(answer, sentence):
    with pytest.raises(OpinionError, match=sentence):
        document(answer)
    assert document(b'{"a": 1}') == {"a": 1}


def test_the_surest_finding_of_each_kind_is_told_for_each_piece():
    weak, sure, other = Finding(0, 1, "a", 0.2), Finding(3, 4, "a", 0.9), Finding(1, 2, "b", 0.5)
    found = [Judged(1, weak), Judged(0, other), Judged(0, weak), Judged(0, sure), Judged(0, weak)]
    assert surest(found) == [Judged(0, sure), Judged(0, other), Judged(1, weak)]
    assert surest([]) == []
