"""Wheels of what is installed here, for environments that must not ask an index for it.

`lumina-sdk` is on no index: a module's environment gets the hub's own copy, and with it the versions of its
dependencies that the hub runs with. So a module that needs nothing else is installed without a network.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

__all__ = ["pack", "pack_installed"]

_OF_THIS_INSTALLATION = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_installed(requirements: Iterable[str], into: Path) -> None:
    """Make `into` hold a wheel of each distribution that `requirements` and what they depend on name, and no others.

    What is not installed is left out. Wheels that are there already are kept.

    Raises:
        OSError: a file cannot be read or written.
    """
    into.mkdir(parents=True, exist_ok=True)
    made = {pack(found, into) for found in _closure(requirements)}
    for stale in set(into.iterdir()) - made:
        stale.unlink()


def pack(installed: Distribution, into: Path) -> Path:
    """Write the wheel a distribution could have been installed from, in place of one of that name. One whose source is
    installed in place is written anew every time: it may have changed.

    Raises:
        OSError: a file cannot be read or written.
    """
    stem = f"{_escaped(installed.name)}-{_escaped(installed.version)}"
    wheel = into / f"{stem}-{_tags(installed)}.whl"
    in_place = _is_in_place(installed)
    if wheel.exists() and not in_place:
        return wheel
    unfinished = wheel.with_suffix(".new")
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(unfinished, "w") as archive:
        for name, path in _files(installed, in_place=in_place):
            content = path.read_bytes()
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, content)
            rows.writerow((name, f"sha256={_digest(content)}", len(content)))
        rows.writerow((f"{stem}.dist-info/RECORD", "", ""))
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD", _EPOCH), record.getvalue())
    return unfinished.replace(wheel)


def _closure(requirements: Iterable[str]) -> Iterator[Distribution]:
    waiting = [Requirement(text) for text in requirements]
    met: dict[NormalizedName, set[str]] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = met.get(name, set()) | requirement.extras
        if name in met and extras == met[name]:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if name not in met:
            yield found
        met[name] = extras
        for needed in map(Requirement, found.requires or ()):
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append(needed)


def _files(installed: Distribution, *, in_place: bool) -> Iterator[tuple[str, Path]]:
    """Names in the wheel, and where their content is. Scripts are left out: installing makes them anew."""
    for file in installed.files or ():
        of_metadata = file.parts[0].endswith(".dist-info")
        if ".." in file.parts or "__pycache__" in file.parts or (in_place and not of_metadata):
            continue
        if not (of_metadata and file.name in _OF_THIS_INSTALLATION):
            yield str(file), Path(str(installed.locate_file(file)))
    if in_place:
        package = _escaped(installed.name)
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield f"{package}/{path.relative_to(folder).as_posix()}", path


def _is_in_place(installed: Distribution) -> bool:
    """Whether its code is not here but in a checkout (PEP 660)."""
    origin = installed.read_text("direct_url.json")
    return origin is not None and bool(json.loads(origin).get("dir_info", {}).get("editable"))


def _tags(installed: Distribution) -> str:
    """Which interpreters it is for, as a wheel's name says it (PEP 425)."""
    lines = (installed.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag:").strip().split("-") for line in lines if line.startswith("Tag:")]
    return "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True)) or "py3-none-any"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _escaped(text: str) -> str:
    return canonicalize_name(text).replace("-", "_") if text[:1].isalpha() else text.replace("-", "_")
