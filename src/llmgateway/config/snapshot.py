"""The configuration in force, frozen and numbered. An exchange keeps the snapshot it began with.

Plain values only: built once by the loader, read by every request, changed by nobody.
Durations are seconds, sizes bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from llmgateway.config.drift import Drift
from llmgateway.config.evaluating import Evaluator
from llmgateway.config.golden import Golden
from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.review import Review
from llmgateway.config.rollouts import RolloutPolicy
from llmgateway.config.rules import FaultKind, Rule
from llmgateway.config.secret import Secret as Secret  # noqa: PLC0414 - for those who import it from here
from llmgateway.config.webhooks import Webhook


class Durability(StrEnum):
    PROCESS = "process"  # survives kill -9
    DISK = "disk"  # survives power loss


class Bodies(StrEnum):
    REDACTED = "redacted"  # as it passed, without what the redactors of stored bodies find in it
    FULL = "full"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: a host and port, or a Unix socket's path."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it. A name other than localhost may lead anywhere: no."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class Tls:
    """A listener's certificate chain and key, as paths."""

    cert: str
    key: str


@dataclass(frozen=True, slots=True)
class Cors:
    """Which browser origins may call; empty means the feature is off."""

    origins: tuple[str, ...] = ()
    max_age_s: int = 600


@dataclass(frozen=True, slots=True)
class Overload:
    """When the gateway stops taking new work, so that what runs can end well."""

    memory_bytes: int | None = None  # all processes together; None: the control group's limit, else the machine's
    max_body_bytes: int = 256 * 1024 * 1024  # a worker: request bodies held at once
    loop_lag_s: float = 0.25  # the event loop's lag above which low-priority work is shed


@dataclass(frozen=True, slots=True)
class Server:
    """The data plane's listener and its limits."""

    listen: Address = Address("127.0.0.1", 8080)
    workers: int = 0  # 0: one a core
    tls: Tls | None = None
    cors: Cors = Cors()
    max_body_bytes: int = 32 * 1024 * 1024
    max_upload_bytes: int = 512 * 1024 * 1024
    max_header_bytes: int = 32 * 1024
    max_header_line_bytes: int = 8 * 1024
    max_headers: int = 100
    max_target_bytes: int = 8 * 1024
    max_json_depth: int = 200
    max_json_tokens: int = 200_000
    max_pipelined: int = 16
    max_connections: int = 10_000  # a worker
    max_connections_per_peer: int = 1_000  # a worker; the oldest idle one gives way
    max_tunnels: int = 1_000  # a worker
    max_tunnel_message_bytes: int = 32 * 1024 * 1024
    header_timeout_s: float = 10.0
    body_grace_s: float = 30.0
    body_min_rate: int = 1024  # bytes a second, once the grace is over
    keepalive_s: float = 75.0
    write_stall_s: float = 60.0
    tunnel_idle_s: float = 300.0
    tunnel_total_s: float = 7_200.0
    drain_s: float = 600.0
    pre_stop_s: float = 0.0  # keep listening for this long after readiness went off
    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For is believed
    overload: Overload = Overload()


@dataclass(frozen=True, slots=True)
class Admin:
    listen: Address = Address("127.0.0.1", 8081)
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """The one folder everything lives in, and how long."""

    dir: str = "./data"
    keep_exchanges_s: float | None = None  # None: for ever
    keep_bodies_s: float | None = 30 * 86_400.0
    max_store_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    durability: Durability = Durability.PROCESS
    bodies: Bodies = Bodies.REDACTED
    raw_events: bool = False
    serve_unlogged: bool = False
    segment_bytes: int = 64 * 1024 * 1024
    reserve_bytes: int = 16 * 1024 * 1024
    max_bytes: int | None = None  # None: the disk is the limit
    max_record_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scores:
    """What users may say of answers, and how that is taken in. The bounds are a worker's."""

    window_s: float = 7 * 86_400.0  # how long a score waits for its exchange
    rate: float = 100.0  # a second, of one key
    burst: int = 1_000  # of one key at once
    token_secret: Secret | None = None  # signs browsers' tokens; None: the one in the data folder


