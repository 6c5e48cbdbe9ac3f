"""Every setting, each with a default that works. ``docs/settings.md`` lists them; a test holds it to that.

A setting is read from ``GREENROOM_<NAME>``; the groups have a prefix of their own
(``GREENROOM_MEDIA_MAX_SECONDS``).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.threads import DEFAULT_THREADS

Environment = Literal["demo", "test", "production"]


class MediaSettings(BaseSettings):
    """Bounds on hostile video."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_MEDIA_", extra="ignore")

    max_seconds: float = Field(600.0, description="Longest video in a campaign or an import, seconds.")
    max_seconds_analyze: float = Field(14_400.0, description="Longest video for `analyze`, seconds.")
    max_bytes: int = Field(2_000_000_000, description="Largest file, bytes.")
    max_pixels: int = Field(3840 * 2160, description="Most pixels in one frame.")
    max_frame_rate: float = Field(120.0, description="Highest frame rate, frames a second.")
    max_streams: int = Field(8, description="Most streams in a container.")
    min_side: int = Field(16, description="Fewest pixels on the shorter side of the picture.")
    child_memory_mb: int = Field(3000, description="Address space of a decoding child, MB.")
    child_seconds: float = Field(
        900.0, description="CPU seconds of a decoding child for ten minutes of video; grows with max_seconds."
    )
    stall_seconds: float = Field(
        120.0,
        description="A decoding child that keeps its reader waiting this long for one message is ended, seconds.",
    )
    files_a_nursery: int = Field(
        200,
        description="Files that this installation wrote itself are read in children of a process that has loaded the "
        "libraries, and that a new one replaces after this many files. A foreign file never is: it gets a fresh "
        "process. 0: every file does.",
    )


class WebSettings(BaseSettings):
    """The web application."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_WEB_", extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8321, description="Port to listen on.")
    origin: str = Field(
        "",
        description="Where people open the console, such as https://greenroom.brand.example: passkeys are bound to it. "
        "Empty: the request's own host, except in production, where passkeys then do not work.",
    )
    session_hours: float = Field(12.0, description="A sign-in lasts this long, hours.")
    upload_max_bytes: int = Field(300_000_000, description="Largest upload, bytes.")
    veil: bool = Field(
        False,
        description="Videos in the console are blurred and muted until somebody plays them, and their pictures in "
        "lists are blurred: for organisations that review what is hard to look at. A brand's administrator may say "
        "otherwise for that brand.",
    )
    link_hours: float = Field(168.0, description="A delivery link lasts this long by default, hours.")

    @property
    def address(self) -> str:
        """Where a person on this machine opens it. Browsers offer no passkeys at a bare address of numbers."""
        host = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0") else self.host  # noqa: S104 - to read
        return self.origin or f"http://{host}:{self.port}"


class PipelineSettings(BaseSettings):
    """Jobs, leases and the relay."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_PIPELINE_", extra="ignore")

    lease_seconds: float = Field(
        60.0, description="A stage's lease ends this long after its last renewal, seconds."
    )
    stage_deadline_seconds: float = Field(3600.0, description="No lease is renewed past this age, seconds.")
    max_attempts: int = Field(3, description="Tries of one stage before the render is parked as failed.")
    max_waits: int = Field(
        30,
        description="Tries of one stage while another service (the timestamp authority) does not answer, with "
        "pauses that double up to a minute, before the render is parked as failed.",
    )
    sweep_seconds: float = Field(
        5.0, description="The sweeper looks for stalled renders and ended authorities this often, seconds."
    )
    resend_seconds: float = Field(
        30.0,
        description="A message about a waiting render counts as lost after this long and is sent again, seconds.",
    )
    sent_seconds: float = Field(
        86_400.0,
        ge=0,
        description="A message that was sent is deleted from the outbox after this long, seconds.",
    )
    workers: int = Field(
        1,
        description="Worker processes that `greenroom up` starts; beside them one more takes the short stages of the "
        "kind io alone, so that what was approved does not wait for a long video.",
    )
    kinds: str = Field(
        "cpu,gpu,io",
        description="Kinds of stage that a worker takes, which are its queues: cpu, gpu, io. `io` signs credentials "
        "and releases; only its workers need the claim-signing key.",
    )
    drain_seconds: float = Field(
        10.0,
        description="A process that is told to end finishes what it has in hand within this long, seconds; a stage "
        "that takes longer is given back.",
    )


