"""Upstream TLS: certificate and host name are always verified, plain text is never a fallback."""

import ssl
from typing import Final

from llmgateway.domain.errors import GatewayError

_ALPN: Final = ["http/1.1"]


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Build a verifying context: the system's roots, or those of `ca_file` alone.

    Reads files, so call it off the event loop. Raises GatewayError `upstream_tls` if `ca_file` is of no use.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    except (OSError, ValueError) as error:
        raise GatewayError("upstream_tls", "The backend's ca_file can't be read.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_ALPN)
    return context


def tls_fault(error: BaseException) -> GatewayError:
    """Name what went wrong in a handshake, without the peer's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return GatewayError("upstream_tls", f"The backend's certificate was refused: {error.verify_message}")
    return GatewayError("upstream_tls")
