"""Turns `env:NAME`, `file:PATH` and literals into secrets. No error quotes a secret, nor what might be one."""

from collections.abc import Mapping
from pathlib import Path as File
from re import compile as regex
from typing import Final

from pydantic import SecretStr

from llmgateway.config.problems import Fault, Path, quoted
from llmgateway.config.snapshot import Secret

_MAX_BYTES: Final = 64 * 1024
_VARIABLE: Final = regex(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_SHELL_STYLE: Final = regex(r"\$(?:\{[^}]*\}|[A-Za-z_]\w*)|%[A-Za-z_]\w*%|(?i:env|file):.*")
_SENDABLE: Final = regex(r"[\t -~]{1,8192}")


class SecretResolver:
    """Resolves one configuration's secrets; keeps what was wrong (`faults`) and what was written out (`literals`).

    With `environ` None nothing is looked up: a reference stands for itself, fit for describing, not for serving.
    """

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._environ = environ
        self.faults: list[Fault] = []
        self.literals: list[Path] = []

    def resolve(self, written: SecretStr, path: Path, *, is_public: bool = False) -> Secret:
        """The secret that `written` stands for; after a fault, an empty one. `is_public`: a literal is no risk."""
        text = written.get_secret_value()
        kind, _, rest = text.partition(":")
        try:
            if kind == "env":
                return Secret(_sendable(self._variable(rest)))
            if kind == "file":
                return Secret(_sendable(self._content(rest)))
            if not is_public:
                self.literals.append(path)
            return Secret(_literal(text))
        except ValueError as error:
            self.faults.append((path, str(error)))
            return Secret("")

    def _variable(self, name: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise ValueError('must name a variable after "env:", like "env:OPENAI_API_KEY"')
        if self._environ is None:
            return f"env:{name}"
        value = self._environ.get(name)
        if value is None:
            raise ValueError(f"the environment variable {name} is not set")
        if not value.strip():
            raise ValueError(f"the environment variable {name} is set, but empty")
        return value.strip()

    def _content(self, name: str) -> str:
        if not name or "\0" in name:
            raise ValueError('must name a file after "file:", like "file:/run/secrets/openai"')
        return f"file:{name}" if self._environ is None else read_secret(File(name))


def read_secret(path: File) -> str:
    """Read a secret's file without the white space around it; ValueError says why that failed."""
    shown = quoted(str(path))
    try:
        if not path.is_file():  # a pipe or device would make the start hang
            raise ValueError(f"{shown} is not there, or is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{shown} cannot be read: {error.strerror or type(error).__name__}") from None
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{shown} is larger than {_MAX_BYTES // 1024} KiB: not a secret")
    if not content.strip():
        raise ValueError(f"{shown} is empty")
    return content.decode("ascii", errors="replace").strip()


def _literal(text: str) -> str:
    if _SHELL_STYLE.fullmatch(text):
        raise ValueError('is not looked up when written like this; write "env:NAME" or "file:PATH"')
    return _sendable(text)


def _sendable(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    if not _SENDABLE.fullmatch(value):
        raise ValueError(
            "holds a line break, a control character or one beyond ASCII, or is longer than 8192: not a secret to send"
        )
    return value
