import pytest
from bench.guardrails.labels import Label, Sample
from bench.guardrails.score import Tally, flagged, overlap, paired, score, uncovered

from llmgateway.domain.verdict import Finding

TEXT = "write to ann@example.com or call 03-1234-5678 today"
MAIL = Label(9, 24, "email")
PHONE = Label(33, 45, "phone")


def sample(*labels, form="mail", language="en"):
    return Sample(TEXT, labels, language, form)


def scored(labels, *findings, **more):
    return score([sample(*labels, **more)], [[Finding(*each) for each in findings]])


def whole(scores):
    return scores.total(["en", "ja"])


def test_the_labels_of_these_tests_are_where_they_say():
    assert TEXT[9:24] == "ann@example.com"
    assert TEXT[33:45] == "03-1234-5678"


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [((0, 10), (0, 10), 1), ((0, 10), (0, 5), 0.5), ((0, 5), (5, 9), 0), ((0, 2), (7, 9), 0), ((0, 4), (2, 6), 1 / 3)],
)
def test_overlap_is_what_both_have_over_what_either_has(one, other, share):
    assert overlap(one, other) == pytest.approx(share)


def test_all_found():
    total = whole(scored([MAIL, PHONE], (9, 24, "email"), (33, 45, "phone")))
    assert total == Tally(hits=2, length=27)
    assert (total.precision, total.recall, total.f2) == (1, 1, 1)


def test_half_of_it_is_enough_and_less_is_not():
    assert whole(scored([PHONE], (33, 39, "phone"))) == Tally(hits=1, leaked=6, length=12)
    total = whole(scored([PHONE], (33, 38, "phone")))
    assert (total.hits, total.misses, total.falses, total.leaked) == (0, 1, 1, 7)


def test_another_kind_is_a_miss_and_a_false_one_but_nothing_leaks():
    total = whole(scored([PHONE], (33, 45, "jp_bank_account")))
    assert total == Tally(misses=1, falses=1, confused=1, length=12)


def test_a_false_one_counts_for_the_kind_that_was_said():
    scores = scored([PHONE], (33, 45, "jp_bank_account"))
    assert scores.kinds["jp_bank_account", "en"].falses == 1
    assert scores.kinds["phone", "en"].falses == 0


def test_families_of_secrets_are_one_kind_and_are_told_apart_by_their_labels():
    scores = scored([Label(9, 24, "secret.github")], (9, 24, "secret.generic"))
    assert scores.kinds["secret.github", "en"].hits == 1
    assert whole(scores).falses == 0


@pytest.mark.parametrize(("kind", "said", "hits"), [("jp_passport", "passport", 1), ("passport", "jp_passport", 0)])
def test_a_japanese_passport_is_a_passport_and_not_the_other_way(kind, said, hits):
    assert whole(scored([Label(9, 24, kind)], (9, 24, said))).hits == hits


def test_other_bounds_are_as_good():
    label = Label(20, 24, "secret.connection", wider=((0, 24),))
    assert whole(scored([label], (0, 24, "secret.connection"))).hits == 1
    assert whole(scored([label], (20, 24, "secret.connection"))).hits == 1
    assert whole(scored([label], (10, 23, "secret.connection"))).hits == 1


def test_what_need_not_be_found_counts_neither_way():
    optional = MAIL._replace(is_needed=False)
    assert whole(scored([optional])) == Tally()
    assert whole(scored([optional], (9, 24, "email"))) == Tally()
    assert whole(scored([optional], (9, 14, "person"))) == Tally()


def test_a_part_of_what_was_found_is_no_second_mistake():
    label = Label(9, 45, "jp_bank_account")
    total = whole(scored([label], (9, 40, "jp_bank_account"), (41, 45, "jp_bank_account")))
    assert (total.hits, total.falses, total.leaked) == (1, 0, 1)


def test_one_finding_answers_for_one_label_only():
    near = [Label(9, 20, "phone"), Label(12, 24, "phone")]
    assert whole(scored(near, (9, 24, "phone"))) == Tally(hits=1, misses=1, confused=1, length=23)


def test_the_best_fit_is_taken_first():
    labels = [Label(0, 10, "phone"), Label(4, 12, "phone")]
    findings = [Finding(4, 12, "phone"), Finding(0, 10, "phone")]
    assert paired(labels, findings) == {0: 1, 1: 0}


def test_characters_leak_that_no_finding_of_any_kind_covers():
    assert uncovered(MAIL, []) == 15
    assert uncovered(MAIL, [Finding(0, 12, "person"), Finding(20, 50, "url")]) == 8
    assert uncovered(MAIL, [Finding(0, 12, "a"), Finding(10, 14, "b")]) == 10


def test_recall_counts_four_times_as_much_as_precision():
    tally = Tally(hits=8, misses=2, falses=4)
    precision, recall = 8 / 12, 8 / 10
    assert tally.f2 == pytest.approx(5 * precision * recall / (4 * precision + recall))


def test_nothing_to_judge_gives_no_figure():
    assert (Tally().precision, Tally().recall, Tally().f2) == (None, None, None)
    assert Tally(misses=3).f2 == 0
    assert Tally(misses=3).precision is None


def test_totals_are_by_language_and_may_leave_kinds_out():
    texts = [sample(MAIL), sample(PHONE, language="ja")]
    scores = score(texts, [[Finding(9, 24, "email")], []])
    assert scores.total(["en"]).hits == 1
    assert scores.total(["ja"]).misses == 1
    assert scores.total(["en", "ja"], without=["phone"]) == Tally(hits=1, length=15)


def test_what_only_a_title_tells_is_counted_apart():
    scores = scored([MAIL._replace(is_needed=False)], (9, 24, "email"), form="csv")
    assert scores.titled == Tally(hits=1, length=15)
    assert whole(scores) == Tally()


def test_mistakes_are_kept_with_what_stands_around_them():
    found = scored([MAIL], (33, 45, "phone")).mistakes
    assert [(each.what, each.kind, each.value) for each in found] == [
        ("missed", "email", "ann@example.com"),
        ("false", "phone", "03-1234-5678"),
    ]
    assert "write to" in found[0].around


def test_a_text_is_flagged_once_and_not_for_what_may_be_found():
    texts = [sample(), sample(MAIL._replace(is_needed=False)), sample()]
    found = [[Finding(0, 5, "person"), Finding(9, 12, "person")], [Finding(9, 24, "email")], []]
    assert [finding for _, finding in flagged(texts, found)] == [Finding(0, 5, "person")]
