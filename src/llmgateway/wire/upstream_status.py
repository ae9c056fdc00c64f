"""What a backend's status means to a gateway, where providers agree: HTTP's own sense and the proxies' habits."""

from typing import Final

_CODES: Final = {
    401: "upstream_auth",
    402: "upstream_auth",  # our account, not the caller's, has to be paid
    403: "upstream_auth",
    407: "upstream_auth",
    408: "upstream_timeout",
    429: "upstream_rate_limited",
    499: "upstream_error",
    503: "upstream_overloaded",
    504: "upstream_timeout",
    508: "loop_detected",  # a gateway behind us has found a circle: nowhere else to go
    522: "upstream_timeout",  # Cloudflare's two, between it and the provider
    524: "upstream_timeout",
    529: "upstream_overloaded",  # Anthropic's own
}


def fault_code(status: int) -> str | None:
    """Give the error code for a reply's status; None where the caller should see the reply as it is.

    400, 404, 409, 413, 422 and their kin are the caller's: nothing another backend would judge otherwise.
    """
    if status in _CODES:
        return _CODES[status]
    if 200 <= status < 300 or 400 <= status < 500:
        return None
    if 300 <= status < 400:
        return "unexpected_redirect"
    return "upstream_error" if 500 <= status < 600 else "upstream_protocol"
