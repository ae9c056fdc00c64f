"""How errors look in the two dialects."""

from typing import Any, Final

from llmgateway.modelserver.prompt import ApiError

_OPENAI: Final = {401: "authentication_error", 404: "invalid_request_error", 429: "rate_limit_error"}
_ANTHROPIC: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


def openai(error: ApiError) -> dict[str, Any]:
    """Put an error as OpenAI's API does."""
    kind = _OPENAI.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def anthropic(error: ApiError) -> dict[str, Any]:
    """Put an error as Anthropic's API does."""
    kind = _ANTHROPIC.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": None}
