"""Passwords that a shell hands to a program: `echo X | docker login --password-stdin`, `echo user:X | chpasswd`.

A stream learns only behind the value who takes it: so what is echoed waits until the program's name is there.
"""

from typing import Final

from llmgateway.guardrails.secrets.context import PASSWORD
from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.guardrails.secrets.strength import is_password
from llmgateway.wire.expression import begun
from llmgateway.wire.view import SEPARATOR, View

_GATES: Final = ("echo ", "printf ")
_ECHO_GATE, _PRINTF_GATE = (gate.encode() for gate in _GATES)
_PROGRAMS: Final = (
    "docker login", "podman login", "nerdctl login", "buildah login", "skopeo login", "helm registry login",
    "oras login", "crane auth login", "gh auth login", "passwd ", "chpasswd", "smbpasswd", "sudo -S", "su ",
    "kinit ", "cryptsetup ", "vault login", "htpasswd ", "keytool ", "wpa_passphrase ", "vncpasswd",
)  # fmt: skip
_NAMES: Final = tuple(form for each in _PROGRAMS for form in (each, "sudo " + each))
_ECHO: Final = rb"(?:echo|printf) (?:-[neE]{1,3} )?(?:[\"']%s(?:\\n)?[\"'] )?[\"']?"
_VALUE: Final = rb"((?:[A-Za-z0-9._-]{1,32}:)?)([\x1a!#-&(->@-\[\]-{}~]{5,64})(?:\\n?)?[\"']?"
_PIPE: Final = rb" {0,2}\| {0,2}"
_PIPED: Final = compiled(_ECHO + _VALUE + _PIPE + rb"(?:" + b"|".join(each.encode() for each in _NAMES) + rb")")
_OPEN: Final = compiled(_ECHO + _VALUE + rb"(?: {0,2}|" + _PIPE + rb"(?:" + begun(_NAMES).encode() + rb")?)\z")
_BACK: Final = 176  # characters of the longest command up to the program's name


def opening(view: View) -> int:
    """Where a value begins that may be handed to a program; the text's end if none is."""
    octets = view.octets
    size = len(octets)
    low = max(0, size - _BACK)
    at = max(octets.rfind(_ECHO_GATE, low), octets.rfind(_PRINTF_GATE, low))
    if at < 0 or octets.find(b"\n", at) >= 0 or octets.find(SEPARATOR.encode(), at) >= 0:
        return size
    found = _OPEN.match(Scan(view).octets, at)
    return found.start(1) if found else size


def detect(scan: Scan, at: int) -> Candidate | None:
    """The password that the command at `at` hands on."""
    found = _PIPED.match(scan.octets, at) if scan.begins(at) else None
    if found is None:
        return None
    start, end = found.span(2)
    if not found.group(1) or not is_password(scan.octets[start:end]):
        start = found.start(1)
    return Candidate(start, 4, end, PASSWORD, 0.9) if is_password(scan.octets[start:end]) else None


DETECTORS: Final = tuple((gate, detect) for gate in _GATES)
