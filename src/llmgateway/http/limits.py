"""What one worker grants its callers, in numbers. Built from the configuration; read on every request."""

from dataclasses import dataclass
from typing import Final, Self

from llmgateway.config.snapshot import Server

READ_AHEAD_BYTES: Final = 64 * 1024  # of a body nobody has asked for yet
_BYTES_A_PIPELINED_REQUEST: Final = 4 * 1024
_DEFAULT: Final = Server()


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. `max_pipelined` requests of ordinary size wait unparsed, then reading stops."""

    max_header_bytes: int = _DEFAULT.max_header_bytes
    max_header_line_bytes: int = _DEFAULT.max_header_line_bytes
    max_headers: int = _DEFAULT.max_headers
    max_target_bytes: int = _DEFAULT.max_target_bytes
    max_pipelined: int = _DEFAULT.max_pipelined
    max_connections: int = _DEFAULT.max_connections
    max_connections_per_peer: int = _DEFAULT.max_connections_per_peer
    header_timeout_s: float = _DEFAULT.header_timeout_s
    body_grace_s: float = _DEFAULT.body_grace_s
    body_min_rate: int = _DEFAULT.body_min_rate
    keepalive_s: float = _DEFAULT.keepalive_s
    write_stall_s: float = _DEFAULT.write_stall_s
    linger_s: float = 2.0  # how long an answered caller may go on sending before the socket is closed on it
    linger_bytes: int = 1024 * 1024

    @property
    def backlog_bytes(self) -> int:
        """How much may lie unparsed behind the request that is being answered."""
        return max(1, self.max_pipelined) * _BYTES_A_PIPELINED_REQUEST

    @classmethod
    def of(cls, server: Server) -> Self:
        """Take over the listener's section of the configuration."""
        return cls(
            max_header_bytes=server.max_header_bytes,
            max_header_line_bytes=server.max_header_line_bytes,
            max_headers=server.max_headers,
            max_target_bytes=server.max_target_bytes,
            max_pipelined=server.max_pipelined,
            max_connections=server.max_connections,
            max_connections_per_peer=server.max_connections_per_peer,
            header_timeout_s=server.header_timeout_s,
            body_grace_s=server.body_grace_s,
            body_min_rate=server.body_min_rate,
            keepalive_s=server.keepalive_s,
            write_stall_s=server.write_stall_s,
        )
