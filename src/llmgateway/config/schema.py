"""The configuration file's shape: one class a TOML table, strict, unknown keys refused.

What a setting means stands in docs/CONFIGURATION.md and config.example.toml (a test compares all three).
Defaults come from `snapshot`. What needs more than one table to check is in `references` and `refusals`.
"""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, field_validator

from llmgateway.config import prompts, snapshot, values
from llmgateway.config.drift import Drift, DriftFeature, DriftSignal
from llmgateway.config.evaluators import MAX_EVALUATORS, EvaluatorTable
from llmgateway.config.golden_schema import GoldenTable
from llmgateway.config.guardrails import GuardrailsTable, Names
from llmgateway.config.review import Review
from llmgateway.config.rollout_schema import RolloutTable
from llmgateway.config.rule_schema import MAX_RULES, OnFailureTable, RuleTable
from llmgateway.config.table import STRICT, Seconds

_HOUR: Final = 3_600.0
_DAY: Final = 24 * _HOUR
_KIB: Final = 1024
_MIB: Final = 1024 * _KIB
_GIB: Final = 1024 * _MIB
_TIB: Final = 1024 * _GIB
_YEARS: Final = 36_500 * _DAY

# Parameters of a version that belong to the caller's request or to the version's own `model`.
RESERVED_PARAMS: Final = frozenset({"model", "stream", "messages"})
_MAX_PARAM_DEPTH: Final = 20
_MAX_INTEGER: Final = 2**63 - 1

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"

_SERVER: Final = snapshot.Server()
_ADMIN: Final = snapshot.Admin()
_DATA: Final = snapshot.Data()
_JOURNAL: Final = snapshot.Journal()
_SCORES: Final = snapshot.Scores()
_REVIEW: Final = Review()
_DRIFT: Final = Drift()
_BACKEND: Final = snapshot.Backend("", "", "")
_HEALTH: Final = snapshot.HealthRules()
_RETRIES: Final = snapshot.Retries()
_SHADOW: Final = snapshot.Shadow(snapshot.Version("", "", ()))
_HEDGE: Final = snapshot.Hedge()

Size = Annotated[int, BeforeValidator(values.size)]
Retention = Annotated[Annotated[float, Field(ge=1.0, le=_YEARS)] | None, BeforeValidator(values.seconds_or_forever)]
Count = Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, BeforeValidator(values.count_or_unlimited)]
Quota = Annotated[Annotated[int, Field(ge=_MIB, le=1024 * _TIB)] | None, BeforeValidator(values.size_or_unlimited)]
ListenAddress = Annotated[snapshot.Address, BeforeValidator(values.address)]
FileName = Annotated[str, Field(min_length=1, max_length=4_096, pattern=_PRINTABLE)]
Name = Annotated[str, AfterValidator(values.name)]
RouteName = Annotated[str, AfterValidator(values.route_name)]
HeaderName = Annotated[str, AfterValidator(values.header_name)]
Label = Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTABLE)]
ModelName = Annotated[str, Field(min_length=1, max_length=512, pattern=_PRINTABLE)]
BodyPolicy = Annotated[snapshot.Bodies, Field(strict=False)]


