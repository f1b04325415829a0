"""Finding modules, and reading nothing of them but their manifests."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import structlog
from stevedore import NamedExtensionManager

from lumina_hub.registry.records import ModuleRecord
from lumina_sdk.contract import ModuleOrigin

__all__ = ["GROUP", "MANIFEST", "Found", "discover", "linked"]

GROUP = "lumina.modules"
MANIFEST = "manifest.yml"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A module that is there.

    Args:
        slug: The name it was found by; its manifest should say the same.
        origin: How it was found.
        manifest: Its manifest, where there is a file.
        environment: The virtual environment it runs in; None for the hub's own.
        sources: A folder to import it from, where it is not installed.
        text: The manifest of one that runs elsewhere.
    """

    slug: str
    origin: ModuleOrigin
    manifest: Path | None = None
    environment: Path | None = None
    sources: Path | None = None
    text: str | None = None

    @property
    def folder(self) -> Path | None:
        """Its source, where that is here."""
        return self.manifest.parent if self.manifest is not None and self.origin is ModuleOrigin.FOLDER else None


def discover(folders: Path, state: Path, records: Mapping[str, ModuleRecord]) -> dict[str, Found]:
    """Every module there is, by slug. One found in several ways counts as linked, else as installed or registered, else
    as the folder, else as the entry point.

    Args:
        folders: Holds modules as folders, each with a manifest.
        state: Holds what the hub keeps of each module, its environments among them.
        records: What was linked, installed or registered.
    """
    found: dict[str, Found] = {}
    for module in (*_recorded(state, records), *_in_folders(folders), *_entry_points()):
        if module.slug in found:
            _log.warning("module_found_twice", module=module.slug, used=found[module.slug].origin, also=module.origin)
        else:
            found[module.slug] = module
    return found


def _recorded(state: Path, records: Mapping[str, ModuleRecord]) -> Iterator[Found]:
    for slug, record in records.items():
        if record.linked is not None:
            yield linked(slug, Path(record.linked))
        elif record.installed is not None:
            environment = state / slug / record.installed.environment
            manifest = environment / record.installed.manifest
            yield Found(slug, ModuleOrigin.INSTALLED, manifest, environment)
        elif record.remote is not None:
            yield Found(slug, ModuleOrigin.URL, text=record.remote)


def linked(slug: str, folder: Path) -> Found:
    """A module that is run from a folder somewhere, with the environment in it if there is one."""
    own = folder / ".venv"
    environment = own if (own / "bin" / "python").exists() else None
    return Found(slug, ModuleOrigin.FOLDER, folder / MANIFEST, environment, folder / "src")


def _in_folders(folders: Path) -> Iterator[Found]:
    for manifest in sorted(folders.glob(f"*/{MANIFEST}")):
        folder = manifest.parent
        if not folder.name.startswith("."):
            yield Found(folder.name, ModuleOrigin.FOLDER, manifest, sources=folder / "src")


def _entry_points() -> Iterator[Found]:
    """Distributions beside the hub. Their entry points are listed, not loaded: that would run their code here."""
    listed: list[EntryPoint] = NamedExtensionManager(GROUP, names=[], invoke_on_load=False).list_entry_points()
    for point in listed:
        manifest = _manifest_of(point)
        if manifest is None:
            _log.warning("module_without_manifest", module=point.name, entry_point=point.value)
        else:
            yield Found(point.name, ModuleOrigin.ENTRY_POINT, manifest)


def _manifest_of(point: EntryPoint) -> Path | None:
    """In the package, where an installed distribution has it; or beside `src/`, where a checkout does."""
    spec = importlib.util.find_spec(point.module.partition(".")[0])
    for package in (spec.submodule_search_locations or ()) if spec is not None else ():
        for manifest in (Path(package) / MANIFEST, Path(package).parents[1] / MANIFEST):
            if manifest.is_file():
                return manifest
    return None
