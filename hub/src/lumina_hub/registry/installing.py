"""Installing a module into an environment of its own, beside the one that runs."""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from lumina_core.errors import InvalidInput, StorageFull
from lumina_hub.errors import InstallationFailed, InvalidModule
from lumina_hub.registry import pip
from lumina_hub.registry.discovery import MANIFEST, Found
from lumina_hub.registry.examination import Examined, examine
from lumina_hub.registry.records import Installation
from lumina_hub.registry.wheels import pack_installed
from lumina_sdk.contract import ModuleOrigin
from lumina_sdk.contract.manifest import Manifest

__all__ = ["Built", "Installer", "fetch_manifest", "is_address"]

PACKED = ("lumina-sdk[module,testing]", "hatchling", "editables")
"""What a module's environment may need of what the hub itself runs on: see `wheels.py`."""

_LONGEST_MANIFEST = 256 * 1024
_PREFIX = "venv-"


@dataclass(frozen=True, slots=True)
class Built:
    """A module as a wheel, checked: `manifest_name` is the manifest's name in it."""

    wheel: Path
    manifest: Manifest
    manifest_name: str
    source: str


class Installer:
    """
    Args:
        state: Holds what the hub keeps of each module, in a folder of its name.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._wheels = state / ".wheels"

    @asynccontextmanager
    async def build(self, source: str, report: pip.Report) -> AsyncIterator[Built]:
        """Make a wheel of a folder, a wheel's path or a requirement, and check the manifest in it.

        Raises:
            InstallationFailed: there is no such package, it cannot be built, or it is no module.
            InvalidModule: its manifest is not as it should be.
            StorageFull: the disk is full.
        """
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=self._state) as scratch, _disk():
            await asyncio.to_thread(pack_installed, PACKED, self._wheels)
            wheel = await pip.build_wheel(source, Path(scratch), self._wheels, report)
            yield await asyncio.to_thread(_opened, wheel, source, Path(scratch))

    async def install(self, built: Built, report: pip.Report) -> Installation:
        """Put a wheel and all it needs into a new environment. An unfinished one is removed again.

        Raises:
            InstallationFailed: something it needs is not to be had, or does not go together.
            StorageFull: the disk is full.
        """
        folder = self._state / built.manifest.name
        environment = _unused(folder, built.manifest.version)
        try:
            with _disk():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                await pip.make_environment(environment, report)
                await pip.install([str(built.wheel)], environment, self._wheels, report)
                manifest = next(environment.glob(f"lib/python*/site-packages/{built.manifest_name}"), None)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, environment, ignore_errors=True)
            raise
        if manifest is None:
            raise InstallationFailed(f"error: {built.manifest_name} was not installed with the package")
        return Installation(
            version=built.manifest.version,
            environment=environment.name,
            manifest=manifest.relative_to(environment).as_posix(),
            source=built.source,
            asks=built.manifest.permissions,
        )

    def found(self, slug: str, installation: Installation) -> Found:
        """An installation as the registry finds it."""
        environment = self._state / slug / installation.environment
        return Found(slug, ModuleOrigin.INSTALLED, environment / installation.manifest, environment)

    async def sweep(self, slug: str, keep: Iterable[Installation | None]) -> None:
        """Remove a module's environments but these; what cannot be removed stays."""
        kept = {installation.environment for installation in keep if installation is not None}
        for environment in (self._state / slug).glob(f"{_PREFIX}*"):
            if environment.name not in kept:
                await asyncio.to_thread(shutil.rmtree, environment, ignore_errors=True)

    async def remove_data(self, slug: str) -> None:
        """Remove all that was kept of and by a module."""
        await asyncio.to_thread(shutil.rmtree, self._state / slug, ignore_errors=True)


def is_address(source: str) -> bool:
    """Whether a source is the URL of a manifest."""
    return source.lower().startswith(("http://", "https://"))


async def fetch_manifest(url: str) -> str:
    """Read the manifest of a module that runs elsewhere.

    Raises:
        InvalidInput: there is none at this URL.
    """
    hint = "Give the URL of the module's manifest.yml."
    try:
        async with (
            httpx.AsyncClient(timeout=10, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise InvalidInput(f"{url} answers {response.status_code}", hint=hint)
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_MANIFEST:
                    raise InvalidInput(f"{url} is larger than a manifest may be", hint=hint)
            return body.decode("utf-8")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeDecodeError) as error:
        raise InvalidInput(f"{url} cannot be read: {error or type(error).__name__}", hint=hint) from error


def _opened(wheel: Path, source: str, scratch: Path) -> Built:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if PurePosixPath(name).match(f"*/{MANIFEST}")]
            names = [name for name in names if name.count("/") == 1]
            if len(names) != 1:
                raise InstallationFailed(
                    f"error: {wheel.name} is no module: it holds {len(names) or 'no'} {MANIFEST} in a package"
                )
            text = archive.read(names[0]).decode("utf-8", errors="replace")
    except zipfile.BadZipFile as error:
        raise InstallationFailed(f"error: {wheel.name} is no wheel: {error}") from error
    examined, slug = _examined(text, scratch)
    if examined.manifest is None or examined.errors:
        raise InvalidModule(slug, examined.errors)
    return Built(wheel, examined.manifest, names[0], source)


def _examined(text: str, scratch: Path) -> tuple[Examined, str]:
    """Check a manifest that says itself what its module is called."""
    manifest = scratch / MANIFEST
    manifest.write_text(text, encoding="utf-8")
    first = examine(Found("module", ModuleOrigin.INSTALLED, manifest), {})
    slug = first.manifest.name if first.manifest is not None else "module"
    return examine(Found(slug, ModuleOrigin.INSTALLED, manifest), {}), slug


def _unused(folder: Path, version: str) -> Path:
    """Where to make an environment for a version; another is there already when it is installed once more."""
    environment, number = folder / f"{_PREFIX}{version}", 1
    while environment.exists():
        number += 1
        environment = folder / f"{_PREFIX}{version}-{number}"
    return environment


@contextmanager
def _disk() -> Iterator[None]:
    """Turns running out of space into our error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk is full: nothing was installed", hint="Free some space.") from error
        raise
