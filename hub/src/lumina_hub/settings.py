"""Every setting of the hub, as one table that feeds the program and its reference page.

The order of precedence is flag, environment, file (`<home>/lumina.yml`), default. In the environment a setting is
called `LUMINA_` and its name in capitals; those the seed named are also accepted under the seed's bare names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    SecretStr,
    field_validator,
)
from pydantic.fields import FieldInfo

__all__ = ["SeedName", "Settings", "Source", "ValueSource", "is_loopback", "is_secret", "seed_names"]

DEFAULT_HOME = Path("~/.lumina")


class Source(StrEnum):
    """Where a value may come from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value came from, and the name it carried there (`--port`, `LUMINA_PORT`, `port`)."""

    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class SeedName:
    """The bare name the seed gave a setting; accepted in the environment as it is."""

    name: str


def _no_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Secret = Annotated[SecretStr, PlainSerializer(lambda _: "********", return_type=str)]
Words = tuple[str, ...]


class Settings(BaseModel):
    """Built once, by `lumina_hub.settings_sources.load_settings`, and passed to `create_app`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: Path = Field(DEFAULT_HOME, description="The data directory: everything Lumina keeps, and `owner.token`.")
    graphs: Path | None = Field(None, description="The graph log, the source of truth. Unset: `graphs` in the home.")
    models: Path | None = Field(None, description="Converted embedding models. Unset: `models` in the home.")
    modules: Path | None = Field(
        None, description="A folder of modules, run from where they are. Unset: `modules` in the home."
    )

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Anything but loopback needs TLS or `behind_proxy`."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one, named in `hub.json`.")
    tls_cert: Path | None = Field(None, description="Certificate chain, PEM. Set together with `tls_key`.")
    tls_key: Path | None = Field(None, description="Private key of `tls_cert`, PEM.")
    behind_proxy: bool = Field(
        False, description="A proxy in front of the hub encrypts; allows listening beyond loopback without TLS."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#\s]+$",
        description="The address clients reach the hub at, where that is not its own: it names the issuer of tokens.",
    )
    cors_origins: Words = Field((), description="Web origins, comma-separated, whose pages may call the hub.")

    access_token_s: int = Field(
        900, ge=60, le=3600, description="Life, in seconds, of an access token that `/oauth/token` grants."
    )
    session_idle_s: int = Field(
        43_200, ge=300, description="A browser session ends when it was not used for so many seconds."
    )
    session_longest_s: int = Field(
        604_800, ge=300, description="A browser session ends so many seconds after its login, used or not."
    )

    max_body_bytes: int = Field(262_144, ge=1024, description="Requests larger than this are refused unread.")
    max_upload_bytes: int = Field(
        64 * 1024 * 1024, ge=1024, description="The same for articles, points, texts to embed and files of modules."
    )
    max_question_chars: int = Field(8_000, ge=1, le=100_000, description="Longer questions are refused.")
    stop_timeout_s: float = Field(10.0, ge=0, description="How long running requests may take when the hub stops.")

    redis_url: Secret | None = Field(None, description="A Redis to use instead of the one Lumina starts itself.")
    redis_server: Path | None = Field(
        None, description="The `redis-server` to start. Unset: the newest found, else the packaged one."
    )
    qdrant_url: str | None = Field(None, description="A Qdrant server to use instead of the built-in Qdrant Edge.")
    qdrant_api_key: Secret | None = Field(None, description="The API key of `qdrant_url`.")
    qdrant_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]{0,64}$", description="Put before collection names, so that hubs can share one."
    )

    embedder: str = Field("onnx", description="The embedder driver: `onnx`, `sentence-transformers`, `ollama`, …")
    embedder_precision: Literal["auto", "int8", "fp32"] = Field(
        "auto", description="How the `onnx` embedder computes; `auto` takes the fastest this CPU has."
    )
    embedder_threads: int | None = Field(None, ge=1, le=256, description="Threads for a question's embedding.")
    embedder_url: str | None = Field(None, description="Where the `ollama` or `openai` embedder is.")
    embedder_model: str | None = Field(None, description="The model the `ollama` or `openai` embedder asks for.")
    embedder_api_key: Secret | None = Field(None, description="The API key of `embedder_url`.")
    answerer: str = Field("extractive", description="The driver that makes answers from what a search found.")

    engine: str = Field(
        "extractive", description="The language engine; `extractive` has no model and generates nothing."
    )

    event_attempts: int = Field(
        5, ge=1, le=1000, description="How often an event is given to one group before it becomes a dead letter."
    )
    stream_length: int = Field(
        10_000,
        ge=100,
        description="How many events a stream keeps; ten times as many where a group has not handled them.",
    )
    module_values_bytes: int = Field(
        16 * 1024 * 1024, ge=0, description="How much the keys and values of one module may take in Redis."
    )
    module_files_bytes: int = Field(
        1024 * 1024 * 1024, ge=0, description="How much the files one module keeps in the hub may take."
    )

    recall_top_k: Annotated[int, SeedName("RECALL_TOP_K")] = Field(
        3, ge=0, le=100, description="How many similar past turns a question brings back."
    )
    recall_max_days: Annotated[float, SeedName("RECALL_MAX_DAYS")] = Field(
        14, gt=0, description="How old, in days, a past turn may be to be brought back."
    )
    history_turns: Annotated[int, SeedName("HISTORY_TURNS")] = Field(
        4, ge=0, le=100, description="How many turns of the session give a follow-up question its meaning."
    )
    pad_ttl: Annotated[int, SeedName("PAD_TTL")] = Field(
        300, ge=1, description="Life of a scratchpad, in seconds; it is compressed before it ends."
    )
    gap_threshold: Annotated[float, SeedName("GAP_THRESHOLD")] = Field(
        0.40, ge=0, le=1, description="An answer less confident than this counts as a miss in `retrieval_hit_ratio`."
    )

    autosave_s: int = Field(
        3600, ge=0, description="How often, in seconds, the graph gets a recovery point, if it changed; 0 is never."
    )
    indexer_niceness: int = Field(
        10, ge=0, le=19, description="How far the indexer gives way to other programs; 0 is not at all."
    )
    starter: bool = Field(True, description="Learn Lumina's own documentation on the first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    _sources: dict[str, ValueSource] = PrivateAttr(default_factory=dict)

    @field_validator(
        "graphs",
        "models",
        "modules",
        "tls_cert",
        "tls_key",
        "public_url",
        "redis_url",
        "redis_server",
        "qdrant_url",
        "qdrant_api_key",
        "embedder_threads",
        "embedder_url",
        "embedder_model",
        "embedder_api_key",
        mode="before",
    )
    @classmethod
    def _blank_is_unset(cls, value: object) -> object:
        return _no_blank(value)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("home", "graphs", "models", "modules", "tls_cert", "tls_key", "redis_server")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @property
    def graphs_dir(self) -> Path:
        return self.graphs or self.home / "graphs"

    @property
    def models_dir(self) -> Path:
        return self.models or self.home / "models"

    @property
    def modules_dir(self) -> Path:
        return self.modules or self.home / "modules"

    @property
    def is_encrypted(self) -> bool:
        """Whether callers reach the hub over TLS."""
        return self.tls_cert is not None or self.behind_proxy

    @property
    def issuer(self) -> str:
        """Who the hub is, in the tokens it signs (RFC 8414, section 2)."""
        if self.public_url is not None:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"

    def source_of(self, name: str) -> ValueSource:
        """Where the value of `name` came from."""
        return self._sources.get(name, ValueSource(Source.DEFAULT, name))

    def with_sources(self, sources: Mapping[str, ValueSource]) -> Settings:
        """The same settings, knowing where each value came from."""
        copy = self.model_copy()
        copy._sources = dict(sources)
        return copy

    def shown(self, name: str) -> str:
        """The value as people may see it: secrets as stars, what is unset as an empty string."""
        value: Any = getattr(self, name)
        if isinstance(value, SecretStr):
            return "********"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ",".join(value)
        return "" if value is None else str(value)


def seed_names() -> dict[str, str]:
    """The seed's bare names, each with the setting it stands for."""
    return {
        marker.name: name
        for name, field in Settings.model_fields.items()
        for marker in field.metadata
        if isinstance(marker, SeedName)
    }


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting must never be shown."""
    return SecretStr in {field.annotation, *get_args(field.annotation)} or "SecretStr" in str(field.annotation)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