class MetricsSettings(BaseSettings):
    """Numbers for Prometheus."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_METRICS_", extra="ignore")

    host: str = Field("127.0.0.1", description="Address at which a process offers its numbers (`/metrics`).")
    port: int = Field(
        0,
        ge=0,
        le=65_000,
        description="Port of that address; where it is taken, the first free one of the next 20. 0: no such port. "
        "Single commands never open one.",
    )
    token: SecretStr = Field(
        SecretStr(""),
        description="Whoever sends it (`Authorization: Bearer ...`) may read `/metrics` of the web application. Empty: "
        "programs on this machine may, and in production nobody.",
    )
    baseline: str = Field(
        "",
        description="File of `greenroom status --record-baseline FILE`: how the gates' scores were spread when all was "
        "well. Empty: no drift is measured.",
    )
    ledger_report: str = Field(
        "",
        description="File in which a timer keeps the last answer of `greenroom ledger verify --json`. Empty: "
        "`ledger-verify.json` in the home folder.",
    )


class Settings(BaseSettings):
    """Settings of one Greenroom installation."""

    model_config = SettingsConfigDict(env_prefix="GREENROOM_", extra="ignore")

    environment: Environment = Field(
        "demo",
        description="demo, test or production. A development CA or timestamp authority releases only in demo "
        "(and test); `research` weights are off in production.",
    )
    home: Path = Field(
        Path(".greenroom"), description="Folder for the database, blobs, keys and ledger tiles."
    )
    database_url: str = Field("", description="SQLAlchemy URL. Empty: SQLite in the home folder.")
    blob_url: str = Field(
        "", description="obstore URL (file:// or s3://). Empty: a folder in the home folder."
    )
    blob_cache_bytes: int = Field(
        20_000_000_000, description="Local copies of remote blobs are dropped past this size, bytes."
    )
    blob_seconds: float = Field(
        10.0,
        gt=0,
        description="A request to a blob store past this machine that brings nothing for this long is given up and "
        "tried twice more, seconds. A door waits for at most 3 seconds, once more.",
    )
    broker_url: str = Field(
        "",
        description="Address of the broker: redis://, rediss://, amqp:// or amqps://. Empty: the filesystem transport "
        "in the home folder.",
    )
    rates_url: str = Field(
        "",
        description="Redis URL under which all web processes count tries together. Empty: each counts for itself.",
    )
    tls_ca: str = Field(
        "",
        description="File of the certificates (PEM) against which a broker or Redis is verified whose address says TLS "
        "(rediss://, amqps://). Empty: the system's.",
    )
    outward_networks: str = Field(
        "",
        description="Networks of the house that webhooks may reach besides public addresses, such as 10.20.0.0/16, "
        "separated by commas; plain http:// is understood there too. Empty: none.",
    )
    weights_dir: Path = Field(
        Path("~/.cache/greenroom/weights"), description="Where pulled model weights are kept."
    )
    weights_sources: str = Field("", description="Extra folders to look for weights, separated by ':'.")
    ledger_url: str = Field(
        "",
        description="Where the ledger's tiles and checkpoints lie: file:// or an obstore URL (s3://). Empty: the "
        "folder `ledger` in the home folder.",
    )
    master_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret that signs links and sessions. Empty, and no file named: one is made in the home folder, "
        "on SQLite only.",
    )
    master_secret_file: str = Field(
        "",
        description="File that holds the master secret instead (a Docker secret, a systemd credential); one newline at "
        "its end does not count.",
    )
    ledger_keys: str = Field(
        "",
        description="Folder of the key that signs checkpoints, or the https:// address of a remote signer. Empty: "
        "keys/ledger in the home folder.",
    )
    receipt_keys: str = Field(
        "",
        description="Folder of the key that signs receipts, or a remote signer's address. Empty: keys/receipts in the "
        "home folder.",
    )
    authority_keys: str = Field(
        "",
        description="Folder of the key that signs authorities and their statuses, or a remote signer's address. Empty: "
        "keys/authorities in the home folder.",
    )
    approval_keys: str = Field(
        "",
        description="Folder of the key that signs approvals, or a remote signer's address. A folder is owned by the "
        "web application's user, its parents not writable by the workers'. Empty: keys/approvals in the home folder.",
    )
    public_keys: str = Field(
        "",
        description="Folder with one folder a name for the public halves of keys that a remote signer holds. Empty: "
        "keys in the home folder.",
    )
    signer_token: SecretStr = Field(
        SecretStr(""), description="Bearer token that this process shows to remote signers."
    )
    signer_token_file: str = Field("", description="File that holds that token instead.")
    witnesses: str = Field(
        "",
        description="Folder of kept ledger checkpoints, best on another machine's disk: `ledger witness` writes there, "
        "`ledger verify` and `restore` hold the ledger against them. Empty: none.",
    )
    timestamp_url: str = Field(
        "", description="RFC 3161 timestamp authority. Empty: a development one on loopback."
    )
    trust_anchors: str = Field("", description="PEM file of extra C2PA trust anchors.")
    signing_key: str = Field(
        "",
        description="PEM file of the ES256 claim-signing key, or a remote signer's address. Empty: the development "
        "authority's.",
    )
    signing_chain: str = Field(
        "", description="PEM file of the claim-signing certificate and its intermediates."
    )
    signing_anchors: str = Field(
        "",
        description="PEM file of the roots under which this installation's credentials are trusted: the signing "
        "certificate's, and the timestamp authority's.",
    )
    development_pki: str = Field(
        "",
        description="Folder of the development certificate authority, the same on every machine. Empty: keys/pki in "
        "the home folder.",
    )
    log: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "WARNING", description="Least level of a log line; logs go to stderr."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="A log line is a JSON object or text. auto: text at a terminal, JSON elsewhere."
    )
    threads: int = Field(
        DEFAULT_THREADS,
        ge=1,
        description="Threads that one process may use for codecs, OpenCV, and the models that scale. numpy, torch and "
        "scikit-learn take one.",
    )

    media: MediaSettings = Field(default_factory=MediaSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.home.resolve() / 'greenroom.db'}"

    @property
    def effective_blob_url(self) -> str:
        return self.blob_url or f"file://{self.home.resolve() / 'blobs'}"

    @property
    def shared_database(self) -> bool:
        """Whether the database is one that further machines may work on: any but SQLite."""
        return not self.effective_database_url.startswith("sqlite")

    @property
    def effective_ledger_url(self) -> str:
        return self.ledger_url or f"file://{self.home.resolve() / 'ledger'}"

    @property
    def keys_dir(self) -> Path:
        """Signing keys, mode 0700, made on first use."""
        folder = self.home / "keys"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read from the environment once. Tests call ``get_settings.cache_clear()``."""
    return Settings()