def _request_params(params: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(RESERVED_PARAMS & params.keys()):
        raise ValueError(f"must not set \"{taken[0]}\": that is the caller's, or the version's own setting")
    _check_json(params, 0)
    return params


def _check_json(value: Any, depth: int) -> None:
    if depth > _MAX_PARAM_DEPTH:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_json(item, depth + 1)
    elif isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError("must not hold inf or nan: JSON has no such numbers")
    elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise ValueError("holds a whole number that is too large")
    elif not isinstance(value, str | int | float):
        raise ValueError("must not hold dates or times: JSON has none; write them as text")


class Table(BaseModel):
    """What all tables have in common."""

    model_config = STRICT


class TlsTable(Table):
    """tls = { cert = …, key = … }"""

    cert: FileName
    key: FileName


class CorsTable(Table):
    """[server.cors]"""

    origins: Annotated[list[Annotated[str, AfterValidator(values.origin)]], Field(max_length=100)] = []
    max_age: Seconds = Field(float(_SERVER.cors.max_age_s), ge=0, le=_DAY)


class LimitsTable(Table):
    """[server.limits]"""

    body: Size = Field(_SERVER.max_body_bytes, ge=_KIB, le=_GIB)
    upload: Size = Field(_SERVER.max_upload_bytes, ge=_KIB, le=_TIB)
    header_block: Size = Field(_SERVER.max_header_bytes, ge=_KIB, le=_MIB)
    header_line: Size = Field(_SERVER.max_header_line_bytes, ge=256, le=_MIB)
    header_count: int = Field(_SERVER.max_headers, ge=8, le=1_000)
    target: Size = Field(_SERVER.max_target_bytes, ge=256, le=_MIB)
    json_depth: int = Field(_SERVER.max_json_depth, ge=8, le=1_000)
    json_tokens: int = Field(_SERVER.max_json_tokens, ge=100, le=100_000_000)
    pipelined: int = Field(_SERVER.max_pipelined, ge=1, le=1_000)
    connections: int = Field(_SERVER.max_connections, ge=1, le=1_000_000)
    connections_per_peer: int = Field(_SERVER.max_connections_per_peer, ge=1, le=1_000_000)
    body_rate: Size = Field(_SERVER.body_min_rate, ge=0, le=_GIB)
    tunnels: int = Field(_SERVER.max_tunnels, ge=0, le=1_000_000)
    tunnel_message: Size = Field(_SERVER.max_tunnel_message_bytes, ge=_KIB, le=_GIB)


class ServerTimeoutsTable(Table):
    """[server.timeouts]"""

    header: Seconds = Field(_SERVER.header_timeout_s, ge=0.05, le=_HOUR)
    body_grace: Seconds = Field(_SERVER.body_grace_s, ge=0.05, le=_HOUR)
    keepalive: Seconds = Field(_SERVER.keepalive_s, ge=0.05, le=_HOUR)
    write_stall: Seconds = Field(_SERVER.write_stall_s, ge=0.05, le=_HOUR)
    tunnel_idle: Seconds = Field(_SERVER.tunnel_idle_s, ge=0.05, le=_DAY)
    tunnel_total: Seconds = Field(_SERVER.tunnel_total_s, ge=0.05, le=7 * _DAY)
    drain: Seconds = Field(_SERVER.drain_s, ge=0, le=_DAY)
    pre_stop: Seconds = Field(_SERVER.pre_stop_s, ge=0, le=_HOUR)


class OverloadTable(Table):
    """[server.overload]"""

    memory: Annotated[
        Annotated[int, Field(ge=64 * _MIB, le=1024 * _TIB)] | None, BeforeValidator(values.size_or_auto)
    ] = _SERVER.overload.memory_bytes
    max_body_memory: Size = Field(_SERVER.overload.max_body_bytes, ge=_MIB, le=_TIB)
    loop_lag: Seconds = Field(_SERVER.overload.loop_lag_s, ge=0.01, le=60)


class ServerTable(Table):
    """[server]"""

    listen: ListenAddress = _SERVER.listen
    workers: int = Field(_SERVER.workers, ge=0, le=256)
    tls: TlsTable | None = None
    trusted_proxies: Annotated[list[Annotated[str, AfterValidator(values.network)]], Field(max_length=1_000)] = []
    cors: CorsTable = CorsTable()
    limits: LimitsTable = LimitsTable()
    timeouts: ServerTimeoutsTable = ServerTimeoutsTable()
    overload: OverloadTable = OverloadTable()


class AdminTable(Table):
    """[admin]"""

    listen: ListenAddress = _ADMIN.listen
    token: SecretStr | None = None


class RetentionTable(Table):
    """[data.retention]"""

    exchanges: Retention = _DATA.keep_exchanges_s
    bodies: Retention = _DATA.keep_bodies_s
    max_store: Quota = _DATA.max_store_bytes


class DataTable(Table):
    """[data]"""

    dir: FileName = _DATA.dir
    retention: RetentionTable = RetentionTable()


class JournalTable(Table):
    """[journal]"""

    durability: Annotated[snapshot.Durability, Field(strict=False)] = _JOURNAL.durability
    bodies: BodyPolicy = _JOURNAL.bodies
    raw_events: bool = _JOURNAL.raw_events
    serve_unlogged: bool = _JOURNAL.serve_unlogged
    segment: Size = Field(_JOURNAL.segment_bytes, ge=64 * _KIB, le=4 * _GIB)
    reserve: Size = Field(_JOURNAL.reserve_bytes, ge=0, le=16 * _GIB)
    max_size: Quota = _JOURNAL.max_bytes
    max_record: Size = Field(_JOURNAL.max_record_bytes, ge=4 * _KIB, le=_GIB)


class ScoresTable(Table):
    """[scores]"""

    window: Seconds = Field(_SCORES.window_s, ge=1, le=366 * _DAY)
    rate: float = Field(_SCORES.rate, gt=0, le=1_000_000)
    burst: int = Field(_SCORES.burst, ge=1, le=1_000_000)
    token_secret: SecretStr | None = None


class ReviewTable(Table):
    """[review]"""

    lease: Seconds = Field(_REVIEW.lease_s, ge=30, le=_DAY)
    overlap: float = Field(_REVIEW.overlap, ge=0, le=1)
    max_waiting: int = Field(_REVIEW.max_waiting, ge=1, le=1_000_000)
    random: float = Field(_REVIEW.random, ge=0, le=1)
    near_threshold: float = Field(_REVIEW.near_threshold, ge=0, le=1)
    thumbs_down: float = Field(_REVIEW.thumbs_down, ge=0, le=1)
    drift: float = Field(_REVIEW.drift, ge=0, le=1)
    per_hour: int = Field(_REVIEW.per_hour, ge=1, le=10_000)


class DriftTable(Table):
    """[drift]"""

    signals: Annotated[list[Annotated[DriftSignal, Field(strict=False)]], Field(max_length=20)] = list(DriftSignal)
    features: Annotated[list[Annotated[DriftFeature, Field(strict=False)]], Field(max_length=20)] = list(DriftFeature)
    reference: int = Field(_DRIFT.reference, ge=200, le=100_000)
    comparison: int = Field(_DRIFT.comparison, ge=200, le=100_000)
    floor: float = Field(_DRIFT.floor, ge=0, le=10)


class BackendTimeoutsTable(Table):
    """[backends.NAME.timeouts]"""

    connect: Seconds = Field(_BACKEND.connect_timeout_s, ge=0.01, le=_HOUR)
    first_byte: Seconds = Field(_BACKEND.first_byte_timeout_s, ge=0.01, le=_DAY)
    idle: Seconds = Field(_BACKEND.idle_timeout_s, ge=0.01, le=_DAY)
    total: Seconds = Field(_BACKEND.total_timeout_s, ge=0.01, le=7 * _DAY)


class HealthTable(Table):
    """[backends.NAME.health]"""

    consecutive: int = Field(_HEALTH.consecutive, ge=1, le=1_000)
    error_share: float = Field(_HEALTH.error_share, gt=0, le=1)
    min_attempts: int = Field(_HEALTH.min_attempts, ge=1, le=100_000)
    window: Seconds = Field(_HEALTH.window_s, ge=0.1, le=_HOUR)
    slow: float = Field(_HEALTH.slow, ge=0, le=1_000)
    eject: Seconds = Field(_HEALTH.eject_s, ge=0.05, le=_HOUR)
    eject_max: Seconds = Field(_HEALTH.eject_max_s, ge=0.05, le=_DAY)
    probe: Annotated[snapshot.ProbeKind, Field(strict=False)] = _HEALTH.probe
    probe_model: ModelName | None = None
    probe_interval: Seconds = Field(_HEALTH.probe_interval_s, ge=0.1, le=_HOUR)
    probe_timeout: Seconds = Field(_HEALTH.probe_timeout_s, ge=0.05, le=_HOUR)


class BackendTable(Table):
    """[backends.NAME]"""

    provider: str
    base_url: Annotated[str, AfterValidator(values.base_url)]
    api_key: SecretStr | None = None
    headers: Annotated[dict[HeaderName, SecretStr], Field(max_length=50)] = {}
    proxy: Annotated[str, AfterValidator(values.proxy_url)] | None = None
    ca_file: FileName | None = None
    keepalive: Seconds = Field(_BACKEND.keepalive_s, ge=0, le=_HOUR)
    max_connections: int = Field(_BACKEND.max_connections, ge=1, le=100_000)
    weight: float = Field(_BACKEND.weight, gt=0, le=1_000_000)
    max_concurrent: Count = _BACKEND.max_concurrent
    queue: int = Field(_BACKEND.queue, ge=0, le=1_000_000)
    queue_wait: Seconds = Field(_BACKEND.queue_wait_s, ge=0, le=_HOUR)
    drained: bool = _BACKEND.is_drained
    health: HealthTable = HealthTable()
    timeouts: BackendTimeoutsTable = BackendTimeoutsTable()


class RetriesTable(Table):
    """[routes.NAME.retries]"""

    max_attempts: int = Field(_RETRIES.max_attempts, ge=1, le=20)
    budget: float = Field(_RETRIES.budget, ge=1.0, le=20.0)
    base: Seconds = Field(_RETRIES.base_s, ge=0, le=60)
    max_wait: Seconds = Field(_RETRIES.max_wait_s, ge=0, le=_HOUR)


class ShadowTable(Table):
    """[routes.NAME.shadow]"""

    version: str
    share: float = Field(_SHADOW.share, ge=0, le=1)
    max_concurrent: int = Field(_SHADOW.max_concurrent, ge=1, le=1_000)
    max_per_minute: int = Field(_SHADOW.max_per_minute, ge=1, le=1_000_000)


class HedgeTable(Table):
    """[routes.NAME.hedge]"""

    after: Annotated[tuple[float | None, float | None], BeforeValidator(values.percentile_or_seconds)] = (
        _HEDGE.percentile,
        None,
    )
    min_wait: Seconds = Field(_HEDGE.min_wait_s, ge=0.001, le=_HOUR)

    @field_validator("after")
    @classmethod
    def _within_bounds(cls, after: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
        if after[1] is not None and not 0.001 <= after[1] <= _HOUR:
            raise ValueError("must be from 1ms to 1h")
        return after


class VersionTable(Table):
    """[routes.NAME.versions.NAME]"""

    backends: Annotated[list[str], Field(min_length=1, max_length=100)]
    model: ModelName | None = None
    prompt: Annotated[str, AfterValidator(prompts.text)] | None = None
    prompt_file: Annotated[FileName, AfterValidator(prompts.file_name)] | None = None
    params: Annotated[dict[str, Any], AfterValidator(_request_params)] = {}
    weight: float | None = Field(None, ge=0, le=1_000_000)


class RouteTable(Table):
    """[routes.NAME]"""

    sticky: Annotated[snapshot.Sticky, BeforeValidator(values.sticky)] = snapshot.Sticky()
    salt: Annotated[str, Field(max_length=256)] = ""
    fallback: Annotated[list[str], Field(max_length=100)] = []
    bodies: BodyPolicy | None = None
    raw_events: bool | None = None
    rules: Annotated[list[RuleTable], Field(max_length=MAX_RULES)] = []
    on_failure: OnFailureTable = OnFailureTable()
    balance: Annotated[snapshot.Balance, Field(strict=False)] = snapshot.Balance.LEAST_BUSY
    retries: RetriesTable = RetriesTable()
    shadow: ShadowTable | None = None
    hedge: HedgeTable | None = None
    rollout: RolloutTable | None = None
    golden: GoldenTable | None = None
    guardrails: Names = []
    parallel: bool = False
    versions: Annotated[dict[Name, VersionTable], Field(min_length=1, max_length=100)]


class KeyTable(Table):
    """[keys.NAME]"""

    hash: Annotated[bytes, BeforeValidator(values.digest)]
    routes: Annotated[list[RouteName], Field(min_length=1, max_length=1_000)] = ["*"]
    operations: Annotated[list[Label], Field(min_length=1, max_length=100)] = ["*"]
    default_route: ModelName | None = None
    expires: Annotated[float, BeforeValidator(values.unix_time)] | None = None
    enabled: bool = True
    may_pin: bool = False
    priority: Annotated[snapshot.Priority, Field(strict=False)] = snapshot.Priority.NORMAL
    tags: Annotated[dict[Label, Label], Field(max_length=32)] = {}


class PriceTable(Table):
    """[prices."MODEL"], in US dollars for a million tokens"""

    input: float = Field(ge=0, le=1_000_000)
    output: float = Field(ge=0, le=1_000_000)
    cached: float | None = Field(None, ge=0, le=1_000_000)


class WebhookTable(Table):
    """[webhooks.NAME]"""

    url: SecretStr
    secret: SecretStr | None = None


class Config(Table):
    """The whole file."""

    server: ServerTable = ServerTable()
    admin: AdminTable = AdminTable()
    data: DataTable = DataTable()
    journal: JournalTable = JournalTable()
    scores: ScoresTable = ScoresTable()
    review: ReviewTable = ReviewTable()
    drift: DriftTable = DriftTable()
    guardrails: GuardrailsTable = GuardrailsTable()
    evaluators: Annotated[dict[Name, EvaluatorTable], Field(max_length=MAX_EVALUATORS)] = {}
    backends: Annotated[dict[Name, BackendTable], Field(max_length=10_000)] = {}
    routes: Annotated[dict[RouteName, RouteTable], Field(min_length=1, max_length=20_000)]
    keys: Annotated[dict[Name, KeyTable], Field(max_length=100_000)] = {}
    webhooks: Annotated[dict[Name, WebhookTable], Field(max_length=20)] = {}
    prices: Annotated[dict[ModelName, PriceTable], Field(max_length=20_000)] = {}
