"""Modules as the hub knows them: found, checked, granted, running."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from lumina_sdk.contract._model import RequestModel, WireModel
from lumina_sdk.contract.finding import ModuleFinding
from lumina_sdk.contract.manifest import Manifest
from lumina_sdk.contract.names import Slug
from lumina_sdk.contract.scope import ScopeText

__all__ = [
    "EnableModule",
    "GrantModule",
    "GrantedScopes",
    "InstallModule",
    "InstallProgress",
    "LogLevel",
    "ModuleConfig",
    "ModuleDetail",
    "ModuleHealth",
    "ModuleLogLine",
    "ModuleLogs",
    "ModuleOrigin",
    "ModuleProcess",
    "ModuleState",
    "ModuleSummary",
    "Modules",
    "PutModuleConfig",
    "RestartModule",
    "UpgradeModule",
]

Scopes = Annotated[tuple[ScopeText, ...], Field(max_length=100)]


class ModuleState(StrEnum):
    """How far a module has come: `discovered → validated → granted → active`.

    `waiting_for_grants`: switched on, and asks for scopes nobody decided on. `degraded`: enabled, and not well.
    `disabled`: switched off. `invalid`: found, and its manifest or its dependencies do not allow running it.
    """

    DISCOVERED = "discovered"
    INVALID = "invalid"
    VALIDATED = "validated"
    WAITING_FOR_GRANTS = "waiting_for_grants"
    GRANTED = "granted"
    ACTIVE = "active"
    DEGRADED = "degraded"
    DISABLED = "disabled"

    @property
    def serves(self) -> bool:
        """Whether its endpoints are in the hub's route table."""
        return self in (ModuleState.ACTIVE, ModuleState.DEGRADED)


class ModuleOrigin(StrEnum):
    """How a module was found."""

    ENTRY_POINT = "entry_point"
    FOLDER = "folder"
    INSTALLED = "installed"
    URL = "url"


class GrantedScopes(WireModel):
    """What the owner allowed a module, and for which version. `at` is epoch seconds."""

    scopes: tuple[str, ...]
    version: str
    by: str
    at: float


class ModuleHealth(WireModel):
    """The last answer to a health check; `checked_at` is epoch seconds."""

    healthy: bool
    checked_at: float
    detail: str = ""


class ModuleProcess(WireModel):
    """A module's process. `restarts` counts those since it was enabled, `cpu_percent` is of one core."""

    pid: int
    started_at: float
    restarts: int = 0
    cpu_percent: float | None = None
    memory_bytes: int | None = None


class ModuleSummary(WireModel):
    """A module as lists show it. `reason` says in a sentence why it is not active, "" where it is."""

    name: str
    version: str
    description: str
    state: ModuleState
    origin: ModuleOrigin
    reason: str = ""
    endpoints: int = 0
    missing_scopes: tuple[str, ...] = ()


class Modules(WireModel):
    """By name."""

    modules: tuple[ModuleSummary, ...]


class ModuleDetail(ModuleSummary):
    """A module, whole. `manifest` is None where it cannot be read; `findings` then says why.

    `available_version` is set where a newer version is installed than the one that runs, and waits for a decision on
    `available_asks`. `location` is a path or a URL.
    """

    manifest: Manifest | None = None
    granted: GrantedScopes | None = None
    findings: tuple[ModuleFinding, ...] = ()
    process: ModuleProcess | None = None
    health: ModuleHealth | None = None
    location: str = ""
    available_version: str | None = None
    available_asks: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()


class InstallModule(RequestModel):
    """What to install: a folder or wheel on the hub's machine, a package as PEP 508 writes it, or the URL
    of a manifest for a module that runs elsewhere."""

    source: str = Field(min_length=1, max_length=4096, examples=["/srv/my-module", "lumina-my-module >= 0.2"])
    in_place: bool = Field(
        default=False, description="Run the folder `source` where it is, in place of what is installed, until removed."
    )


class UpgradeModule(RequestModel):
    """The version to go over to. Without a source, the newest that is where the present one came from."""

    source: str | None = Field(default=None, min_length=1, max_length=4096)
    grant_all: bool = Field(default=False, description="Allow the new version all it asks for, so that it never waits.")


class InstallProgress(WireModel):
    """A line about an installation under way."""

    line: str


class GrantModule(RequestModel):
    """What to allow a module; it replaces what was granted before. A scope the module does not ask for is refused."""

    scopes: Scopes
    version: str | None = Field(default=None, description="Refused if the module has another version now.")


class EnableModule(RequestModel):
    """Switch a module on. `grant_all` grants what its manifest asks for; without it, the problem
    `module-waits-for-grants` names what is not granted yet."""

    grant_all: bool = False


class RestartModule(RequestModel):
    """Start a module anew. `grant_all` grants what its manifest asks for now."""

    grant_all: bool = False


class ModuleConfig(WireModel):
    """A module's settings, and the JSON Schema they follow. Secrets (`"writeOnly": true`) are shown as None."""

    values: dict[str, JsonValue]
    config_schema: dict[str, JsonValue] = Field(default_factory=dict)


class PutModuleConfig(RequestModel):
    """All of a module's settings. A secret given as None stays as it is. The module is restarted with them."""

    values: dict[str, JsonValue]


class LogLevel(StrEnum):
    """How grave a log line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class ModuleLogLine(WireModel):
    """A line a module logged, or wrote to its output. `ts` is epoch seconds."""

    ts: float
    level: LogLevel = LogLevel.INFO
    event: str
    fields: dict[str, JsonValue] = Field(default_factory=dict)


class ModuleLogs(WireModel):
    """Oldest first."""

    name: Slug
    lines: tuple[ModuleLogLine, ...]