class ProbeKind(StrEnum):
    """How control asks a backend by itself whether it is well."""

    NONE = "none"
    MODELS = "models"  # GET /v1/models
    HEALTH = "health"  # GET /health beside base_url
    CHAT = "chat"  # one token of a model


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a backend is taken out, for how long, and how it is asked whether it is well again."""

    consecutive: int = 5  # faults in a row
    error_share: float = 0.3  # of at least `min_attempts` attempts within `window_s`
    min_attempts: int = 20
    window_s: float = 10.0
    slow: float = 5.0  # times the median first-token time of its peers; 0: off
    eject_s: float = 5.0  # the first time; doubles each time
    eject_max_s: float = 10.0  # who is well again is back by then; what it costs meanwhile is one attempt each time
    probe: ProbeKind = ProbeKind.NONE
    probe_model: str | None = None
    probe_interval_s: float = 10.0
    probe_timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Backend:
    """One endpoint with its credential."""

    name: str
    provider: str
    base_url: str
    api_key: Secret | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # lower-cased; a value may be a credential
    proxy: str | None = None  # http://host:port, spoken to with CONNECT
    ca_file: str | None = None
    connect_timeout_s: float = 3.0
    first_byte_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    total_timeout_s: float = 600.0
    keepalive_s: float = 3.5  # below the 5 s at which common servers close
    max_connections: int = 1_000
    weight: float = 1.0  # for balance = "weighted"
    max_concurrent: int | None = None  # exchanges at once, over all workers; None: no limit
    queue: int = 128  # how many may wait for a place, over all workers
    queue_wait_s: float = 5.0
    is_drained: bool = False  # takes no new exchanges
    health: HealthRules = HealthRules()

    def is_same_endpoint(self, other: "Backend") -> bool:
        """Tell whether both are reached alike, so that connections and what is known of its health stay good."""
        return _endpoint(self) == _endpoint(other)

    @property
    def url(self) -> SplitResult:
        return urlsplit(self.base_url)


_NOBODY = Backend("", "", "")
_OF_TRAFFIC: Final = ("weight", "max_concurrent", "queue", "queue_wait_s", "is_drained", "health")


def _endpoint(backend: Backend) -> Backend:
    """The backend without what only says how much traffic it gets."""
    return replace(backend, **{name: getattr(_NOBODY, name) for name in _OF_TRAFFIC})


class StickyBy(StrEnum):
    NONE = "none"
    USER = "user"
    SESSION = "session"
    KEY = "key"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Sticky:
    """What keeps a caller on one version. Written `user`, `session`, `key`, `none` or `header:x-team`."""

    by: StickyBy = StickyBy.NONE
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable way to answer a route. `id` is the first 12 hex digits of its content's SHA-256."""

    name: str
    id: str
    backends: tuple[Backend, ...]
    model: str | None = None  # None: the caller's own name goes through
    params: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0
    prompt: str | None = None  # in front of what callers say as system
    prompt_file: str | None = None  # where it was read, as the file writes it; no part of the content


class Balance(StrEnum):
    """How a version's backends share its attempts."""

    LEAST_BUSY = "least_busy"  # the better of two drawn ones, by exchanges under way and first-token time
    WEIGHTED = "weighted"
    ORDERED = "ordered"  # the first that is in
    PREFIX = "prefix"  # the same beginning goes to the same backend, for its cache


class Priority(StrEnum):
    """Whose exchanges wait less where there is a queue, and whose are refused last under overload."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Retries:
    """How failed attempts are followed up. `budget`: attempts a request, on average over ten seconds."""

    max_attempts: int = 3
    budget: float = 1.2
    base_s: float = 0.1
    max_wait_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Shadow:
    """Which exchanges of a route are copied to another version. The bounds are a worker's."""

    version: Version
    share: float = 0.1
    max_concurrent: int = 16
    max_per_minute: int = 600


@dataclass(frozen=True, slots=True)
class Hedge:
    """When a second attempt starts beside a first that is slow: after a time, or a percentile of those measured."""

    percentile: float = 95.0
    after_s: float | None = None  # instead of the percentile
    min_wait_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Route:
    name: str  # as callers write it; may hold `*`
    versions: tuple[Version, ...]
    fallback: tuple[Version, ...] = ()
    sticky: Sticky = Sticky()
    salt: str = ""
    bodies: Bodies = Bodies.REDACTED
    raw_events: bool = False
    retries: Retries = Retries()
    rules: tuple[Rule, ...] = ()  # in order: the first that fits decides, none leaves it to the weights
    on_failure: frozenset[FaultKind] = frozenset(FaultKind)  # what leads to retries and fallbacks
    shadow: Shadow | None = None
    balance: Balance = Balance.LEAST_BUSY
    hedge: Hedge | None = None
    guardrails: tuple[Guardrail, ...] = ()  # in order, the baseline first
    rollout: RolloutPolicy | None = None
    golden: Golden | None = None
    is_parallel: bool = False  # the backend is asked while guardrails that take their time look at the request

    def version(self, name: str) -> Version:
        """The version of that name; KeyError if there is none."""
        for version in self.versions:
            if version.name == name:
                return version
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's credential, known by its hash alone."""

    name: str
    digest: bytes  # SHA-256 of the key, 32 bytes
    routes: tuple[str, ...] = ("*",)  # patterns of route names
    default_route: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    expires_at: float | None = None  # Unix time
    is_enabled: bool = True
    may_pin: bool = False  # may name the version it wants
    priority: Priority = Priority.NORMAL
    operations: tuple[str, ...] | None = None  # patterns of operation names; None: every one


# A gateway on loopback without keys: everyone is let in, and may do everything.
ANONYMOUS: Final = Key(name="anonymous", digest=b"", may_pin=True)


@dataclass(frozen=True, slots=True)
class Price:
    """Configured price of a model, in US dollars for a million tokens."""

    model: str
    input: float
    output: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    generation: int
    server: Server = Server()
    admin: Admin = Admin()
    data: Data = Data()
    journal: Journal = Journal()
    scores: Scores = Scores()
    review: Review = field(default_factory=Review)
    drift: Drift = field(default_factory=Drift)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    keys: Mapping[bytes, Key] = field(default_factory=dict)  # by digest; empty: callers need no key (loopback only)
    prices: Mapping[str, Price] = field(default_factory=dict)
    webhooks: tuple[Webhook, ...] = ()
    evaluators: Mapping[str, Evaluator] = field(default_factory=dict)
    guarding: Guarding = Guarding()  # noqa: RUF009 - it is frozen
    digest: str = field(default="", compare=False)  # SHA-256 of the file's text, hexadecimal

    def means_the_same_as(self, other: "Snapshot") -> bool:
        """Tell whether a reload from `other` to this would change nothing but the generation. Secrets count."""
        return replace(self, generation=other.generation) == other
