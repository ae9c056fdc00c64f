"""What README and docs mention exists: links, headings, make targets, commands, options, settings, metrics."""

import re
import shlex
from pathlib import Path

import pytest

from llmgateway.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("bench/*.md")),
]
AWAITED = {"bench/RESULTS.md"}  # written by `make bench ARGS=--write`
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
SPANS = re.compile(r"^```\w*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)


def text_of(name):
    return (ROOT / name).read_text()


def anchors(text):
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(name):
    """Lines of code on a page, comments and prompts off; long lines joined."""
    for block, span in SPANS.findall(text_of(name)):
        for line in (block or span).replace("\\\n", " ").splitlines():
            yield re.sub(r"\s#\s.*", "", line.strip().removeprefix("$ "))


def commands(name):
    """Every `llmgateway …` on a page, as words."""
    for line in code(name):
        for part in re.split(r"\s&&\s|\s\|\s|=(?=/)", line):
            try:
                words = shlex.split(part)
            except ValueError:
                continue
            if words and Path(words[0]).name == "llmgateway" and len(words) > 1 and not words[1].startswith(("#", "…")):
                yield words[1:]


def command_of(words):
    """The click command that the words lead to, and the words behind it."""
    name, *words = words
    assert name in main.COMMANDS, name
    found = main.load(name)
    while words and (inner := getattr(found, "commands", None)):
        name, *words = words
        assert name in inner, name
        found = inner[name]
    return found, words


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    for link in LINK.findall(text_of(name)):
        path, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if str(target.relative_to(ROOT)) in AWAITED:
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name):
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = {line.split()[1] for line in code(name) if re.fullmatch(r"make [a-z]+( .*)?", line)}
    assert named <= targets


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options_exist(name):
    for words in commands(name):
        assert unknown_options(words) == set(), words


def unknown_options(words):
    command, rest = command_of(words)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {word.partition("=")[0] for word in rest if word.startswith("-")} - known - {"--help", "-h"}


def test_the_commands_are_really_looked_at():
    assert ["logs", "show", "last"] in list(commands("README.md"))
    assert ["check", "config.toml"] in list(commands("README.md"))
    assert len(list(commands("docs/OPERATIONS.md"))) > 10
    with pytest.raises(AssertionError):
        command_of(["logs", "nothing"])
    assert unknown_options(["logs", "tail", "--nothing=3", "-c", "x"]) == {"--nothing"}


def test_options_named_by_themselves_exist_too():
    every = set()
    for name in main.COMMANDS:
        command, _ = command_of([name])
        for each in (command, *getattr(command, "commands", {}).values()):
            every |= {option for parameter in each.params for option in parameter.opts}
    for page in ("README.md", "docs/OPERATIONS.md", "docs/CONFIGURATION.md", "CHANGELOG.md"):
        alone = {line for line in code(page) if re.fullmatch(r"--[a-z][a-z-]*", line)}
        assert alone <= every, page


def test_every_command_is_in_the_readme_or_the_operators_page():
    pages = text_of("README.md") + text_of("docs/OPERATIONS.md")
    assert [name for name in main.COMMANDS if f"llmgateway {name}" not in pages and f"make {name}" not in pages] == []


def test_metrics_and_settings_that_operators_are_told_of_exist():
    metrics = set(re.findall(r"^### `(\w+)`", text_of("docs/METRICS.md"), re.MULTILINE))
    assert set(re.findall(r"`(llmgateway_[a-z_]+)`", text_of("docs/OPERATIONS.md"))) <= metrics
    settings = text_of("docs/CONFIGURATION.md")
    for table in set(re.findall(r"`\[([a-z.]+)[\].]", text_of("docs/OPERATIONS.md"))):
        assert f"[{table}" in settings, table


def test_the_example_beside_the_readme_is_the_one_in_the_package():
    packaged = ROOT / "src" / "llmgateway" / "config.example.toml"
    assert not packaged.is_symlink()
    assert (ROOT / "config.example.toml").resolve() == packaged.resolve()
