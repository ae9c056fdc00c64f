"""What the worker answers by itself: health, the list of models, users' feedback, browsers' preflights, and paths that
lead nowhere.
"""

import re
from typing import Final

from llmgateway.dataplane.answers import JSON_TYPE, own_head, preflight_head
from llmgateway.dataplane.call import Call, Gateway
from llmgateway.dataplane.feedback import PATH as FEEDBACK
from llmgateway.dataplane.feedback import feedback
from llmgateway.dataplane.phases import authenticate
from llmgateway.dataplane.readiness import unready
from llmgateway.domain.errors import GatewayError
from llmgateway.http.incoming import Incoming

METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PATCH", "PUT"})
MODELS: Final = "/v1/models"
_PROBES: Final = frozenset({"/livez", "/readyz"})
_READS: Final = frozenset({"GET", "HEAD"})

# One spelling of every path: no empty, dot or parameter segments, nothing percent-encoded that could hide one (row C6).
# Ids of files and models may hold anything else that RFC 3986 lets a segment hold.
_CANONICAL: Final = re.compile(r"/v1(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+,=:@%]+)++")
# Nor may letters, digits and -._~ be encoded (RFC 3986, section 6.2.2.2): a backend would decode what we did not know.
_HIDDEN: Final = re.compile(r"%(?:00|2[5d-fD-F]|3[\dbBfF]|4[1-9a-fA-F]|5[\dacfACF]|6[1-9a-fA-F]|7[\daeAE])")
_BASE: Final = (
    "There is no such endpoint: all are below /v1, once. The base URL of OpenAI's SDKs ends with /v1, that of "
    "Anthropic's does not; metrics and the admin API are on the admin listener."
)


def check_path(path: str) -> None:
    """GatewayError not_found for whatever is not one of the API's paths in its one spelling."""
    if not path.startswith("/v1/") or path.startswith("/v1/v1/"):
        raise GatewayError("not_found", _BASE)
    if _CANONICAL.fullmatch(path) is None or _HIDDEN.search(path) is not None:
        raise GatewayError("not_found")


def check_method(method: str) -> None:
    if method not in METHODS:
        raise GatewayError("method_not_allowed")


def probe(gateway: Gateway, incoming: Incoming) -> bool:
    """Answer /livez and /readyz; False if the request asks for something else."""
    if incoming.path not in _PROBES or incoming.method not in _READS:
        return False
    reason = unready(gateway) if incoming.path == "/readyz" else None
    body = f"{reason or 'ok'}\n".encode()
    incoming.respond(200 if reason is None else 503, b"content-type: text/plain\r\n", body)
    return True


def preflight(gateway: Gateway, incoming: Incoming) -> bool:
    """Answer a browser's OPTIONS if CORS is on; False otherwise."""
    if incoming.method != "OPTIONS":
        return False
    head = preflight_head(gateway.in_force.snapshot.server.cors, incoming.header(b"origin"))
    if not head:
        return False
    incoming.respond(204, head, b"")
    return True


def is_models(method: str, path: str) -> bool:
    """Whether a request asks which models there are."""
    return method in _READS and (path == MODELS or path.startswith(MODELS + "/"))


def is_local(method: str, path: str) -> bool:
    """Whether a request is for nobody but the gateway."""
    return path == FEEDBACK or is_models(method, path)


async def answer(call: Call) -> None:
    """Answer such a request; GatewayError where it is refused."""
    if call.incoming.path == FEEDBACK:
        await feedback(call)
    else:
        models(call)


def models(call: Call) -> None:
    """List the routes the key may use, or show one of them."""
    key = authenticate(call)
    table = call.in_force.table
    created = int(call.exchange.received_at)
    name = call.incoming.path[len(MODELS) + 1 :]
    if name:
        table.resolve(name, key)
        body = call.dialect.model_body(name, created)
    else:
        body = call.dialect.models_body(table.visible(key), created)
    call.incoming.respond(200, own_head(call) + JSON_TYPE, body)
