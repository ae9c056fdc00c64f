"""Japanese texts of programs, as weights are learnt from them."""

import json

from bench.guardrails import injection_japanese as reading

PO = """msgid ""
msgstr ""

msgid "Save"
msgstr "保存します"

msgid "Name"
msgstr "Name"

msgid "Two\\nlines"
msgstr ""
"一行目は\\n"
"二行目です"
"""


def catalogue(folder, said=PO):
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(said, "utf-8")


def test_messages_are_those_in_japanese_and_pages_of_them(tmp_path):
    catalogue(tmp_path / "superset/translations/ja/LC_MESSAGES")
    assert list(reading.messages(tmp_path)) == [
        "保存します",
        "一行目は\n二行目です",
        "保存します\n一行目は\n二行目です",
    ]


def test_messages_may_be_asked_for_at_one_place(tmp_path):
    catalogue(tmp_path / "locale/ja/LC_MESSAGES")
    assert list(reading.messages(tmp_path, reading.NOTES)) == []
    catalogue(tmp_path / "releasenotes/source/locale/ja/LC_MESSAGES")
    assert "保存します" in list(reading.messages(tmp_path, reading.NOTES))


def test_catalogues_in_json_are_read_too(tmp_path):
    folder = tmp_path / "pack/locale/ja_JP/LC_MESSAGES"
    folder.mkdir(parents=True)
    told = {"": {"language": "ja"}, "Open": ["開く"], "Close": ["Close"]}
    (folder / "app.json").write_text(json.dumps(told), "utf-8")
    assert list(reading.catalogue(tmp_path)) == ["開く", "開く"]


def test_lines_of_sources_lose_their_marks(tmp_path):
    (tmp_path / "a.py").write_text("# 値を返す\nx = 1\n'''表を作る'''\n", "utf-8")
    assert list(reading.commented(tmp_path)) == ["値を返す", "表を作る'''", "値を返す\n表を作る'''"]


def test_pages_are_long_and_lie_half_over_each_other(tmp_path):
    said = "\n\n".join(['msgid ""\nmsgstr ""', *(f'msgid "{at}"\nmsgstr "文{at}です"' for at in range(60))])
    catalogue(tmp_path / "ja/LC_MESSAGES", said)
    pages = [page.split("\n") for page in reading.pages([tmp_path])]
    assert [page[0] for page in pages] == ["文0です", "文15です", "文30です", "文45です"]
    assert [len(page) for page in pages] == [reading.LONG_PAGE] * 3 + [reading.LONG_PAGE // 2]


def test_pages_that_are_half_translated_have_both_languages_by_turns(tmp_path):
    said = "\n\n".join(['msgid ""\nmsgstr ""', *(f'msgid "text {at}"\nmsgstr "文{at}です"' for at in range(6))])
    catalogue(tmp_path / "ja/LC_MESSAGES", said)
    (page,) = reading.bilingual([tmp_path])
    assert page.split("\n") == ["文0です", "text 1", "文2です", "text 3", "文4です", "text 5"]


def test_leaflets_are_read_whole_and_by_paragraph_where_they_are_japanese(tmp_path):
    (tmp_path / "guide.md").write_text("# Guide\n\n手順です\n\nEnglish only", "utf-8")
    (tmp_path / "other.md").write_text("nothing here", "utf-8")
    assert list(reading.leaflets([tmp_path])) == ["# Guide\n\n手順です\n\nEnglish only", "手順です"]


def test_pages_of_offices_are_read_in_stretches(tmp_path):
    told = [{"summary": "補助金", "raw_text": "あ" * (reading.OFFICE + 1)}, {"summary": None, "raw_text": ""}]
    (tmp_path / "grants.json").write_text(json.dumps(told), "utf-8")
    assert list(reading.offices(tmp_path)) == ["補助金", "あ" * reading.OFFICE, "あ"]
