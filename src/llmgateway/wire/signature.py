"""How the gateway signs what it asks an operator's own service, so that the service can tell that nobody else asks.

    x-llmgateway-timestamp: 1790000000
    x-llmgateway-signature: v1=<HMAC-SHA256 of "1790000000.<body>" with the shared secret, in hex>

The time is signed too, so that what was overheard can't be sent again an hour later.
"""

import hmac
from typing import Final

TIMESTAMP: Final = "x-llmgateway-timestamp"
SIGNATURE: Final = "x-llmgateway-signature"


def signed(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Give the headers of a signed request. `secret`: the backend's api_key; `timestamp`: in Unix seconds."""
    return {TIMESTAMP: str(timestamp), SIGNATURE: signature(secret, timestamp, body)}


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a body, as the signature's header has it."""
    return f"v1={hmac.digest(secret.encode(), b'%d.%b' % (timestamp, body), 'sha256').hex()}"
