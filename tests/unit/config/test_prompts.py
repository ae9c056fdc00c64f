"""Prompts of versions: read beside the configuration, part of what a version is, carried with the text in force."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config import lastgood, prompts
from llmgateway.config.build import version_id
from llmgateway.config.loader import Examined, examine, load
from llmgateway.config.problems import ConfigError
from llmgateway.config.snapshot import Version

PROVIDERS = ("openai",)
TEXT = """\
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9001/v1"
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["one"]
SETTING
"""


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[str], Examined]:
    """Judges a file whose version v2 has one more setting, on line 9."""

    def judge(setting: str) -> Examined:
        file = tmp_path / "config.toml"
        file.write_text(TEXT.replace("SETTING", setting))
        return examine(file, providers=PROVIDERS, generation=1, environ={})

    return judge


def v2(examined: Examined) -> Version:
    return examined.snapshot.routes["chat"].version("v2")


def refused(judged: Callable[[str], Examined], setting: str) -> str:
    with pytest.raises(ConfigError) as caught:
        judged(setting)
    (problem,) = caught.value.problems
    assert problem.line == 9
    return f"{problem.path}: {problem.reason}"


def test_a_version_has_the_prompt_that_is_written_out(judged) -> None:
    version = v2(judged('prompt = "Be kind."'))
    assert (version.prompt, version.prompt_file) == ("Be kind.", None)


def test_a_prompts_file_lies_beside_the_configuration_and_line_breaks_at_its_end_are_the_editors(
    judged, tmp_path, monkeypatch
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "v2.txt").write_bytes("\ufeff Sei höflich.\r\nありがとう\r\n\n".encode())
    monkeypatch.chdir("/")
    version = v2(judged('prompt_file = "prompts/v2.txt"'))
    assert (version.prompt, version.prompt_file) == (" Sei höflich.\r\nありがとう", "prompts/v2.txt")


def test_the_text_is_part_of_what_a_version_is_and_where_it_came_from_is_not(judged, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("Be kind.\n")
    (tmp_path / "b.md").write_text("Be kind.")
    same = {v2(judged(each)).id for each in ('prompt = "Be kind."', 'prompt_file = "a.txt"', 'prompt_file = "b.md"')}
    (tmp_path / "a.txt").write_text("Be kinder.")
    assert len(same) == 1
    assert same.isdisjoint({v2(judged('prompt_file = "a.txt"')).id, v2(judged("")).id})


def test_versions_without_a_prompt_keep_the_ids_that_they_had_before_there_were_any(judged) -> None:
    version = v2(judged(""))
    assert version.id == version_id(version.backends, None, {})
    assert version_id(version.backends, None, {}, "x") != version.id
    assert version_id(version.backends, None, {"prompt": "x"}) != version_id(version.backends, None, {}, "x")


WRITTEN = {
    'prompt = ""': "prompt: is empty; leave the setting out where there is nothing to say",
    r'prompt = " \n "': "prompt: is empty; leave the setting out where there is nothing to say",
    r'prompt = "a\u0000b"': "prompt: holds a NUL, which many backends take for the end",
    f'prompt = "{"ä" * 32_769}"': "prompt: is longer than 64 KiB",
    "prompt = 7": "prompt: must be text in quotes",
    'prompt_file = ""': 'prompt_file: must not be empty',
    'prompt_file = "/etc/motd.txt"': "prompt_file: must lie in or below this file's folder, and be written relative to it",
    'prompt_file = "a/../../b.txt"': "prompt_file: must lie in or below this file's folder, and be written relative to it",
    'prompt_file = "config.toml"': (
        "prompt_file: must end in .txt or .md: what other files hold may be no prompt, but secrets"
    ),
    'prompt_file = "none.txt"': 'prompt_file: "none.txt" cannot be read: No such file or directory',
    'prompt_file = "folder.txt"': 'prompt_file: "folder.txt" cannot be read: Is a directory',
    'prompt_file = "latin.txt"': 'prompt_file: "latin.txt" is not UTF-8 text (line 2)',
    'prompt_file = "blank.txt"': 'prompt_file: "blank.txt" is empty; leave the setting out where there is nothing to say',
    'prompt_file = "long.txt"': 'prompt_file: "long.txt" is longer than 64 KiB',
    'prompt_file = "pipe.txt"': (
        'prompt_file: "pipe.txt" is not a regular file: it might never end, or keep the gateway waiting'
    ),
}  # fmt: skip


@pytest.mark.parametrize("setting", WRITTEN, ids=lambda setting: setting[:40])
def test_what_can_be_no_prompt_is_refused_with_its_line_and_why(judged, tmp_path, setting) -> None:
    import os

    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "latin.txt").write_bytes("fine\nnot so f\xefne".encode("latin-1"))
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "long.txt").write_text("a" * (prompts.MAX_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.txt")
    reason = refused(judged, setting)
    assert reason.removeprefix("routes.chat.versions.v2.").startswith(WRITTEN[setting])


def test_two_texts_where_one_can_be_in_front_are_refused(judged, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert "prompt is there too" in refused(judged, 'prompt_file = "a.txt"\nprompt = "x"')
    assert "prompt is there too" in refused(judged, 'params = { system = "y" }\nprompt = "x"')
    assert "prompt is there too" in refused(judged, 'params = { instructions = "y" }\nprompt = "x"')


def test_all_files_together_have_a_bound(tmp_path) -> None:
    count = prompts.MAX_TOTAL_BYTES // prompts.MAX_BYTES
    text = TEXT.replace("SETTING", "")
    for number in range(count + 1):
        (tmp_path / f"{number}.txt").write_text("a" * prompts.MAX_BYTES)
        text += f'[routes.chat.versions.w{number}]\nbackends = ["one"]\nprompt_file = "{number}.txt"\n'
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=f'"{count}.txt" is one too many'):
        load(tmp_path / "config.toml", providers=PROVIDERS, generation=1, environ={})


def test_texts_that_came_along_are_taken_and_no_file_is_read(tmp_path) -> None:
    text = TEXT.replace("SETTING", 'prompt_file = "a.txt"')
    snapshot = load(text, providers=PROVIDERS, generation=1, environ={}, prompts={"a.txt": "Along."})
    assert snapshot.routes["chat"].version("v2").prompt == "Along."
    with pytest.raises(ConfigError, match="did not come along"):
        load(text, providers=PROVIDERS, generation=1, environ={}, prompts={})


def test_what_is_in_force_is_the_text_with_its_prompts_behind_it_and_still_toml(judged, tmp_path) -> None:
    assert judged('prompt = "x"').whole == judged('prompt = "x"').text
    (tmp_path / "a.txt").write_text('Say "no".\n\n\x7f\tEnd \\u0041.')
    examined = judged('prompt_file = "a.txt"')
    text, carried = prompts.parted(examined.whole)
    assert (text, carried) == (examined.text, {"a.txt": 'Say "no".\n\n\x7f\tEnd \\u0041.'})
    assert load(examined.whole, providers=PROVIDERS, generation=1, environ={}, prompts=carried) is not None
    assert examined.whole.startswith(examined.text)
    assert '\n#| Say "no".\n' in examined.whole


lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
marks = st.sampled_from(
    ["", "a = 1", prompts.whole("", {"b.txt": "x"}), "#: the texts of prompt files, as they were read"]
)


@given(
    st.lists(marks | lines, max_size=4).map("\n".join), st.dictionaries(lines, st.lists(lines | marks).map("\n".join))
)
def test_texts_and_prompts_come_apart_as_they_were_put_together(text, carried) -> None:
    assert prompts.parted(prompts.whole(text, carried)) == (text, carried)


def test_what_is_kept_for_a_start_has_room_for_all_of_them(tmp_path) -> None:
    text = prompts.whole("a = 1", {f"{n}.txt": "\x01" * prompts.MAX_BYTES for n in range(16)})
    lastgood.save(tmp_path, text, 3)
    assert lastgood.load(tmp_path) == lastgood.LastGood(text, 3)
