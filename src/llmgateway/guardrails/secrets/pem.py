"""Private keys in PEM armour: from BEGIN to END, or as far as there is base64.

The only secret with white space in it, and the only one that must be longer than what a stream holds back. Its body is
base64 in lines, so nothing inside one looks like another secret to whoever sees only a part.
"""

from typing import Final

from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.view import SEPARATOR

KIND: Final = "secret.private_key"
GATE: Final = "-----begin"
_BEGIN: Final = GATE.upper()

_SEPARATOR: Final = SEPARATOR.encode()
_GAP: Final = rb"(?:\s|\\[rn]){1,12}"
_LETTERS: Final = rb"[A-Za-z0-9+/=\x7f]"
_NAME: Final = rb"[ ](?:[A-Z0-9]{1,12}[ ]){0,3}PRIVATE[ ]KEY(?:[ ]BLOCK)?"
_HEADERS: Final = rb"(?:(?:Proc-Type|DEK-Info|Version|Comment):[ -~]{1,60}" + _GAP + rb"){0,2}"
_END: Final = rb"-{5}END[ A-Z0-9]{0,48}-{0,5}"
_CLOSED: Final = compiled(rb"-{5}END[ A-Z0-9]{0,48}-{5}")

_HEAD: Final = compiled(rb"-----BEGIN" + _NAME + rb"-{5}" + _GAP + _HEADERS + _LETTERS + rb"{16,76}")
_OPEN: Final = compiled(  # what may become a head, as far as it goes
    rb"-----BEGIN[ A-Z0-9]{0,48}(?:-{0,5}$|-{5}(?:\s|\\[rn]){0,12}(?:(?:Proc|DEK|Ver|Com)[ -~\s]{0,140})?"
    + _LETTERS
    + rb"{0,16}\\?$)"
)
# The rest of a body, whatever it was cut in. The first line may be the end of one; the last may be short, and is no
# word of what comes after a key that was whole already when it is told in pieces.
_SUM: Final = rb"=[A-Za-z0-9+/]"  # as PGP writes below the body
_SHORT: Final = rb"(?:" + _GAP + _LETTERS + rb"{0,15})?(?:" + _GAP + _SUM + rb"{4})?"
_LAST: Final = rb"(?:$|" + _SEPARATOR + rb")"  # a text's end, beside others or not
_ENDS: Final = _SHORT + rb"(?:" + _GAP + rb")?(?:" + _END + rb"|-{1,5}" + _LAST + rb"|-{5}EN?" + _LAST + rb")"
_LINE: Final = rb"(?:\r|\n|\\[rn]){1,12}"
_PIECE: Final = (
    _LINE + _LETTERS + rb"{0,15}(?:" + _LINE + rb"(?:" + _SUM + rb"{0,4}(?:" + _LINE + rb")?)?)?\\?$|"
    rb"[ ][A-Za-z]{0,14}(?:[0-9+/=]|[a-z][A-Z])" + _LETTERS + rb"{0,15}$|\\?$"
)
_LINES: Final = _LETTERS + rb"*(?:" + _GAP + _LETTERS + rb"{16,})*"
_BODY: Final = compiled(_LINES + rb"(?:" + _ENDS + rb"|" + _SHORT + rb"(?:" + _GAP + rb")?\\?" + _LAST + rb")?")
_GOING_ON: Final = compiled(_LINES + rb"(?:" + _ENDS + rb"|" + _PIECE + rb")?")
_TAIL: Final = compiled(rb"(?:-{0,5}END|-{0,5}EN?$|[A-Z]{0,12})?(?:[ ][A-Z0-9]{0,12}){0,4}(?:-{1,5}|$)|-{1,5}|[rn]")


def detect(scan: Scan, at: int) -> Candidate | None:
    """Find the private key whose armour begins here."""
    head = _HEAD.match(scan.octets, at, min(len(scan.octets), at + MAX_OPEN))
    if head is None:
        return None
    body = _BODY.match(scan.octets, head.end())
    end = body.end() if body else head.end()
    return Candidate(at, 0, end - scan.octets.endswith(_SEPARATOR, head.end(), end), KIND, 1.0)


def opened(scan: Scan) -> int:
    """Where armour begins that what follows may make a private key; -1 if nowhere."""
    at = scan.folded.rfind(_BEGIN)
    if at >= 0 and len(scan.octets) - at < MAX_OPEN and _OPEN.match(scan.octets, at):
        return at
    return -1


def is_closed(scan: Scan) -> bool:
    """Whether the private key that the text ends with is whole."""
    return bool(_CLOSED.fullmatch(scan.octets[scan.octets.rfind(b"-----END") :]))


def continues(octets: bytes) -> int:
    """How much of what follows a key's first part belongs to it."""
    return max(found.end() if found else 0 for found in (_TAIL.match(octets), _GOING_ON.match(octets)))
