"""Who is at a browser: a signed cookie that says a name, and until when. It is good as long as the admin token is the
one that it was given for.

Forms carry a second signature: a page of somebody else's can send a browser's cookie along, but can't know that.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from llmgateway.domain.review import MAX_WHO

COOKIE: Final = "llmgateway_review"
LIFETIME_S: Final = 12 * 3_600.0
MAX_COOKIE: Final = 1_000
_SIGNED: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has come in. `form`: what their forms have to carry."""

    who: str
    form: str


class Sessions:
    """Makes and reads cookies with the data folder's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, who: str, now: float, token: bytes | None) -> str:
        """A cookie for somebody who has shown the admin token whose digest is `token`; None: nobody needs one."""
        words = f"{int(now + LIFETIME_S)}:{who[:MAX_WHO]}".encode()
        return urlsafe_b64encode(self._sign(b"session", words, token) + words).decode()

    def read(self, cookie: str | None, now: float, token: bytes | None) -> Session | None:
        """Who a cookie is of; None where it is forged, too old, or of another token."""
        if not cookie or len(cookie) > MAX_COOKIE:
            return None
        try:
            content = urlsafe_b64decode(cookie.encode("ascii", "strict"))
        except ValueError:
            return None
        signature, words = content[:_SIGNED], content[_SIGNED:]
        if not hmac.compare_digest(signature, self._sign(b"session", words, token)):
            return None
        until, _, who = words.decode("utf-8", "replace").partition(":")
        return Session(who, self._sign(b"form", words, token).hex()) if float(until) > now else None

    def _sign(self, purpose: bytes, words: bytes, token: bytes | None) -> bytes:
        key = hmac.digest(self._secret, b"review page\0" + purpose + b"\0" + (token or b""), hashlib.sha256)
        return hmac.digest(key, words, hashlib.sha256)
