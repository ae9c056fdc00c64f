from bench.guardrails.labels import Label, Labelled, filled, inside, joined, plain, slots, whole


def values(labelled):
    return [labelled.text[each.start : each.end] for each in labelled.labels]


def test_labels_move_with_their_text():
    text = joined([plain("mail "), whole("a@b.de", "email"), plain(" or "), whole("03-1", "phone")])
    assert text.text == "mail a@b.de or 03-1"
    assert values(text) == ["a@b.de", "03-1"]


def test_what_stands_between_counts_once_between_two():
    text = joined([whole("a", "x"), whole("b", "y"), whole("c", "z")], " | ")
    assert text.text == "a | b | c"
    assert values(text) == ["a", "b", "c"]


def test_wider_bounds_move_too():
    text = plain("〒 is ") + inside("〒", "100-0001", "", "jp_postal_code", wide=True)
    label = text.labels[0]
    assert text.text[label.start : label.end] == "100-0001"
    assert [text.text[start:end] for start, end in label.wider] == ["〒100-0001"]


def test_a_template_is_filled_in_order():
    made = iter([whole("1", "one"), plain("2"), whole("3", "three")])
    text = filled("a «one» b «two»«three».", lambda _: next(made))
    assert text.text == "a 1 b 23."
    assert values(text) == ["1", "3"]


def test_offsets_are_code_points_whatever_the_characters():
    text = filled("😀「«one»」", lambda _: whole("山田", "person"))
    assert values(text) == ["山田"]
    assert text.labels[0].start == 2


def test_a_mark_of_question_makes_what_need_not_be_found():
    text = filled("«name?» «name»", lambda _: whole("Ann", "person"))
    assert [each.is_needed for each in text.labels] == [False, True]


def test_optional_keeps_kind_and_bounds():
    label = Label(1, 3, "iban", wider=((0, 4),))
    assert Labelled("abcd", (label,)).optional().labels == (label._replace(is_needed=False),)


def test_braces_and_guillemets_of_others_are_no_slots():
    assert slots('{"a": "«email»", "b": "« x »"}') == ["email"]
