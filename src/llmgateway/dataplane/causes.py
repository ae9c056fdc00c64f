"""What an operator reads of an attempt that failed where the backend itself said nothing: `detail` of the attempt.

Callers are told the code's sentence alone: addresses and names of what stands behind the gateway are none of theirs.
"""

import os
import ssl

from llmgateway.dataplane.reply import Reply
from llmgateway.domain.errors import GatewayError


def of_dialling(error: GatewayError) -> str | None:
    """Why there is no connection, like `Connection refused`; None where nobody knows more than the code says."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "").replace("_", " ").lower() or None
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return os.strerror(cause.errno) if cause.errno is not None and cause.errno > 0 else str(cause) or None
    return error.message if error.message != error.kind.message else None


def of_reply(reply: Reply, error: GatewayError) -> str | None:
    """What is wrong with a reply: the backend's own words, else which form it has where that is no form of its API."""
    if reply.complaint:
        return reply.complaint
    if error.code != "upstream_truncated" or not reply.size:
        return None
    media = (reply.header(b"content-type") or b"no content type").decode("latin-1")
    return f"{media[:100]}, {reply.size} bytes: not the whole JSON that the API gives"
