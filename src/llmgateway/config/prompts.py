"""The texts that versions put in front of what callers say to a model: written out, or in files of their own.

A file is read when the configuration is, and its text is in force until the next time: what goes to workers, what is
kept for a start and what the history keeps is the configuration's text with those of its prompts behind it, as comments
(`whole`). Only text files in or below the configuration's folder are read, as whoever may change the configuration from
afar would see what is in them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path as File
from pathlib import PurePosixPath
from re import compile as regex
from typing import TYPE_CHECKING, Final

from llmgateway.config import source
from llmgateway.config.problems import ConfigError, Fault, Path, quoted

if TYPE_CHECKING:
    from llmgateway.config.schema import Config, VersionTable
    from llmgateway.config.snapshot import Snapshot

MAX_BYTES: Final = 64 * 1024  # of one text
MAX_TOTAL_BYTES: Final = 1024 * 1024  # of all files together: they go to every worker
SUFFIXES: Final = (".txt", ".md")
_MARK: Final = "#: the texts of prompt files, as they were read"
_NAME: Final = "#: "
_LINE: Final = "#| "
_ESCAPED: Final = regex(r"[\x00-\x08\x0a-\x1f\x7f\\]")
_UNICODE: Final = regex(r"\\u([0-9a-f]{4})")
# Members that say the same at a backend: which of the two should be in front, nobody could tell.
_SAME: Final = ("system", "instructions")


def file_name(name: str) -> str:
    """Check how a prompt's file is written; ValueError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must lie in or below this file's folder, and be written relative to it")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"must end in {' or '.join(SUFFIXES)}: what other files hold may be no prompt, but secrets")
    return name


def text(prompt: str) -> str:
    """Check a prompt; ValueError. Line breaks at its end are the editor's."""
    if len(prompt.encode()) > MAX_BYTES:
        raise ValueError(f"is longer than {MAX_BYTES // 1024} KiB")
    if "\0" in prompt:
        raise ValueError("holds a NUL, which many backends take for the end")
    if not prompt.strip():
        raise ValueError("is empty; leave the setting out where there is nothing to say")
    return prompt.rstrip("\r\n")


class PromptFiles:
    """Reads the files that one configuration names, each once.

    `known` has the texts of a configuration that was read before, by the name as it is written: then no file is read.
    """

    def __init__(self, folder: File, known: Mapping[str, str] | None) -> None:
        self._folder = folder
        self._known = known
        self.texts: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    def faults(self, config: "Config") -> Iterator[Fault]:
        """Read them; what is wrong with them, or with a version that names one."""
        for path, version in _versions(config):
            yield from _twofold(path, version)
            if version.prompt_file is not None and (reason := self._read(version.prompt_file)):
                yield (*path, "prompt_file"), reason

    def _read(self, name: str) -> str:
        """The reason why a file can't be used, or nothing."""
        if name not in self.texts and name not in self._refused:
            try:
                self.texts[name] = self._room_for(text(self._content(name)))
            except ValueError as error:
                self._refused[name] = f"{quoted(name)} {error}"
        return self._refused.get(name, "")

    def _room_for(self, prompt: str) -> str:
        if sum(len(each.encode()) for each in (*self.texts.values(), prompt)) > MAX_TOTAL_BYTES:
            raise ValueError(f"is one too many: all prompts' files hold more than {MAX_TOTAL_BYTES // 1024} KiB")
        return prompt

    def _content(self, name: str) -> str:
        if self._known is not None:
            if name not in self._known:
                raise ValueError("did not come along with the configuration")
            return self._known[name]
        try:
            return source.read_text(self._folder / name, limit=MAX_BYTES)
        except ConfigError as error:
            (problem,) = error.problems
            if problem.reason.startswith("is larger"):
                raise ValueError(f"is longer than {MAX_BYTES // 1024} KiB") from None
            raise ValueError(f"{problem.reason}{f' (line {problem.line})' if problem.line else ''}") from None


def of_snapshot(snapshot: "Snapshot") -> dict[str, str]:
    """The texts that came from files, by the name as it is written."""
    return {
        version.prompt_file: version.prompt or ""
        for route in snapshot.routes.values()
        for version in route.versions
        if version.prompt_file is not None
    }


def whole(text: str, prompts: Mapping[str, str]) -> str:
    """A configuration's text with those of its prompts' files behind it; the text itself where there are none."""
    if not prompts and _MARK not in text:
        return text
    lines = [_MARK]
    for name, prompt in sorted(prompts.items()):
        lines.append(_NAME + _escaped(name))
        lines += (_LINE + _escaped(line) for line in prompt.split("\n"))
    return f"{text}\n" + "\n".join(lines) + "\n"


def parted(whole: str) -> tuple[str, dict[str, str]]:
    """The text, and the prompts by file; the other way round from `whole`."""
    text, mark, behind = whole.rpartition(f"\n{_MARK}\n")
    if not mark:
        return whole, {}
    prompts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in behind.removesuffix("\n").split("\n") if behind else ():
        if line.startswith(_NAME):
            lines = prompts[_read(line.removeprefix(_NAME))] = []
        elif line.startswith(_LINE):
            lines.append(_read(line.removeprefix(_LINE)))
        else:
            return whole, {}  # no trailer of ours, but something that looks like one
    return text, {name: "\n".join(lines) for name, lines in prompts.items()}


def _escaped(line: str) -> str:
    """As a comment may hold it: TOML allows no control characters there."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _read(line: str) -> str:
    return _UNICODE.sub(lambda found: chr(int(found[1], 16)), line)


def _versions(config: "Config") -> Iterator[tuple[Path, "VersionTable"]]:
    for name, route in config.routes.items():
        for each, version in route.versions.items():
            if version.prompt is not None or version.prompt_file is not None:
                yield ("routes", name, "versions", each), version


def _twofold(path: Path, version: "VersionTable") -> Iterator[Fault]:
    """Two texts where only one can be in front."""
    if version.prompt is not None and version.prompt_file is not None:
        yield (*path, "prompt_file"), "prompt is there too: write one of the two"
    for name in _SAME:
        if name in version.params:
            yield (*path, "params", name), "prompt is there too: write one of the two"
